/**
 * Many small clusters, everything drawn from the seed. A seed that once failed is kept in REGRESSIONS for ever.
 */
import { expect, it } from "vitest";
import { runSwarm } from "../../lab/sim/swarm.ts";
import { underSeeds } from "../support/sim-seeds.ts";

const FILE = "test/sim/swarm.test.ts";

/** Seeds beyond the first 150 that found a bug. */
const REGRESSIONS: readonly number[] = [];

it("every promise must hold in 150 random schedules, and every cluster must heal", () => {
  let executed = 0;
  let faults = 0;
  underSeeds(FILE, 150, (seed) => {
    const result = runSwarm(seed);
    executed += result.executed;
    faults += result.faults;
  });
  if (process.env.SIM_SEED !== undefined) return;
  // The schedules must reach what they are for.
  expect(executed).toBeGreaterThan(1_000);
  expect(faults).toBeGreaterThan(1_000);
});

it("every seed that once failed must pass", () => {
  for (const seed of REGRESSIONS) runSwarm(seed);
});
