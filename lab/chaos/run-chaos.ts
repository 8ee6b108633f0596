/**
 * A chaos run from its options to its verdict: plan, write the schedule down as a scenario, play it, and make it smaller when it fails
 * in virtual time. The file comes before the first fault: so the run can be repeated even if this process is killed.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { NodeId } from "../../node/wire/ids.ts";
import { renderCommand } from "../base/hint.ts";
import { LabError } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";
import { cantWrite } from "../base/system-error.ts";
import type { LabHandle } from "../cluster/lab-handle.ts";
import type { Progress } from "../engine/engine.ts";
import { formatScenario } from "../scenario/format-scenario.ts";
import type { OnStep } from "../scenario/play.ts";
import type { ScenarioResult } from "../scenario/result.ts";
import { type RunOptions, readBug, runScenario } from "../scenario/run-scenario.ts";
import type { Scenario, ScenarioRuntime, Step } from "../scenario/scenario-schema.ts";
import { chaosCommand } from "./chaos-options.ts";
import type { ChaosSchedule } from "./fault-schedule.ts";
import { type ChaosOptions, planChaos } from "./plan-chaos.ts";
import { calmMs, chaosScenario, spanText } from "./scenario-of.ts";
import { listFailures, shrinkSchedule } from "./shrink-scenario.ts";

export interface ChaosRunOptions {
  readonly chaos: ChaosOptions;
  readonly runtime: ScenarioRuntime;
  /** Of the lab that is made; default: what `lab run` would call it. */
  readonly name?: string;
  /** The lab that is used instead, and stays; null: one is made, and removed. */
  readonly existing: { readonly name: string; readonly ids: readonly NodeId[] } | null;
  /** Where the scenario files go. */
  readonly folder: string;
  readonly wire: boolean;
  /** In virtual time: a known bug that all nodes have. */
  readonly bug?: string;
  /** How long a failing run in virtual time may be shrunk; 0: not at all. */
  readonly shrinkMs: number;
  /** Ctrl-C: the faults end, the run is judged. During shrinking: the smallest so far is taken. */
  readonly signal: AbortSignal;
  readonly progress: Progress;
  /** The schedule is written down, and begins. */
  readonly onStart?: (scenario: Scenario) => void;
  readonly onStep: OnStep;
}

export interface ChaosOutcome {
  readonly schedule: ChaosSchedule;
  readonly scenario: Scenario;
  /** Where the scenario was written. */
  readonly file: string;
  /** The command that plays it again, from the words after `lab`. */
  readonly again: readonly string[];
  readonly result: ScenarioResult;
  /** Of the run, in real time. */
  readonly realMs: number;
  readonly shrunk: ShrunkRun | null;
}

export interface ShrunkRun {
  readonly schedule: ChaosSchedule;
  readonly scenario: Scenario;
  readonly file: string;
  /** The command that plays it again, from the words after `lab`. */
  readonly again: readonly string[];
  /** The promise that both break. */
  readonly check: string;
  readonly attempts: number;
  /** Nothing simpler breaks it; false: the time was over. */
  readonly isMinimal: boolean;
}

/** @throws LabError when there is nothing to judge: a lab that can't be brought up, a file that can't be written */
export async function runChaos(options: ChaosRunOptions): Promise<ChaosOutcome> {
  const { chaos, runtime, signal, folder } = options;
  // A schedule that can't be played isn't written.
  readBug(options);
  const schedule = planChaos(chaos);
  const scenario = scenarioOf(schedule, options);
  const file = join(folder, `${scenario.name}.yaml`);
  const again = replayWords(file, options);
  const comment = [`Drawn by: ${drawnBy(options)}`, `Again: ${renderCommand({ command: again })}`];
  await writeScenario(file, scenario, comment);
  options.onStart?.(scenario);
  const startedMs = performance.now();
  const result = await runScenario(scenario, {
    ...runOptionsOf(options),
    file,
    early: { signal, steps: (lab) => closeEarly(lab, schedule) },
  }).catch((error: unknown) => {
    throw withWhatIsLeft(error, options, scenario.name);
  });
  const outcome = { schedule, scenario, file, again, result, realMs: performance.now() - startedMs };
  const [check] = listFailures(result);
  if (check === undefined || runtime !== "sim" || options.shrinkMs <= 0 || signal.aborted)
    return { ...outcome, shrunk: null };
  return { ...outcome, shrunk: await shrinkRun(schedule, check, options) };
}

type ScenarioChoice = Pick<ChaosRunOptions, "chaos" | "wire" | "existing">;

/** An engine that was lost on the way can't remove anything. */
function withWhatIsLeft(error: unknown, { existing, name }: ChaosRunOptions, scenario: string): unknown {
  if (!(error instanceof LabError) || error.exit !== "engineUnreachable") return error;
  const left =
    existing === null ? NEXT.removeStartedNodes(name ?? `scenario-${scenario}`) : NEXT.healAll(existing.name);
  return new LabError(error.exit, error.message, [...error.hints, left], { cause: error, details: error.details });
}

/** The scenario of these options, and nothing else. */
export function planScenario(options: ScenarioChoice): Scenario {
  return scenarioOf(planChaos(options.chaos), options);
}

function scenarioOf(schedule: ChaosSchedule, { chaos, wire, existing }: ScenarioChoice): Scenario {
  const faults = schedule.events.length === 1 ? "one random fault" : `${schedule.events.length} random faults`;
  const title = `${faults} in ${schedule.spanMs / 1_000} s, from seed ${chaos.seed}`;
  const ids = existing === null ? {} : { ids: existing.ids };
  return chaosScenario(schedule, { name: `chaos-${chaos.seed}`, title, wire, ...ids });
}

function drawnBy({ chaos, bug }: ChaosRunOptions): string {
  return `${chaosCommand(chaos)}${bug === undefined ? "" : ` --bug ${bug}`}`;
}

function replayWords(file: string, { runtime, existing, bug }: ChaosRunOptions): readonly string[] {
  return [
    ...["run", file, "--runtime", runtime],
    ...(existing === null ? [] : ["--on", existing.name]),
    ...(bug === undefined ? [] : ["--bug", bug]),
  ];
}

function runOptionsOf(options: ChaosRunOptions): RunOptions {
  const { runtime, name, existing, bug, progress, onStep } = options;
  return {
    ...{ runtime, progress, onStep },
    ...(existing === null ? {} : { on: existing.name }),
    ...(name === undefined ? {} : { name }),
    ...(bug === undefined ? {} : { bug }),
  };
}

async function writeScenario(file: string, scenario: Scenario, comment: readonly string[]): Promise<void> {
  try {
    await mkdir(join(file, ".."), { recursive: true });
    await writeFile(file, formatScenario(scenario, { comment }));
  } catch (cause) {
    throw cantWrite(file, cause, "name another folder: --report DIR");
  }
}

/** An interrupted schedule ends as every schedule ends, whatever is down or cut at that moment. */
function closeEarly({ info }: LabHandle, schedule: ChaosSchedule): readonly Step[] {
  const idsThat = (status: string) => info.nodes.filter((node) => node.status === status).map(({ id }) => id);
  const paused = idsThat("paused").join(",");
  const exited = idsThat("exited").join(",");
  return [
    { heal: {}, note: "ended early: everything is brought back" },
    ...(paused === "" ? [] : [{ resume: { nodes: paused } }]),
    ...(exited === "" ? [] : [{ start: { nodes: exited } }]),
    { wait: { converged: true, within: "60s" } },
    { sleep: { for: spanText(calmMs(schedule)) } },
  ];
}

async function shrinkRun(schedule: ChaosSchedule, check: string, options: ChaosRunOptions): Promise<ShrunkRun> {
  const { folder, progress, signal } = options;
  const endsAtMs = performance.now() + options.shrinkMs;
  const silent = { ...runOptionsOf(options), progress: () => {}, onStep: () => {} };
  const { value, attempts, isMinimal } = await shrinkSchedule(schedule, {
    check,
    play: (smaller) => runScenario(scenarioOf(smaller, options), silent),
    isOver: () => signal.aborted || performance.now() > endsAtMs,
    onSmaller: (smaller, tried) =>
      progress({ step: "shrink", state: "info", detail: `${smaller.events.length} faults are enough (${tried} runs)` }),
  });
  const scenario = scenarioOf(value, options);
  const file = join(folder, `${scenario.name}.min.yaml`);
  const end = isMinimal ? "no simpler schedule does" : "the time limit was reached";
  const again = replayWords(file, options);
  await writeScenario(file, scenario, [
    `Breaks ${check}; shrunk from ${schedule.events.length} faults in ${attempts} runs, ${end}.`,
    `Again: ${renderCommand({ command: again })}`,
  ]);
  return { schedule: value, scenario, file, again, check, attempts, isMinimal };
}
