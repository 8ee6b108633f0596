/**
 * Makes a failing chaos run smaller: a schedule that breaks the same promise with fewer nodes, fewer faults, less load and less time.
 * Every attempt is a whole run in virtual time, in a world of its own.
 */
import type { CheckResult } from "../check/verdict.ts";
import { LabError } from "../errors.ts";
import type { ScenarioResult } from "../scenario/result.ts";
import { simplerSchedules, withoutEvents } from "./reductions.ts";
import type { ChaosSchedule } from "./schedule.ts";
import { type Shrunk, shrink } from "./shrink.ts";

export interface ScheduleShrinkOptions {
  /** The promise that must break: `failedCheck` of the run. */
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

async function failsBy(schedule: ChaosSchedule, { play, check }: ScheduleShrinkOptions): Promise<boolean> {
  try {
    return listFailures(await play(schedule)).includes(check);
  } catch (error) {
    // It can't even begin with so few nodes, or so: not what is looked for.
    if (error instanceof LabError && error.exit !== "interrupted") return false;
    throw error;
  }
}

/** Names of the promises that a run broke; `step` for one that ended at a step, or in a broken world. */
export function listFailures(result: Pick<ScenarioResult, "verdict" | "checks">): readonly string[] {
  const broken = result.checks.filter((check: CheckResult) => check.verdict === "invalid").map(({ check }) => check);
  if (broken.length > 0) return broken;
  return result.verdict === "invalid" || result.verdict === "failed" ? ["step"] : [];
}
