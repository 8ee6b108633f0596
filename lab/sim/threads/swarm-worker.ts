/**
 * A thread of the swarm: plays the schedules that it is given, one after the other, and says what came of each. Or hunts a known bug.
 */
import { parentPort, workerData } from "node:worker_threads";
import { findBug, withoutBug } from "../bugs/bug-cases.ts";
import { type Found, findAlarms, huntBug, playHunt } from "../bugs/hunt.ts";
import { SimFailure } from "../checks/sim-failure.ts";
import { optionsOf, type WorldChoice } from "../swarm/choice.ts";
import { runSwarm, type SwarmResult } from "../swarm/play-schedule.ts";

/** The result of a schedule. `failure` null: every promise held. */
export type Played =
  | { readonly seed: number; readonly failure: null; readonly result: SwarmResult }
  | {
      readonly seed: number;
      readonly failure: { readonly property: string; readonly atMs: number; readonly reason: string };
    };

/** Seeds `from` to `to`, until the bug is found; `bug` null: all of them, without any bug. */
export interface HuntTask {
  readonly bug: string | null;
  readonly from: number;
  readonly to: number;
}

export interface Hunted {
  readonly task: HuntTask;
  /** Null: there was no bug to find. */
  readonly found: Found | null;
  /** What the checkers saw where no bug was. */
  readonly alarms: readonly { readonly seed: number; readonly check: string; readonly what: string }[];
}

function hunt(task: HuntTask): Hunted {
  const seeds = Array.from({ length: task.to - task.from + 1 }, (_, index) => task.from + index);
  const bug = task.bug === null ? null : findBug(task.bug);
  const found = bug === null ? null : huntBug(bug, seeds);
  // Without the bug its schedule must show nothing, whatever was added to it.
  const controls = bug === null ? seeds : found?.seed == null || bug.spice === undefined ? [] : [found.seed];
  const alarms = controls.flatMap((seed) =>
    findAlarms(playHunt(seed, bug === null ? null : withoutBug(bug))).map(({ check, violations, detail }) => {
      return { seed, check, what: violations[0]?.what ?? detail };
    }),
  );
  return { task, found, alarms };
}

export function play(seed: number, choice: WorldChoice): Played {
  try {
    return {
      seed,
      failure: null,
      result: runSwarm(seed, optionsOf(choice), { only: choice.only, moves: choice.moves }),
    };
  } catch (error) {
    if (!(error instanceof SimFailure)) throw error;
    const { property, atMs, reason } = error.details;
    return { seed, failure: { property, atMs, reason } };
  }
}

parentPort?.on("message", (task: number | HuntTask | string) => {
  if (typeof task === "number") parentPort?.postMessage(play(task, workerData as WorldChoice));
  else if (typeof task === "object") parentPort?.postMessage(hunt(task));
});
