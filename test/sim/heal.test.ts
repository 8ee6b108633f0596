/**
 * From the end of a partition to one leader, the highest, however the network was cut (node/protocol/timers.md: calm before preemption).
 * `npm run bench -- detection` has the distributions.
 */
import { describe, expect, it } from "vitest";
import { haveEqualVectors } from "../../lab/sim/cluster/inspect.ts";
import { SimCluster } from "../../lab/sim/cluster/sim-cluster.ts";
import { Draw } from "../../lab/sim/world/draw.ts";
import { underSeeds } from "../support/sim-seeds.ts";

const FILE = "test/sim/heal.test.ts";

/** Groups that are cut off from each other, both ways; node 5 is the highest. */
const CUTS: readonly { readonly name: string; readonly groups: readonly (readonly number[])[] }[] = [
  {
    name: "the highest with the majority",
    groups: [
      [1, 2],
      [3, 4, 5],
    ],
  },
  {
    name: "the highest without a majority",
    groups: [
      [1, 2, 3],
      [4, 5],
    ],
  },
  { name: "the highest alone", groups: [[5], [1, 2, 3, 4]] },
  { name: "three parts, none a majority", groups: [[1, 2], [3, 4], [5]] },
];

function healedAfter(
  spanMs: number,
  seed: number,
  profile: "default" | "fast",
  groups: readonly (readonly number[])[],
) {
  const sim = new SimCluster({ nodes: 5, seed, profile });
  sim.startAll();
  sim.runUntil(() => sim.converged(), 30_000, "the first agreement");
  sim.runFor(1_000 + 37 * seed);
  sim.partition(...groups);
  sim.runFor(spanMs);
  sim.heal();
  return sim;
}

describe("the end of a partition", () => {
  for (const { name, groups } of CUTS) {
    it(`must leave one leader at once and the highest within 3 s (fast: 1.2 s): ${name}`, () => {
      for (const profile of ["fast", "default"] as const) {
        underSeeds(FILE, 6, (seed) => {
          const sim = healedAfter(12_000, seed, profile, groups);
          const tookMs = sim.runUntil(() => sim.agree(), profile === "fast" ? 1_200 : 3_000, "the highest leading");
          expect(tookMs).toBeGreaterThan(0);
        });
      }
    });
  }

  it("must make the ledgers equal within 3 s although a fifth of all datagrams is lost: a gap is asked for at each digest", () => {
    underSeeds(FILE, 8, (seed) => {
      const sim = new SimCluster({ nodes: 5, seed, profile: "default" });
      const draw = new Draw(seed, "load");
      sim.startAll();
      sim.runUntil(() => sim.converged(), 30_000, "the first agreement");
      sim.partition([1, 2], [3, 4, 5]);
      const trade = () => {
        const from = draw.integer(1, 5);
        sim.sell(from, draw.pick(sim.ids.filter((id) => id !== from)), 1);
      };
      for (let atMs = 0; atMs < 8_000; atMs += 50) sim.queue.after(atMs, trade);
      sim.runFor(8_000);
      sim.shape({ loss: 0.2 });
      sim.heal();
      sim.runUntil(() => haveEqualVectors(sim.running()), 3_000, "equal ledgers");
    });
  });

  it("must not let a node that comes and goes take the leadership each time", () => {
    underSeeds(FILE, 3, (seed) => {
      const sim = healedAfter(3_000, seed, "fast", [[5], [1, 2, 3, 4]]);
      let led = 0;
      for (let round = 0; round < 10; round++) {
        sim.runFor(3_000);
        if (sim.node(1).state?.election.coordinator === 5) led += 1;
        sim.isolate(5);
        sim.runFor(3_000);
        sim.heal();
      }
      expect(led, "times that node 5 led, of 10").toBeLessThan(6);
    });
  });
});
