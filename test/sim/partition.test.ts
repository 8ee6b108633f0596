/** Splits, freezes and their end: no vote is cast twice, nothing is rolled back, one cluster remains (node/protocol/membership.md#the-way-back). */
import { describe, expect, it } from "vitest";
import { SimCluster } from "../../lab/sim/cluster/sim-cluster.ts";
import type { SimOptions } from "../../lab/sim/cluster/sim-options.ts";
import { underSeeds } from "../support/sim-seeds.ts";

const FILE = "test/sim/partition.test.ts";

function settled(options: SimOptions): SimCluster {
  const sim = new SimCluster(options);
  sim.startAll();
  sim.runUntil(() => sim.converged(), 30_000, "the first agreement");
  sim.runFor(1_000);
  return sim;
}

describe("a partition", () => {
  it("must leave both sides trading, and heal to one leader and equal ledgers within 3 s", () => {
    underSeeds(FILE, 15, (seed) => {
      const sim = settled({ nodes: 5, seed });
      sim.partition([1, 2], [3, 4, 5]);
      sim.runUntil(() => sim.agree([1, 2]) && sim.agree([3, 4, 5]), 5_000, "a leader on each side");
      expect(sim.node(1).state?.election).toMatchObject({ coordinator: 2, elected: false });
      expect(sim.node(3).state?.election).toMatchObject({ coordinator: 5, elected: true });
      const left = sim.sell(1, 2, 30);
      const right = sim.buy(3, 4, 20);
      sim.runUntil(() => left.final !== null && right.final !== null, 5_000, "trades on both sides");
      expect([left.final?.ok, right.final?.ok]).toEqual([true, true]);
      sim.runFor(2_000);
      sim.heal();
      sim.runUntil(() => sim.converged(), 3_000, "one leader and equal ledgers");
      expect(sim.node(4).state?.ledger.accounts.get(2)?.balance).toBe(130);
    });
  });

  it("must heal within 3 s when the leader was alone", () => {
    underSeeds(FILE, 12, (seed) => {
      const sim = settled({ nodes: 5, seed });
      sim.isolate(5);
      sim.runUntil(() => sim.agree([1, 2, 3, 4]), 4_000, "a leader without node 5");
      sim.runFor(3_000);
      expect(sim.node(5).state?.election.elected).toBe(false);
      sim.heal();
      sim.runUntil(() => sim.converged(), 3_000, "one leader");
    });
  });

  it("must settle a trade whose payee was cut off after the commit", () => {
    underSeeds(FILE, 12, (seed) => {
      const sim = settled({ nodes: 4, seed });
      let cut = false;
      sim.onSend = (_node, message) => {
        if (message.message_type !== "TRADE_CONFIRM" || cut) return;
        cut = true;
        sim.partition([2], [1, 3, 4]);
      };
      const trade = sim.sell(1, 2, 40);
      sim.runFor(3_000);
      expect(trade.final).toBeNull();
      expect(sim.node(1).state?.ledger.accounts.get(1)?.balance).toBe(60);
      expect(sim.node(2).state?.ledger.accounts.get(2)?.balance).toBe(100);
      sim.heal();
      sim.runUntil(() => sim.converged(), 4_000, "the credits' arrival");
      expect(sim.node(2).state?.ledger.accounts.get(2)?.balance).toBe(140);
    });
  });

  it("must heal by --peers alone, where FAILED peers are still addressed", () => {
    underSeeds(FILE, 10, (seed) => {
      const sim = settled({ nodes: 4, seed, multicast: false });
      sim.partition([1, 2], [3, 4]);
      sim.runFor(6_000);
      sim.heal();
      sim.runUntil(() => sim.converged(), 5_000, "one leader and equal ledgers");
    });
  });

  it("must not let a provisional side and an elected side share a term after many splits", () => {
    underSeeds(FILE, 10, (seed) => {
      const sim = settled({ nodes: 5, seed, loss: 0.05 });
      for (let round = 0; round < 6; round++) {
        const left = [1, 2, 3, 4, 5].filter((id) => (id * 7 + round * 3 + seed) % 5 < 2);
        sim.partition(
          left,
          [1, 2, 3, 4, 5].filter((id) => !left.includes(id)),
        );
        sim.runFor(1_500);
        sim.heal();
        sim.runFor(700);
      }
      sim.shape({ loss: 0 });
      sim.runUntil(() => sim.converged(), 10_000, "convergence");
    });
  });
});

describe("a frozen process", () => {
  it("must be replaced, and rejoin without a split when it wakes up", () => {
    underSeeds(FILE, 15, (seed) => {
      const sim = settled({ nodes: 5, seed });
      sim.freeze(5);
      sim.runUntil(() => sim.agree(), 3_000, "a leader without node 5");
      expect(sim.node(1).state?.election.coordinator).toBe(4);
      sim.runFor(2_000);
      sim.resume(5);
      sim.runUntil(() => sim.converged(), 3_000, "node 5 leading again");
    });
  });

  it("must not declare its peers dead when it wakes up", () => {
    underSeeds(FILE, 12, (seed) => {
      const sim = settled({ nodes: 5, seed });
      sim.freeze(2);
      sim.runFor(6_000);
      sim.resume(2);
      sim.runFor(3_000);
      const accusations = sim.journal.lines.filter(
        (line) => line.node === 2 && /FAILED/.test(line.msg) && line.time > 7_000,
      );
      expect(accusations.map((line) => line.msg)).toEqual([]);
      sim.runUntil(() => sim.converged(), 3_000, "convergence");
    });
  });

  it("must not be noticed when it is short", () => {
    underSeeds(FILE, 10, (seed) => {
      const sim = settled({ nodes: 5, seed });
      const term = sim.node(1).state?.election.claimTerm;
      sim.freeze(5);
      sim.runFor(120);
      sim.resume(5);
      sim.runFor(2_000);
      expect(sim.agree()).toBe(true);
      expect(sim.node(1).state?.election.claimTerm).toBe(term);
    });
  });
});
