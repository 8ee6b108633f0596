/**
 * A thread of the swarm: plays the schedules that it is given, one after the other, and says what came of each.
 */
import { parentPort, workerData } from "node:worker_threads";
import { optionsOf, type WorldChoice } from "./sim/choice.ts";
import { SimFailure } from "./sim/sim-failure.ts";
import { runSwarm, type SwarmResult } from "./sim/swarm.ts";

/** What a schedule came to. `failure` null: every promise held. */
export type Played =
  | { readonly seed: number; readonly failure: null; readonly result: SwarmResult }
  | {
      readonly seed: number;
      readonly failure: { readonly property: string; readonly atMs: number; readonly reason: string };
    };

function play(seed: number, choice: WorldChoice): Played {
  try {
    return { seed, failure: null, result: runSwarm(seed, optionsOf(choice), { only: choice.only }) };
  } catch (error) {
    if (!(error instanceof SimFailure)) throw error;
    const { property, atMs, reason } = error.details;
    return { seed, failure: { property, atMs, reason } };
  }
}

parentPort?.on("message", (seed: number) => parentPort?.postMessage(play(seed, workerData as WorldChoice)));
