/** Steps that look: `wait` until something holds, `expect` that it does, and what nodes are asked to do about themselves. */
import { RecoveryData } from "../../node/wire/control.ts";
import { formatDuration } from "../base/duration.ts";
import { LabError } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";
import { lookAtAll, parseCondition } from "../cluster/lab-conditions.ts";
import { waitUntil } from "../cluster/wait-for.ts";
import { isUp } from "../engine/node-status.ts";
import type { ActionFields } from "./actions.ts";
import { type Conditions, listConditions } from "./condition-schema.ts";
import { assertNobodyDied, type Outcome, pass, resolveOne, type StepContext, spanMs } from "./step-context.ts";

/** Long enough for detection, election and healing with the slow profile, on a busy machine. */
const WAIT_MS = 60_000;

export async function waitStep(context: StepContext, fields: ActionFields<"wait">): Promise<Outcome> {
  return await look(context, fields, fields.within === undefined ? WAIT_MS : spanMs(fields.within));
}

/** Looks once, unless the step says how long it may take. */
export async function expectStep(context: StepContext, fields: ActionFields<"expect">): Promise<Outcome> {
  if (fields.within !== undefined) return await look(context, fields, spanMs(fields.within));
  const { lab } = context;
  await lab.refresh();
  const texts = listConditions(fields);
  const view = await lookAtAll(texts.map(parseCondition), lab, await lab.ping());
  await assertNobodyDied(context);
  if (view.done) return { resolved: "", seen: "yes" };
  throw new LabError("failed", `expected ${texts.join(", ")}, but: ${view.seen}`, [
    NEXT.listNodes(),
    NEXT.readAllLogs(),
  ]);
}

async function look(context: StepContext, fields: Conditions, timeoutMs: number): Promise<Outcome> {
  const { lab, clock, signal } = context;
  const texts = listConditions(fields);
  const conditions = texts.map(parseCondition);
  const beganMs = clock.nowMs();
  try {
    await waitUntil(lab, { timeoutMs, signal }, async (answers) => {
      // A dead node ends the wait: the reason of its death says more than the condition that it didn't reach.
      await assertNobodyDied(context);
      return await lookAtAll(conditions, lab, answers);
    });
  } catch (error) {
    if (!(error instanceof LabError) || error.exit !== "timeout") throw error;
    const what = `${texts.join(", ")}: ${error.message}`;
    throw new LabError("failed", what, [NEXT.listNodes(), NEXT.readAllLogs()], {
      cause: error,
      details: error.details,
    });
  }
  return { resolved: "", seen: `after ${formatDuration(clock.nowMs() - beganMs)}` };
}

export async function sleepStep(context: StepContext, fields: ActionFields<"sleep">): Promise<Outcome> {
  await pass(context, fields.for);
  return { resolved: "", seen: "" };
}

export async function electionStep(context: StepContext, fields: ActionFields<"election">): Promise<Outcome> {
  const { lab } = context;
  const id = fields.node === undefined ? lab.running[0] : await resolveOne(context, fields.node, isUp);
  if (id === undefined) throw new LabError("failed", "no node is running", "start one first");
  // As patient as with a trade: a starved node answers late.
  await lab.call(id, { op: "election" }, { timeoutMs: 15_000 });
  return { resolved: `node ${id} starts an election`, seen: "" };
}

export async function recoverStep(context: StepContext, fields: ActionFields<"recover">): Promise<Outcome> {
  const { lab } = context;
  const id = await resolveOne(context, fields.node, isUp);
  const request = { op: "recover", accept_loss: fields.acceptLoss === true } as const;
  const { state } = RecoveryData.parse((await lab.call(id, request, { timeoutMs: 15_000 })).data);
  return { resolved: `node ${id}`, seen: state };
}
