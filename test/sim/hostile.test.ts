/**
 * Strangers on the network: damaged copies, parts and recordings come along with what nodes send (S8). The rest of the attacks is
 * made on real sockets (test/integration/attack-stranger.test.ts).
 */
import { expect, it } from "vitest";
import { InvariantError } from "../../lab/sim/checks/judge.ts";
import { expectRecovery } from "../../lab/sim/cluster/liveness.ts";
import { SimCluster } from "../../lab/sim/cluster/sim-cluster.ts";
import { underSeeds } from "../support/sim-seeds.ts";

it("a stranger's datagrams must change nothing, over restarts and lost disks too", () => {
  underSeeds("test/sim/hostile.test.ts", 6, (seed) => {
    const sim = new SimCluster({ nodes: 5, seed, hostile: 0.3 });
    sim.startAll();
    sim.runUntil(() => sim.agree(), 5_000, "agreement among strangers");
    for (let round = 0; round < 10; round++) {
      sim.sell(1 + (round % 5), 1 + ((round + 2) % 5), 5);
      sim.buy(1 + ((round + 1) % 5), 1 + (round % 5), 3);
      sim.runFor(60);
      if (round % 4 === 3) sim.restart(1 + (seed % 5));
    }
    expectRecovery(sim);
    expect(sim.network.forged).toBeGreaterThan(200);
  });
});

it("a datagram that no node sealed, or one for the second time, must be noticed when it gets in", () => {
  const sim = new SimCluster({ nodes: 2, seed: 1 });
  sim.startAll();
  const [one] = sim.running();
  const datagram = new Uint8Array(40);
  const accept = () => sim.invariants.onAccepted(one as NonNullable<typeof one>, datagram);
  expect(accept).toThrow(InvariantError);
  sim.invariants.onSealed(datagram, null);
  accept();
  expect(accept).toThrow(/S8: node 1 takes in a datagram twice/);
});
