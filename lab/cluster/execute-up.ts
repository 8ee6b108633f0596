/**
 * Does what `plan-up.ts` decided: record -> create -> agree, and takes back what it made when it doesn't get there.
 *
 * Order of creation: first the lab's folder with what is going to exist, then the engine's things, each of which carries its lab's
 * name. So a CLI that is killed at any instant leaves only what `lab down` finds. Whatever doesn't depend on each other runs at the
 * same time: image and network, all nodes, and the first questions to nodes that are still starting.
 */
import { toBase64, toHex } from "../base/bytes.ts";
import { interrupted, LabError } from "../base/lab-error.ts";
import type { LabState } from "../base/lab-state.ts";
import { NEXT } from "../base/next.ts";
import type { Engine, LabInfo, LabSpec, NodeInfo, Progress } from "../engine/engine.ts";
import { EMPTY_FAULT_LIST } from "../faults/fault.ts";
import { FAULTS_FILE } from "../faults/fault-store.ts";
import { noteAction } from "../journal/lab-journal.ts";
import { start } from "./change.ts";
import { kindOf } from "./kind.ts";
import { LabHandle } from "./lab-handle.ts";
import { MADE_FILE } from "./made-record.ts";
import { describeMinted } from "./minted.ts";
import { type LabPlan, type LabRequest, planLab } from "./plan-lab.ts";
import type { UpPlan, UpStep } from "./plan-up.ts";
import type { Agreed } from "./wait-for.ts";

export interface ExecuteOptions {
  readonly timeoutMs: number;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Something that the user should know. */
  readonly onNotice: (message: string) => void;
  /** The lab belongs to this process: when that is gone, `lab gc` removes the lab. */
  readonly isOwned?: boolean;
}

export interface UpResult {
  readonly lab: LabHandle;
  /** Null without a wait. */
  readonly agreed: Agreed | null;
  /** False: it ran already. */
  readonly created: boolean;
}

const TAKEN_BACK = "what was made is removed again";

/** A new lab in this engine, with a random token, key and run id of its own. */
export function planFor({ name, world }: Pick<Engine, "name" | "world">, request: LabRequest): LabPlan {
  const { clock, entropy } = world;
  const run = `${request.name}-${clock.wallMs().toString(36)}`;
  return planLab(request, name, { run, token: toHex(entropy(32)), keys: `1:${toBase64(entropy(32))}` });
}

/** Starts the nodes of a lab that is there and have exited. */
export async function completeLab(lab: LabHandle, { steps }: UpPlan, options: ExecuteOptions): Promise<UpResult> {
  options.onNotice(`lab "${lab.name}" exists already`);
  for (const ids of steps.flatMap((step) => (step.do === "start" ? [step.nodes] : []))) {
    await start(lab, ids);
    options.onNotice(`started ${ids.join(", ")}`);
  }
  await lab.refresh();
  return { lab, agreed: await waitIf(steps, lab, options), created: false };
}

/** @throws LabError; what was made by then is removed again, except after a timeout: then the nodes stay to be looked at */
export async function createLab(
  engine: Engine,
  state: LabState,
  { lab: plan, steps }: UpPlan,
  options: ExecuteOptions,
): Promise<UpResult> {
  const { progress, signal } = options;
  const { run, nodes: ids, profile } = plan.spec;
  const record = { runtime: engine.name, run, nodes: ids, profile, ...describeMinted(plan.nodes) };
  await state.writeJson(MADE_FILE, { ...record, upBy: await engine.world.ownProcess() });
  await state.writeJson(FAULTS_FILE, { ...EMPTY_FAULT_LIST, run });
  let lab: LabHandle | undefined;
  try {
    const nodes = await createNodes(engine, state, plan, options);
    lab = new LabHandle(engine, { ...describeLab(plan.spec), nodes }, { progress, signal });
    const agreed = await waitIf(steps, lab, options);
    if (options.isOwned !== true) await state.writeJson(MADE_FILE, record);
    return { lab, agreed, created: true };
  } catch (error) {
    const isTimeout = error instanceof LabError && error.exit === "timeout";
    if (lab !== undefined && isTimeout) {
      await state.writeJson(MADE_FILE, record);
      throw error;
    }
    // Another command was faster with this name: its lab isn't ours to remove.
    if (isTaken(error)) await state.removeFile(MADE_FILE);
    else await takeBack(engine, state, plan.spec.name, progress);
    throw signal.aborted ? interrupted(TAKEN_BACK) : afterTakeBack(error);
  }
}

async function createNodes(
  engine: Engine,
  state: LabState,
  { spec, nodes: wanted }: LabPlan,
  { progress, signal }: ExecuteOptions,
): Promise<readonly NodeInfo[]> {
  const { run, nodes: ids, voters, profile } = spec;
  const prepared = kindOf(spec).prepare(engine, progress, signal);
  await allDone([prepared, engine.createLab(spec, progress, signal)]);
  throwIfAborted(signal);
  const notebook = { state, clock: engine.world.clock, run };
  await noteAction(notebook, { action: "up", nodes: ids, voters, profile }, `up ${run}`);
  progress({ step: "nodes", state: "start", detail: `${wanted.length}` });
  const nodes = await engine.addNodes(spec, wanted, progress, signal);
  throwIfAborted(signal);
  progress({ step: "nodes", state: "done", detail: `${nodes.length} started` });
  return nodes;
}

async function waitIf(steps: readonly UpStep[], lab: LabHandle, options: ExecuteOptions): Promise<Agreed | null> {
  if (!steps.some((step) => step.do === "wait")) return null;
  if (lab.kind.hasControl) options.progress({ step: "agree", state: "start" });
  const agreed = await lab.kind.waitUntilUp(lab, {
    timeoutMs: options.timeoutMs,
    signal: options.signal,
    onReason: (detail) => options.progress({ step: "agree", state: "info", detail }),
  });
  const detail = `coordinator is ${agreed?.agreement.coordinator}`;
  if (agreed !== null) options.progress({ step: "agree", state: "done", detail });
  return agreed;
}

function isTaken(error: unknown): boolean {
  return error instanceof LabError && error.details.reason === "labExists";
}

/** A node that exited at once can't be started again: it went with the rest. */
function afterTakeBack(error: unknown): unknown {
  if (!(error instanceof LabError) || error.details.last === undefined) return error;
  const hint = "correct that, and repeat the command; what was made is removed";
  return new LabError(error.exit, error.message, hint, { cause: error, details: error.details });
}

async function takeBack(engine: Engine, state: LabState, name: string, progress: Progress): Promise<void> {
  progress({ step: "remove", state: "start", detail: "removing what was made" });
  try {
    await engine.destroyLab(name, progress);
    await state.remove();
    progress({ step: "remove", state: "done" });
  } catch (error) {
    progress({
      step: "remove",
      state: "failed",
      detail: (error as Error).message,
      hint: NEXT.removeLab(name),
    });
  }
}

/** Waits for all, also when one fails: what the others make meanwhile must be there before it is taken back. */
async function allDone(work: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw interrupted(TAKEN_BACK);
}

function describeLab(spec: LabSpec): Omit<LabInfo, "nodes"> {
  const { name, runtime, run, profile, voters, token, env, program = null } = spec;
  return {
    name,
    runtime,
    run,
    profile,
    voters,
    token: program === null ? token : null,
    env,
    program,
    createdAtMs: Date.now(),
    network: null,
  };
}
