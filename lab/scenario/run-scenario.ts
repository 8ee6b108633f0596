/**
 * Runs a scenario from its lab's first node to the verdict: brings a lab of its own up, plays the steps, collects the journal, has the
 * promises checked, and takes the lab down, whatever happens in between.
 *
 * Nothing here depends on the runtime: the same calls go to containers, processes, or nodes in virtual time. What a failed run leaves
 * is its journal; what it doesn't leave are nodes.
 */

import { formatDuration } from "../base/duration.ts";
import { sleep } from "../base/lab-clock.ts";
import { LabError, noSuchLab } from "../base/lab-error.ts";
import { type CheckResult, worstOf } from "../check/verdict.ts";
import { collectEvidence } from "../cluster/evidence.ts";
import type { WantedChecks } from "../cluster/kind.ts";
import { LabHandle } from "../cluster/lab-handle.ts";
import { openHandle } from "../cluster/open-handle.ts";
import type { Evidence } from "../cluster/run-record.ts";
import { takeDown } from "../cluster/take-down.ts";
import { bringUp, disown } from "../cluster/up.ts";
import type { Engine, Progress } from "../engine/engine.ts";
import { openSimSession } from "../engine/sim/sim-session.ts";
import { heal } from "../faults/service.ts";
import type { Journal } from "../journal/journal.ts";
import type { Program } from "../kind/program-spec.ts";
import { type Sabotage, sabotageOf } from "../sim/bugs/sabotage.ts";
import { labOf } from "./lab-of.ts";
import { assertRunsOn } from "./parse-scenario.ts";
import { beginPlay, type OnStep, type Play, playSteps } from "./play.ts";
import type { ScenarioResult, ScenarioVerdict, StepResult } from "./result.ts";
import type { Scenario, ScenarioRuntime, Step } from "./scenario-schema.ts";

export interface RunOptions {
  readonly runtime: ScenarioRuntime;
  /** Wins over the scenario's own. */
  readonly seed?: number;
  /** Of the lab; default: `scenario-` and the scenario's name. */
  readonly name?: string;
  /** Play it on the lab of this name, which exists, and leave that where it is. */
  readonly on?: string;
  /** Where the lab of `on` lives, when that can't be found by its name (a simulated world that isn't the session's). */
  readonly engine?: Engine;
  /** What the nodes run, instead of what the scenario says. */
  readonly program?: Program;
  /** Where the scenario was read. */
  readonly file?: string;
  /** Leave the lab as it is at the end. */
  readonly keep?: boolean;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
  /** Ends the steps, not the run: what is under way is given up, these steps come instead of the rest, and the run is judged as ever. */
  readonly early?: { readonly signal: AbortSignal; readonly steps: (lab: LabHandle) => readonly Step[] };
  /** In virtual time: a known bug that all nodes have (lab/sim/bugs). */
  readonly bug?: string;
  readonly onStep?: OnStep;
  /** The lab is there and agrees; the first step waits for it. */
  readonly onLab?: (lab: LabHandle) => void;
  /** The run is judged; a lab of its own is still there. */
  readonly onJudged?: (result: ScenarioResult) => void;
  /** Somebody decides when each step begins, those inside others too. */
  readonly beforeStep?: (step: StepResult) => Promise<void>;
}

/** How long nodes may take to agree before the first step. */
const UP_MS_MAX = 120_000;
export const SEED_DEFAULT = 1;
/** There are five bounds to wait for, and each round of waiting gets over one of them. */
const QUIET_ROUNDS_MAX = 8;

/**
 * Failures of steps and broken promises are results.
 * @throws LabError when there is nothing to judge: a runtime that the scenario isn't for, a lab that can't be brought up
 */
export async function runScenario(scenario: Scenario, options: RunOptions): Promise<ScenarioResult> {
  const sabotage = readBug(options);
  assertRunsOn(scenario, options.runtime);
  const seed = options.seed ?? scenario.seed ?? SEED_DEFAULT;
  if (options.runtime !== "sim" || options.on !== undefined) return await runOn(scenario, seed, options);
  await using _session = await openSimSession(seed, sabotage);
  return await runOn(scenario, seed, options);
}

/** The bug that all nodes have on purpose. @throws LabError("usage") where there is no such bug, or nodes are real */
export function readBug({ bug, runtime }: Pick<RunOptions, "bug" | "runtime">): Sabotage | undefined {
  if (bug === undefined) return undefined;
  if (runtime === "sim") return sabotageOf(bug);
  throw new LabError("usage", "only simulated nodes can have a bug on purpose", "add --runtime sim");
}

async function runOn(scenario: Scenario, seed: number, options: RunOptions): Promise<ScenarioResult> {
  const startedAtMs = Date.now();
  // Ends what steps and loads have under way when the run ends early.
  const ending = new AbortController();
  const user = options.signal ?? new AbortController().signal;
  const signal = AbortSignal.any([user, ending.signal, ...(options.early === undefined ? [] : [options.early.signal])]);
  const isOwn = options.on === undefined;
  const lab = await openLab(scenario, options, signal);
  try {
    const { onStep = () => {}, beforeStep } = options;
    options.onLab?.(lab);
    const gate = beforeStep === undefined ? {} : { beforeStep };
    const play = beginPlay(lab, { runtime: options.runtime, seed, signal, onStep, ...gate });
    const { clock, loads } = play.context;
    const failure = await playAll(play, scenario, ending);
    const ended = failure === null ? null : await endEarly(play, failure, options);
    const tookMs = clock.nowMs() - play.startedMs;
    const found = await judgeInTime(lab, scenario, seed, ended === null ? signal : null, options.file);
    if (!isOwn && ended !== null) await healUp(lab, options.progress);
    const { verdict, reason } = conclude(ended, user.aborted, play.results, found.checks);
    const summary = { scenario, file: options.file ?? null, runtime: options.runtime, seed, lab: lab.name };
    const bug = options.bug ?? null;
    const ran = { steps: play.results, loads: loads.summaries(), startedAtMs, tookMs };
    const result = { ...summary, bug, verdict, reason, ...ran, ...found };
    options.onJudged?.(result);
    return result;
  } finally {
    ending.abort();
    if (isOwn && options.keep === true) await disown(lab.state);
    else if (isOwn) await clear(lab.name, options);
    await lab[Symbol.asyncDispose]();
  }
}

function nameOf(scenario: Scenario, options: RunOptions): string {
  return options.name ?? `scenario-${scenario.name}`;
}

async function openLab(scenario: Scenario, options: RunOptions, signal: AbortSignal): Promise<LabHandle> {
  const { runtime, on } = options;
  const progress = options.progress ?? (() => {});
  if (on !== undefined && options.engine !== undefined) {
    const info = await options.engine.lab(on);
    if (info === null) throw noSuchLab(on);
    return new LabHandle(options.engine, info, { progress, signal });
  }
  if (on !== undefined) return await openHandle(on, { runtime, progress, signal });
  const program =
    scenario.node === undefined
      ? null
      : (options.program ?? (await (await forPrograms()).programOfScenario(scenario, options.file ?? ".")));
  // Messages are recorded where the program says how to read them, unless the file says otherwise.
  const tap = program?.messages !== undefined && scenario.wire !== false;
  const request = labOf(scenario, nameOf(scenario, options), program === null ? null : { ...program, tap });
  const onNotice = (detail: string) => progress({ step: "up", state: "info", detail });
  const wanted = {
    runtime,
    wait: true,
    mustBeNew: true,
    isOwned: true,
    timeoutMs: UP_MS_MAX,
    progress,
    signal,
    onNotice,
  };
  try {
    return (await bringUp(request, wanted)).lab;
  } catch (error) {
    // Whatever else goes wrong, `up` has taken back what it made.
    const isThere = error instanceof LabError && error.exit === "timeout";
    if (isThere && options.keep !== true) await clear(request.name, options);
    throw error;
  }
}

/** What only such scenarios need is loaded for them: the browser's labs have no files. */
const forPrograms = () => import("./program-scenario.ts");

/** Null: every step did what it should, and every order was answered. */
async function playAll(play: Play, scenario: Scenario, ending: AbortController): Promise<LabError | null> {
  const { loads } = play.context;
  try {
    await playSteps(play, scenario.steps);
    await Promise.all(play.background);
    await loads.stop();
    return null;
  } catch (error) {
    ending.abort();
    // A step that was interrupted ends with an error of its own.
    await loads.stop().catch(() => {});
    if (error instanceof LabError) return error;
    throw error;
  }
}

/** Null: Ctrl-C was meant to end the steps only, and what comes instead of them went well. By a handle that it hasn't ended. */
async function endEarly(play: Play, failure: LabError, { early, signal }: RunOptions): Promise<LabError | null> {
  if (early === undefined || !early.signal.aborted || failure.exit !== "interrupted") return failure;
  const { engine, progress } = play.context.lab;
  const lab = new LabHandle(engine, await play.context.lab.refresh(), {
    progress,
    ...(signal === undefined ? {} : { signal }),
  });
  const context = { ...play.context, lab, signal: signal ?? new AbortController().signal };
  try {
    await playSteps({ ...play, context }, early.steps(lab), "end.");
    return null;
  } catch (error) {
    if (error instanceof LabError) return error;
    throw error;
  }
}

interface Found {
  readonly journal: Journal;
  readonly evidence: Evidence;
  readonly checks: readonly CheckResult[];
}

/**
 * A run that came to its end gets the time that its promises may take, so that they can be judged.
 * @param patience null: it ended early, and is judged as it stands
 */
async function judgeInTime(
  lab: LabHandle,
  scenario: Scenario,
  seed: number,
  patience: AbortSignal | null,
  file?: string,
): Promise<Found> {
  for (let round = 1; ; round++) {
    const found = await judge(lab, scenario, seed, file);
    const missingMs = lab.kind.missingMs(found.journal, wantedChecks(scenario), found.checks, round);
    if (patience === null || patience.aborted || missingMs === null || round === QUIET_ROUNDS_MAX) return found;
    lab.progress({
      step: "quiet",
      state: "start",
      detail: `${formatDuration(missingMs)}: promises have this much time`,
    });
    await sleep(lab.clock, missingMs, patience).catch(() => {});
    lab.progress({ step: "quiet", state: "done" });
  }
}

/** By a handle of its own: also an interrupted run is judged. */
async function judge(
  { engine, info, progress }: LabHandle,
  scenario: Scenario,
  seed: number,
  file?: string,
): Promise<Found> {
  const lab = new LabHandle(engine, info, { progress });
  await lab.note({ action: "check" }, "check");
  const { journal, evidence } = await collectEvidence(lab, { seed });
  return { journal, evidence, checks: await lab.kind.judge(journal, wantedChecks(scenario), dirnameOf(file)) };
}

function wantedChecks({ checks = "all" }: Scenario): WantedChecks {
  return checks as WantedChecks;
}

function dirnameOf(file = "."): string {
  return file.replace(/[^/\\]*$/, "") || ".";
}

function conclude(
  failure: LabError | null,
  isInterrupted: boolean,
  steps: readonly StepResult[],
  checks: readonly CheckResult[],
): { readonly verdict: ScenarioVerdict; readonly reason: string } {
  const worst = worstOf(checks);
  const broken = checks.find((check) => check.verdict === "invalid");
  if (broken !== undefined)
    return { verdict: "invalid", reason: `${broken.check}: ${broken.violations[0]?.what ?? broken.detail}` };
  if (failure?.exit === "invariantViolated") return { verdict: "invalid", reason: failure.message };
  if (isInterrupted) return { verdict: "interrupted", reason: "interrupted" };
  if (failure !== null) {
    const failed = steps.findLast((step) => step.state === "failed");
    return { verdict: "failed", reason: `${failed === undefined ? "" : `step ${failed.path}: `}${failure.message}` };
  }
  const open = checks.find((check) => check.verdict === "inconclusive");
  return {
    verdict: worst === "inconclusive" ? worst : "valid",
    reason: open === undefined ? "" : `${open.check}: ${open.detail}`,
  };
}

/** A lab that isn't ours is left without our faults. */
async function healUp({ engine, info }: LabHandle, progress: Progress = () => {}): Promise<void> {
  await heal(new LabHandle(engine, info, { progress }), { all: true });
}

async function clear(name: string, { runtime, progress = () => {} }: RunOptions): Promise<void> {
  progress({ step: "remove", state: "start", detail: name });
  await takeDown(name, runtime, progress);
  progress({ step: "remove", state: "done", detail: name });
}
