// What several nodes do together at their start (node/protocol/joining.md): the simulator's virtual network, one obligation each.
import { describe, expect, test } from "vitest";
import { SimCluster } from "../../lab/sim/cluster/sim-cluster.ts";
import { addressOf } from "../../lab/sim/world/network.ts";

function countLines(sim: SimCluster, text: string): number {
  return sim.journal
    .transcript(100_000)
    .split("\n")
    .filter((line) => line.includes(text)).length;
}

describe("nodes that start together", () => {
  test.each([1, 2, 3, 4, 5])(
    "must join, mint and elect the highest id once, within 50 ms, when they expect each other (seed %i)",
    (seed) => {
      const sim = new SimCluster({ nodes: 5, seed, profile: "fast" });
      sim.startAll();
      expect(sim.runUntil(() => sim.agree() && sim.converged(), 200)).toBeLessThanOrEqual(50);
      sim.runFor(3_000);
      expect(countLines(sim, "I am now the COORDINATOR")).toBe(1);
      expect(sim.node(1).state?.election).toMatchObject({ coordinator: 5, claimTerm: 1, elected: true });
    },
  );

  test("must find each other through one common peer when there is no multicast", () => {
    for (const seed of [1, 2, 3]) {
      const peers = (id: number) => new Map(id === 1 ? [] : [[1, addressOf(1)]]);
      const sim = new SimCluster({ nodes: [], seed, profile: "fast", multicast: false, voters: [1, 2, 3, 4, 5] });
      for (const id of [1, 2, 3, 4, 5]) sim.add(id, id, { expected: [], peers: peers(id) });
      sim.startAll(10);
      sim.runUntil(() => sim.converged(), 4_000, "a converged cluster");
      sim.runFor(2_000);
      for (const node of sim.running())
        expect([...(node.state?.members.values() ?? [])].filter((peer) => peer.state === "ALIVE").length).toBe(4);
    }
  });
});
