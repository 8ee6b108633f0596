/**
 * Brings a lab up: plan -> record -> create -> agree, and takes back what it made when it doesn't get there.
 *
 * Order of creation: first the lab's folder with what is going to exist, then the engine's things, each of which carries its lab's
 * name. A CLI that is killed at any instant so leaves only what `lab down` finds. Whatever doesn't depend on each other runs at
 * the same time: image and network, all nodes, and the first questions to nodes that are still starting.
 */

import { interrupted, LabError } from "../base/lab-error.ts";
import type { LabState } from "../base/lab-state.ts";
import { lockLab } from "../base/lock.ts";
import { NEXT } from "../base/next.ts";
import { findProcess, ownMark, type ProcessMark } from "../base/process-table.ts";
import { StateDir } from "../base/state-dir.ts";
import { REAL_WORLD, type World } from "../control/world.ts";
import type { Engine, LabInfo, LabSpec, Progress, RuntimeName } from "../engine/engine.ts";
import { noteAction } from "../journal/lab-journal.ts";
import { start, takeDown } from "./change.ts";
import { LabHandle } from "./lab-handle.ts";
import { describeMinted } from "./minted.ts";
import { chooseEngine, openEngine, type RuntimeChoice } from "./open-engine.ts";
import { type LabPlan, type LabRequest, planLab, type Secrets } from "./plan-lab.ts";
import { assertVariables } from "./variables.ts";
import { type Agreed, waitForAgreement } from "./wait-for.ts";

const TAKEN_BACK = "what was made is removed again";

export interface UpOptions {
  readonly runtime: RuntimeChoice;
  readonly wait: boolean;
  /** A lab of that name must not exist yet. */
  readonly mustBeNew?: boolean;
  readonly timeoutMs: number;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Something that the user should know (the runtime that was fallen back to). */
  readonly onNotice: (message: string) => void;
  /** Ready to use, instead of the one that `runtime` names (a simulated world that isn't the session's). */
  readonly engine?: Engine;
  /** The lab belongs to this process: when that is gone, `lab gc` takes the lab for left behind. */
  readonly isOwned?: boolean;
}

export interface UpResult {
  readonly lab: LabHandle;
  /** Null with `wait: false`. */
  readonly agreed: Agreed | null;
  /** False: it ran already. */
  readonly created: boolean;
}

/** Random token, key and run id of a new lab. */
export function makeSecrets(name: string, { clock, entropy }: World): Secrets {
  return {
    run: `${name}-${clock.wallMs().toString(36)}`,
    token: entropy(32).toString("hex"),
    keys: `1:${entropy(32).toString("base64")}`,
  };
}

/** A lab that can't be is refused before anything is asked or looked at. @throws LabError("usage") */
export function assertPossible(request: LabRequest): void {
  assertVariables(planLab(request, "docker", makeSecrets(request.name, REAL_WORLD)));
}

/** Engine and plan for `up --dry-run`: nothing is made. */
export async function dryRun(request: LabRequest, options: UpOptions): Promise<LabPlan> {
  assertPossible(request);
  await using engine = await chooseEngine(options.runtime, {
    signal: options.signal,
    onFallback: noteFallback(options),
  });
  return planLab(request, engine.name, makeSecrets(request.name, engine.world));
}

/**
 * Starts the lab, or what is missing of it when it exists already as described.
 * @throws LabError; what was made by then is gone again, except after a timeout: then the nodes stay to be looked at
 */
export async function bringUp(request: LabRequest, options: UpOptions): Promise<UpResult> {
  assertPossible(request);
  const engine =
    options.engine ??
    (await chooseEngine(options.runtime, { signal: options.signal, onFallback: noteFallback(options) }));
  let current: Engine = engine;
  try {
    const state = engine.world.openState(request.name);
    await using _lock = await lockLab(state, { purpose: "up", signal: options.signal });
    await clearHalfMade(state, options);
    const existing = await findExisting(current, request.name, options);
    if (existing !== null && options.mustBeNew === true) throw nameIsTaken(existing);
    if (existing !== null) return await joinExisting(existing, request, options);
    try {
      return await create(current, state, request, options);
    } catch (error) {
      if (!canFallBack(error, options.runtime)) throw error;
      noteFallback(options)((error as LabError).message);
      await current[Symbol.asyncDispose]();
      current = await chooseEngine("local", { signal: options.signal, onFallback: () => {} });
      return await create(current, state, request, options);
    }
  } catch (error) {
    await current[Symbol.asyncDispose]();
    throw error;
  }
}

/** Docker answers, but can't have the image's base. */
function canFallBack(error: unknown, runtime: RuntimeChoice): boolean {
  return runtime === "auto" && error instanceof LabError && error.exit === "engineUnreachable";
}

function noteFallback(options: UpOptions): (why: string) => void {
  return (why) => options.onNotice(`using local processes instead of Docker: ${why}`);
}

async function create(engine: Engine, state: LabState, request: LabRequest, options: UpOptions): Promise<UpResult> {
  const { progress, signal } = options;
  const plan = planLab(request, engine.name, makeSecrets(request.name, engine.world));
  const { run, nodes: ids, profile, voters } = plan.spec;
  const record = { runtime: engine.name, run, nodes: ids, profile, ...describeMinted(plan.nodes) };
  await state.writeJson("lab.json", { ...record, upBy: await ownMark() });
  let lab: LabHandle | undefined;
  try {
    await allDone([engine.prepare(progress, signal), engine.createLab(plan.spec, progress, signal)]);
    throwIfAborted(signal);
    await noteAction(state, engine.world.clock, { action: "up", nodes: ids, voters, profile }, `up ${run}`);
    progress({ step: "nodes", state: "start", detail: `${plan.nodes.length}` });
    const nodes = await engine.addNodes(plan.spec, plan.nodes, progress, signal);
    throwIfAborted(signal);
    progress({ step: "nodes", state: "done", detail: `${nodes.length} started` });
    lab = new LabHandle(engine, { ...describeLab(plan.spec), nodes }, { progress, signal });
    const agreed = options.wait ? await agree(lab, options) : null;
    if (options.isOwned !== true) await state.writeJson("lab.json", record);
    return { lab, agreed, created: true };
  } catch (error) {
    const isTimeout = error instanceof LabError && error.exit === "timeout";
    if (lab !== undefined && isTimeout) {
      await state.writeJson("lab.json", record);
      throw error;
    }
    // Somebody else was faster with this name: theirs is not ours to remove.
    if (isTaken(error)) await state.removeFile("lab.json");
    else await takeBack(engine, state, plan.spec.name, progress);
    throw signal.aborted ? interrupted(TAKEN_BACK) : afterTakeBack(error);
  }
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

async function agree(lab: LabHandle, options: UpOptions): Promise<Agreed> {
  options.progress({ step: "agree", state: "start" });
  const agreed = await waitForAgreement(lab, {
    timeoutMs: options.timeoutMs,
    signal: options.signal,
    onReason: (detail) => options.progress({ step: "agree", state: "info", detail }),
  });
  options.progress({ step: "agree", state: "done", detail: `coordinator is ${agreed.agreement.coordinator}` });
  return agreed;
}

/** What an `up` that was killed left behind is worth nothing: it makes room for this one. */
async function clearHalfMade(state: LabState, options: UpOptions): Promise<void> {
  const upBy = await state.readJson("lab.json", (json) => (json as { upBy?: ProcessMark }).upBy ?? null);
  if (upBy === null || (await findProcess(upBy)) !== null) return;
  options.onNotice("removing what an earlier, interrupted `up` left behind");
  // Everything but the folder, in which our own lock lies.
  await takeDown(state.lab, "auto", options.progress, { keepFolder: true });
  await state.removeFile("lab.json");
}

/** A lab of that name in the runtime that was chosen, or in the local one when nothing was said. */
async function findExisting(engine: Engine, name: string, options: UpOptions): Promise<LabHandle | null> {
  const labOptions = { progress: options.progress, signal: options.signal };
  const info = await engine.lab(name);
  if (info !== null) return new LabHandle(engine, info, labOptions);
  // A simulated world is a world of its own.
  if (engine.name === "sim") return null;
  if (engine.name === "local") {
    await assertNotInDocker(name);
    return null;
  }
  const local = await openEngine("local");
  const there = await local.lab(name);
  if (there === null) return null;
  if (options.runtime === "auto") {
    await engine[Symbol.asyncDispose]();
    return new LabHandle(local, there, labOptions);
  }
  throw new LabError("failed", `a local lab named "${name}" exists already`, [
    NEXT.useLocalLab(),
    NEXT.removeLab(name),
    "or choose another --name",
  ]);
}

/** Both runtimes keep a lab's faults and journal in one folder, so a name is used once. Docker is asked only if it had the name last. */
async function assertNotInDocker(name: string): Promise<void> {
  const record = await new StateDir(name).readJson("lab.json", (json) => json as { runtime?: RuntimeName });
  if (record?.runtime !== "docker") return;
  let exists: boolean | null = null;
  try {
    await using docker = await openEngine("docker");
    exists = (await docker.lab(name)) !== null;
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
  }
  if (exists === false) return;
  throw new LabError(
    "failed",
    exists ? `lab "${name}" exists in Docker already` : `lab "${name}" was made in Docker, which can't be asked`,
    ["choose another --name", exists ? NEXT.removeLabFirst(name) : NEXT.runDoctor()],
  );
}

/** Like compose: a lab that is there as described is completed and shown; any other is left alone. */
async function joinExisting(lab: LabHandle, request: LabRequest, options: UpOptions): Promise<UpResult> {
  const { info } = lab;
  const wanted =
    typeof request.nodes === "number"
      ? Array.from({ length: request.nodes }, (_, i) => i + 1)
      : request.nodes.map((node) => node.id);
  const differs = wanted.length !== lab.ids.length || wanted.some((id) => !lab.ids.includes(id));
  if (lab.ids.length === 0 || (info.runtime === "local" && info.run === null)) {
    throw new LabError(
      "failed",
      `lab "${lab.name}" is half-made: an earlier \`up\` was killed`,
      NEXT.removeLabFirst(lab.name),
    );
  }
  if (differs || info.profile !== request.profile) {
    throw new LabError(
      "failed",
      `lab "${lab.name}" exists already: nodes ${lab.ids.join(",")}, profile ${info.profile}`,
      [...(differs ? [NEXT.scaleTo(wanted.length)] : []), NEXT.removeLab(lab.name), "or choose another --name"],
    );
  }
  options.onNotice(`lab "${lab.name}" exists already`);
  const down = info.nodes.filter((node) => node.status === "exited" || node.status === "created");
  if (down.length > 0) {
    await start(
      lab,
      down.map((node) => node.id),
    );
    options.onNotice(`started ${down.map((node) => node.id).join(", ")}`);
  }
  await lab.refresh();
  return { lab, agreed: options.wait ? await agree(lab, options) : null, created: false };
}

function nameIsTaken(lab: LabHandle): LabError {
  return new LabError("failed", `lab "${lab.name}" exists already`, [
    NEXT.removeLabFirst(lab.name),
    "or choose another name",
  ]);
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
  const { name, runtime, run, profile, voters, token } = spec;
  return { name, runtime, run, profile, voters, token, createdAtMs: Date.now(), network: null };
}
