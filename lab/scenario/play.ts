/**
 * Plays steps: in sequence, side by side, again and again; each when its time has come, each told when it begins and what came of it.
 *
 * Time is the lab's clock alone, chance the scenario's dice alone, so in virtual time the same scenario and seed give the same run.
 */

import { formatDuration } from "../base/duration.ts";
import { sleep } from "../base/lab-clock.ts";
import { LabError } from "../base/lab-error.ts";
import type { LabHandle } from "../cluster/lab-handle.ts";
import { Draw } from "../sim/world/draw.ts";
import { act } from "./act.ts";
import type { ActionFields, ActionVerb } from "./actions.ts";
import { describeStep } from "./describe-step.ts";
import { Loads } from "./loads.ts";
import { whyNotOn } from "./parse-scenario.ts";
import type { StepResult } from "./result.ts";
import { type Composites, type CompositeVerb, type Step, verbOf } from "./scenario-schema.ts";
import { assertNobodyDied, type Outcome, type StepContext, spanMs } from "./step-context.ts";

/** Called for every step: when it begins (without an end), and when it is over. */
export type OnStep = (step: StepResult, state: "begin" | "end") => void;

/** The run so far. */
export interface Play {
  readonly context: StepContext;
  /** Of the lab's clock: when the first step began. */
  readonly startedMs: number;
  readonly results: StepResult[];
  readonly onStep: OnStep;
  /** Steps that nobody waits for until the end; they never reject. */
  readonly background: Promise<void>[];
  /** Each step, those inside others too, begins when this resolves. */
  readonly beforeStep?: (step: StepResult) => Promise<void>;
}

/** A run that begins now on this lab. */
export function beginPlay(
  lab: LabHandle,
  options: Pick<Play, "onStep" | "beforeStep"> & Pick<StepContext, "runtime" | "signal"> & { readonly seed: number },
): Play {
  const { runtime, signal, seed, ...told } = options;
  const { clock } = lab;
  const down = new Set(lab.info.nodes.filter(({ status }) => status === "exited").map(({ id }) => id));
  const loads = new Loads(lab, seed);
  const disks = new Map<number, Uint8Array>();
  const context = { lab, runtime, clock, draw: new Draw(seed, "steps"), loads, down, disks, signal };
  return { context, startedMs: clock.nowMs(), results: [], background: [], ...told };
}

/**
 * @param steps those of a file, or of somebody who thinks of the next one when the last one has begun
 * @throws the error of the first step that fails; its result is in `results` by then
 */
export async function playSteps(play: Play, steps: Iterable<Step> | AsyncIterable<Step>, prefix = ""): Promise<void> {
  let count = 0;
  for await (const step of steps) await playStep(play, step, `${prefix}${++count}`);
}

async function playStep(play: Play, step: Step, path: string): Promise<void> {
  const { context, startedMs } = play;
  await play.beforeStep?.(describe(play, step, path));
  if (step.at !== undefined)
    await sleep(context.clock, Math.max(0, startedMs + spanMs(step.at) - context.clock.nowMs()), context.signal);
  const work = playNow(play, step, path);
  // Its result says what went wrong.
  if (step.background === true) play.background.push(work.catch(() => {}));
  else await work;
}

async function playNow(play: Play, step: Step, path: string): Promise<void> {
  const { context } = play;
  const why = whyOtherwise(step, context.runtime);
  if (why === null) return await perform(play, step, path, "");
  const { otherwise = "skip" } = step;
  const written = describeStep(step);
  if (otherwise === "skip") {
    report(
      play,
      { ...describe(play, step, path), state: "skipped", replaced: `${written} is left out: ${why}` },
      "end",
    );
    return;
  }
  await perform(play, otherwise, path, `instead of ${written}: ${why}`);
}

/** Null: it is done as written. */
function whyOtherwise(step: Step, runtime: StepContext["runtime"]): string | null {
  if (step.runtimes !== undefined && !step.runtimes.includes(runtime)) return `the file says so for ${runtime}`;
  return whyNotOn(step, runtime);
}

async function perform(play: Play, step: Step, path: string, replaced: string): Promise<void> {
  const { context } = play;
  const begun: StepResult = { ...describe(play, step, path), replaced };
  const { lab, clock } = context;
  await lab.note({ action: "step", path, state: "begin", detail: begun.text }, `step ${path}: ${begun.text}`);
  const at = report(play, begun, "begin");
  const end = async (result: Partial<StepResult>, detail: string): Promise<void> => {
    const tookMs = clock.nowMs() - play.startedMs - begun.startedMs;
    const ended = { ...begun, ...result, tookMs };
    const state = ended.state === "ok" ? "end" : "failed";
    await lab.note({ action: "step", path, state, detail }, `step ${path}: ${detail === "" ? "done" : detail}`);
    report(play, ended, "end", at);
  };
  try {
    const { verb, fields } = verbOf(step);
    const outcome = isComposite(verb)
      ? await playComposite(play, verb, fields as Composites[CompositeVerb], path)
      : await act(context, verb, fields as ActionFields<ActionVerb>, path);
    context.loads.assertSound();
    if (!isComposite(verb)) await assertNobodyDied(context);
    await end({ ...outcome, state: "ok" }, [outcome.resolved, outcome.seen].filter(Boolean).join("; "));
  } catch (error) {
    const isInterrupted = error instanceof LabError && error.exit === "interrupted";
    const message = error instanceof Error ? error.message : String(error);
    const hints = error instanceof LabError ? error.hints : [];
    await end({ state: isInterrupted ? "interrupted" : "failed", seen: message, hints }, message);
    throw error;
  }
}

function isComposite(verb: string): verb is CompositeVerb {
  return verb === "parallel" || verb === "sequence" || verb === "repeat" || verb === "every";
}

async function playComposite(
  play: Play,
  verb: CompositeVerb,
  fields: Composites[CompositeVerb],
  path: string,
): Promise<Outcome> {
  switch (verb) {
    case "sequence":
      await playSteps(play, fields as Composites["sequence"], `${path}.`);
      return { resolved: "", seen: "" };
    case "parallel":
      await playParallel(play, fields as Composites["parallel"], path);
      return { resolved: "", seen: "" };
    case "repeat": {
      const { times, steps } = fields as Composites["repeat"];
      for (let round = 1; round <= times; round++) await playSteps(play, steps, `${path}#${round}.`);
      return { resolved: "", seen: `${times} rounds` };
    }
    case "every":
      return await playEvery(play, fields as Composites["every"], path);
  }
}

/** The first that fails ends the others; the step is over when all are. */
async function playParallel(play: Play, steps: readonly Step[], path: string): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([play.context.signal, stop.signal]);
  const branch: Play = { ...play, context: { ...play.context, signal } };
  const errors: unknown[] = [];
  await Promise.all(
    steps.map(async (step, index) => {
      try {
        await playStep(branch, step, `${path}.${index + 1}`);
      } catch (error) {
        errors.push(error);
        stop.abort();
      }
    }),
  );
  if (errors.length > 0) throw errors[0];
}

async function playEvery(
  play: Play,
  { interval, for: span, steps }: Composites["every"],
  path: string,
): Promise<Outcome> {
  const { clock, signal } = play.context;
  const beganMs = clock.nowMs();
  const [intervalMs, forMs] = [spanMs(interval), spanMs(span)];
  let rounds = 0;
  for (let dueMs = 0; dueMs < forMs; dueMs = Math.max(dueMs + intervalMs, clock.nowMs() - beganMs)) {
    await sleep(clock, Math.max(0, beganMs + dueMs - clock.nowMs()), signal);
    rounds += 1;
    await playSteps(play, steps, `${path}#${rounds}.`);
  }
  await sleep(clock, Math.max(0, beganMs + forMs - clock.nowMs()), signal);
  return { resolved: "", seen: `${rounds} rounds in ${formatDuration(clock.nowMs() - beganMs)}` };
}

function describe(play: Play, step: Step, path: string): StepResult {
  return {
    path,
    verb: verbOf(step).verb,
    text: describeStep(step),
    state: "ok",
    resolved: "",
    seen: "",
    replaced: "",
    startedMs: play.context.clock.nowMs() - play.startedMs,
    tookMs: 0,
    note: step.note ?? "",
    say: step.say ?? "",
    explain: step.explain ?? "",
    hints: [],
  };
}

/** Keeps results in the order of their beginnings. @returns where it stands */
function report(play: Play, result: StepResult, state: "begin" | "end", at = play.results.length): number {
  play.results[at] = result;
  play.onStep(result, state);
  return at;
}
