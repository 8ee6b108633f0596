/**
 * Makes a failing chaos run smaller: a schedule that breaks the same promise with fewer nodes, fewer faults, less load and less time.
 * Every attempt is a whole run in virtual time, in a world of its own.
 */
import { LabError } from "../base/lab-error.ts";
import type { ScenarioResult } from "../scenario/result.ts";
import type { ChaosSchedule } from "./fault-schedule.ts";
import { simplerSchedules, withoutEvents } from "./reductions.ts";
import { type Shrunk, shrink } from "./shrink.ts";

export interface ScheduleShrinkOptions {
  /** The promise that must break: the first of `listFailures` of the run. */
  readonly check: string;
  /** A run of a schedule in virtual time. */
  readonly play: (schedule: ChaosSchedule) => Promise<ScenarioResult>;
  /** The time is over, or somebody interrupted. */
  readonly isOver: () => boolean;
  readonly onSmaller: (schedule: ChaosSchedule, attempts: number) => void;
}

export function shrinkSchedule(start: ChaosSchedule, options: ScheduleShrinkOptions): Promise<Shrunk<ChaosSchedule>> {
  return shrink({
    start,
    count: ({ events }) => events.length,
    without: withoutEvents,
    simpler: simplerSchedules,
    fails: async (schedule) => await failsBy(schedule, options),
    isOver: options.isOver,
    onSmaller: options.onSmaller,
  });
}

type Outcome = Pick<ScenarioResult, "verdict" | "checks" | "reason">;

async function failsBy(schedule: ChaosSchedule, { play, check }: ScheduleShrinkOptions): Promise<boolean> {
  try {
    return listFailures(await play(schedule)).includes(check);
  } catch (error) {
    // It can't even begin with so few nodes, or so: not what is looked for.
    if (error instanceof LabError && error.exit !== "interrupted") return false;
    throw error;
  }
}

/**
 * Names of the promises that a run broke: of the checkers, or of the simulated world's own (`S8`), which end it at once. `step`: it came
 * to a step that failed.
 */
export function listFailures({ verdict, checks, reason }: Outcome): readonly string[] {
  const broken = checks.filter((check) => check.verdict === "invalid").map(({ check }) => check);
  if (broken.length > 0) return broken;
  if (verdict !== "invalid" && verdict !== "failed") return [];
  return [/\b([SLD]\d{1,2}): /.exec(reason)?.[1] ?? "step"];
}
