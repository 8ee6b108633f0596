/**
 * Makes a failing schedule of the swarm (`lab sim --seed 7`) smaller: the same world and the same draws, with as few of its actions as
 * still break the same promise.
 */
import { setImmediate } from "node:timers/promises";
import { SimFailure } from "../sim/checks/sim-failure.ts";
import { optionsOf, type WorldChoice } from "../sim/swarm/choice.ts";
import { ACTIONS_MAX, runSwarm } from "../sim/swarm/play-schedule.ts";
import { type Shrunk, shrink } from "./shrink.ts";

export interface SwarmShrinkOptions {
  /** Of the failure that is looked for: `S4`. */
  readonly property: string;
  /** The time is over, or somebody interrupted. */
  readonly isOver: () => boolean;
  readonly onSmaller: (actions: number, attempts: number) => void;
}

/** Numbers of the actions that are enough. The schedule must fail by that property as a whole. */
export function shrinkSwarm(
  seed: number,
  choice: WorldChoice,
  options: SwarmShrinkOptions,
): Promise<Shrunk<readonly number[]>> {
  const start = choice.only ?? Array.from({ length: ACTIONS_MAX }, (_, i) => i);
  return shrink<readonly number[]>({
    start,
    count: (actions) => actions.length,
    without: (actions, places) => actions.filter((_, place) => !places.has(place)),
    // The draws decide everything else.
    simpler: () => [],
    fails: async (actions) => {
      // Ctrl-C gets its turn.
      await setImmediate();
      return failsBy(seed, { ...choice, only: actions }, options.property);
    },
    isOver: options.isOver,
    onSmaller: (actions, attempts) => options.onSmaller(actions.length, attempts),
  });
}

function failsBy(seed: number, choice: WorldChoice, property: string): boolean {
  try {
    runSwarm(seed, optionsOf(choice), { only: choice.only, moves: choice.moves });
    return false;
  } catch (error) {
    if (error instanceof SimFailure) return error.details.property === property;
    throw error;
  }
}
