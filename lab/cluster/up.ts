/**
 * Brings a lab up: look at what exists, plan (plan-up.ts), do it (execute-up.ts). With `auto`, local processes take the place of a
 * Docker that can't have the image.
 */
import { LabError } from "../base/lab-error.ts";
import type { LabState } from "../base/lab-state.ts";
import { findProcess } from "../base/process-table.ts";
import { REAL_WORLD } from "../control/real-world.ts";
import type { Engine } from "../engine/engine.ts";
import { completeLab, createLab, type ExecuteOptions, planFor, type UpResult } from "./execute-up.ts";
import { findExisting } from "./find-existing.ts";
import { setLatencies } from "./latency.ts";
import { MADE_FILE, readMadeRecord } from "./made-record.ts";
import { chooseEngine, type RuntimeChoice } from "./open-engine.ts";
import type { LabRequest } from "./plan-lab.ts";
import { planUp, type UpPlan, type UpWishes } from "./plan-up.ts";
import { takeDown } from "./take-down.ts";
import { assertVariables } from "./variables.ts";

export interface UpOptions extends ExecuteOptions, UpWishes {
  readonly runtime: RuntimeChoice;
  /** Ready to use, instead of the one that `runtime` names (a simulated world that isn't the session's). */
  readonly engine?: Engine;
}

/** A lab that can't be is refused before anything is asked or looked at. @throws LabError("usage") */
export function assertPossible(request: LabRequest): void {
  const name = request.swarm === undefined ? "docker" : "swarm";
  assertVariables(planFor({ name, world: REAL_WORLD }, request));
}

/** The plan of `up`; nothing is made. @throws LabError as `up` does */
export async function dryRun(request: LabRequest, options: UpOptions): Promise<UpPlan> {
  assertPossible(request);
  const engine = await openFor(options);
  await using existing = await findExisting(engine, request.name, options);
  await using _own = existing === null ? engine : null;
  const plan = planUp(planFor(engine, request), existing?.info ?? null, options);
  const { spec } = plan.lab;
  const hosts = existing === null ? await engine.plannedHosts?.(spec, spec.nodes) : undefined;
  return { ...plan, ...(hosts !== undefined && { hosts }) };
}

/**
 * Starts the lab, or what is missing of it when it exists already as described.
 * @throws LabError; what was made by then is removed again, except after a timeout: then the nodes stay to be looked at
 */
export async function bringUp(request: LabRequest, options: UpOptions): Promise<UpResult> {
  const result = await bringUpLocked(request, options);
  // Each takes the lab's lock for itself.
  if (result.created) await setLatencies(result.lab, request.latencies ?? []);
  return result;
}

async function bringUpLocked(request: LabRequest, options: UpOptions): Promise<UpResult> {
  assertPossible(request);
  let engine = options.engine ?? (await openFor(options));
  try {
    const state = engine.world.openState(request.name);
    await using _lock = await state.lock({ purpose: "up", signal: options.signal });
    await clearHalfMade(state, options);
    const existing = await findExisting(engine, request.name, options);
    const plan = planUp(planFor(engine, request), existing?.info ?? null, options);
    if (existing !== null) return await completeLab(existing, plan, options);
    try {
      return await createLab(engine, state, plan, options);
    } catch (error) {
      if (!canFallBack(error, options.runtime)) throw error;
      noteFallback(options)(error.message);
      await engine[Symbol.asyncDispose]();
      engine = await chooseEngine("local", { signal: options.signal, onFallback: () => {} });
      return await createLab(engine, state, planUp(planFor(engine, request), null, options), options);
    }
  } catch (error) {
    await engine[Symbol.asyncDispose]();
    throw error;
  }
}

/** The lab outlives this process: nobody takes it for the remains of a killed command. */
export async function disown(state: LabState): Promise<void> {
  const record = await readMadeRecord(state);
  if (record === null) return;
  const { upBy: _gone, ...kept } = record;
  await state.writeJson(MADE_FILE, kept);
}

function openFor(options: UpOptions): Promise<Engine> {
  const onSwarm = (hosts: number) =>
    options.onNotice(
      `using this host alone; a Docker Swarm of ${hosts} hosts is there: --runtime swarm uses all of them`,
    );
  return chooseEngine(options.runtime, { signal: options.signal, onFallback: noteFallback(options), onSwarm });
}

/** Docker answers, but can't have the image's base. */
function canFallBack(error: unknown, runtime: RuntimeChoice): error is LabError {
  return runtime === "auto" && error instanceof LabError && error.exit === "engineUnreachable";
}

function noteFallback(options: UpOptions): (why: string) => void {
  return (why) => options.onNotice(`using local processes instead of Docker: ${why}`);
}

/** Removes the remains of an `up` that was killed: they are worth nothing, and make room for this one. */
async function clearHalfMade(state: LabState, options: UpOptions): Promise<void> {
  const { upBy = null } = (await readMadeRecord(state)) ?? {};
  if (upBy === null || (await findProcess(upBy)) !== null) return;
  options.onNotice("removing what an earlier, interrupted `up` left behind");
  // Everything but the folder, in which our own lock lies.
  await takeDown(state.lab, "auto", options.progress, { keepFolder: true });
  await state.removeFile(MADE_FILE);
}
