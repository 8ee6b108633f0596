/** Machines with too little time for all their processes: each runs for moments only, and the group must get there all the same. */
import { describe, expect, it } from "vitest";
import { SimCluster } from "../../lab/sim/cluster/sim-cluster.ts";
import { Draw } from "../../lab/sim/world/draw.ts";

/** Every process runs for `runMs` and is stopped for `stoppedMs`, again and again, each span times 0.5 to 1.5. */
function starve(sim: SimCluster, runMs: number, stoppedMs: number): void {
  const draw = new Draw(sim.seed, "starve");
  const later = (spanMs: number, then: () => void): void => {
    sim.queue.after(draw.between(0.5, 1.5) * spanMs, then);
  };
  const run = (slot: number): void =>
    later(runMs, () => {
      sim.freeze(slot);
      later(stoppedMs, () => {
        sim.resume(slot);
        run(slot);
      });
    });
  for (const slot of sim.nodes.keys()) sim.queue.after(slot, () => run(slot));
}

/** As the nodes themselves see it, those that are stopped at the moment included. */
function followOneElected(sim: SimCluster): boolean {
  const [first, ...others] = [...sim.nodes.values()].map((node) => node.state?.election);
  if (first === undefined || first.coordinator === null || !first.elected) return false;
  return others.every(
    (other) => other?.coordinator === first.coordinator && other.claimTerm === first.claimTerm && other.elected,
  );
}

describe("starved processes", () => {
  it.for([
    { nodes: 5, runMs: 30, stoppedMs: 400, seed: 1 },
    { nodes: 5, runMs: 5, stoppedMs: 300, seed: 2 },
    { nodes: 20, runMs: 30, stoppedMs: 400, seed: 3 },
  ])("must elect the highest of $nodes that run $runMs ms and then stand still for $stoppedMs (seed $seed)", (how) => {
    const sim = new SimCluster({ nodes: how.nodes, seed: how.seed, profile: "fast", timing: { discoveryMs: 1_000 } });
    sim.startAll();
    starve(sim, how.runMs, how.stoppedMs);
    sim.runUntil(() => followOneElected(sim), 10_000, "one elected coordinator");
    expect(sim.node(1).state?.election.coordinator).toBe(how.nodes);
    expect(sim.node(1).state?.election.term, "terms used up").toBeLessThan(5);
  });
});
