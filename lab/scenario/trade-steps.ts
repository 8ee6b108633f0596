/** Steps that trade: one order with the ending that is expected of it, or a load. */
import { formatDuration } from "../base/duration.ts";
import { interrupted, LabError } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";
import { isUp } from "../engine/node-status.ts";
import { parseChance } from "../faults/parse-fault.ts";
import type { ActionFields } from "./actions.ts";
import type { LoadPlan } from "./loads.ts";
import { type OrderResult, placeOrder } from "./orders.ts";
import type { LoadSummary } from "./result.ts";
import { type Outcome, resolveOne, type StepContext, spanMs } from "./step-context.ts";
import { readPerSecond } from "./values.ts";

const ANSWER_MS = 15_000;

/** @throws LabError("failed") when it ends otherwise than expected */
export async function tradeStep(
  context: StepContext,
  op: "sell" | "buy",
  fields: ActionFields<"sell" | "buy">,
): Promise<Outcome> {
  const { lab, clock } = context;
  const expected = fields.expect ?? "settled";
  const node = await resolveOne(context, fields.node, isUp);
  const peer = await resolveOne(context, fields.peer, ({ id }) => id !== node);
  const timeoutMs = fields.within === undefined ? ANSWER_MS : spanMs(fields.within);
  const beganMs = clock.nowMs();
  const result = await placeOrder(lab, { op, node, peer, amount: fields.amount }, { timeoutMs });
  const took = formatDuration(clock.nowMs() - beganMs);
  const resolved = `${op} ${node} ${peer} ${fields.amount}`;
  const seen = describeResult(result, took);
  const isOtherCode = fields.code !== undefined && (result.result !== "refused" || result.code !== fields.code);
  if (result.result === expected && !isOtherCode) return { resolved, seen };
  const wanted = fields.code === undefined ? expected : `${expected} with ${fields.code}`;
  throw new LabError("failed", `${resolved} should be ${wanted}, but: ${seen}`, [NEXT.listNodes(), NEXT.readAllLogs()]);
}

function describeResult(result: OrderResult, took: string): string {
  if (result.result === "settled") return `settled as ${result.tradeId} after ${took}`;
  if (result.result === "refused") return `refused: ${result.code}, ${result.text}`;
  return `open after ${took}: ${result.text}`;
}

/** @throws LabError("failed") when fewer settle than `settled` asks for */
export async function loadStep(context: StepContext, path: string, fields: ActionFields<"load">): Promise<Outcome> {
  const { loads, signal } = context;
  if (fields.stop === true) {
    const summaries = await loads.stop();
    for (const { summary, settled } of loads.demanding()) assertSettled(summary, settled);
    return { resolved: "stopped", seen: summaries.map(describeLoad).join("; ") };
  }
  const plan = await planLoad(context, path, fields);
  const { finish } = loads.begin(plan);
  const isInBackground = fields.for === undefined || fields.background === true;
  if (isInBackground) return { resolved: `${plan.rate} trades a second in the background`, seen: "" };
  const summary = await untilAborted(finish(), signal);
  assertSettled(summary, fields.settled);
  return { resolved: "", seen: describeLoad(summary) };
}

async function planLoad(context: StepContext, path: string, fields: ActionFields<"load">): Promise<LoadPlan> {
  const pairs: [number, number][] = [];
  for (const [from, to] of fields.pairs ?? []) {
    const node = await resolveOne(context, from, isUp);
    pairs.push([node, await resolveOne(context, to, ({ id }) => id !== node)]);
  }
  const amount = fields.amount ?? 1;
  return {
    path,
    rate: fields.rate === undefined ? 1 : readPerSecond(fields.rate),
    forMs: fields.for === undefined ? null : spanMs(fields.for),
    settled: fields.settled,
    pairs: fields.pairs === undefined ? null : pairs,
    amount: typeof amount === "number" ? [amount, amount] : amount,
  };
}

export function describeLoad({ offered, settled, refused, open }: LoadSummary): string {
  const others = [...(refused > 0 ? [`${refused} refused`] : []), ...(open > 0 ? [`${open} open`] : [])];
  return [`${settled} of ${offered} trades settled`, ...others].join(", ");
}

function assertSettled(summary: LoadSummary, least: string | undefined): void {
  if (least === undefined) return;
  if (summary.offered > 0 && summary.settled >= summary.offered * parseChance(least, "settled")) return;
  const message = `fewer than ${least} of the trades settled: ${describeLoad(summary)}`;
  throw new LabError("failed", message, [NEXT.readOrders(), NEXT.readAllLogs()]);
}

/** An abort ends the waiting only; the work goes on by itself. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(interrupted());
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
