/** Same seed, same run, byte for byte: without it a failing seed would prove nothing. */
import { expect, it } from "vitest";
import { SimCluster } from "../../lab/sim/cluster.ts";
import { runSwarm } from "../../lab/sim/swarm.ts";

function run(seed: number): string {
  const sim = new SimCluster({ nodes: 5, seed, loss: 0.1, duplicate: 0.05, reorder: 0.1, wire: true });
  sim.startAll(40);
  sim.runFor(1_000);
  for (let i = 0; i < 20; i++) {
    sim.sell(1 + (i % 5), 1 + ((i + 1) % 5), 2);
    sim.runFor(25);
  }
  sim.kill(5);
  sim.partition([1, 2], [3, 4]);
  sim.runFor(1_500);
  sim.heal();
  sim.start(5);
  sim.runFor(2_000);
  return sim.journal.fingerprint();
}

it("two runs of one seed must have the same journal and the same datagrams", () => {
  expect(run(11)).toBe(run(11));
  expect(run(11)).not.toBe(run(12));
});

it("two swarm runs of one seed must be the same", () => {
  expect(runSwarm(5).fingerprint).toBe(runSwarm(5).fingerprint);
});
