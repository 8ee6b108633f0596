/** Coming, going and coming back: joins, leaves, restarts, incarnations (node/protocol/membership.md, joining.md). */
import { describe, expect, it } from "vitest";
import type { SimCluster } from "../../lab/sim/cluster/sim-cluster.ts";
import { settled } from "../support/settled.ts";
import { underSeeds } from "../support/sim-seeds.ts";

const FILE = "test/sim/lifecycle.test.ts";

function trade(sim: SimCluster, count: number, ids: readonly number[]): void {
  for (let i = 0; i < count; i++) {
    const from = ids[i % ids.length] as number;
    const to = ids[(i + 1) % ids.length] as number;
    sim.sell(from, to, 1 + (i % 5));
    sim.runFor(20);
  }
  sim.runUntil(() => sim.commands.every((command) => command.final !== null), 12_000, "the trades' end");
}

describe("a late joiner", () => {
  it("must get the whole history and be READY within 2 s", () => {
    underSeeds(FILE, 10, (seed) => {
      const sim = settled({ nodes: 4, seed, voters: [1, 2, 3], expected: [] }, [1, 2, 3]);
      trade(sim, 40, [1, 2, 3]);
      sim.start(4);
      sim.runUntil(() => sim.node(4).readyAtMs !== null, 2_000, "READY");
      sim.runUntil(() => sim.converged(), 3_000, "convergence");
      expect(sim.node(4).state?.ledger.log.length).toBe(40);
      expect(sim.node(1).state?.ledger.accounts.get(4)?.balance).toBe(100);
    });
  });

  it("must deliver what happens while it joins, and pay and be paid", () => {
    underSeeds(FILE, 10, (seed) => {
      const sim = settled({ nodes: 4, seed, voters: [1, 2, 3], expected: [], loss: 0.1 }, [1, 2, 3]);
      trade(sim, 10, [1, 2, 3]);
      sim.start(4);
      for (let i = 0; i < 20; i++) {
        sim.sell(1 + (i % 3), 1 + ((i + 1) % 3), 1);
        sim.runFor(30);
      }
      sim.runUntil(() => sim.converged(), 8_000, "convergence");
      const paid = sim.sell(2, 4, 5);
      const paying = sim.sell(4, 1, 50);
      sim.runUntil(() => paid.final !== null && paying.final !== null, 3_000, "the newcomer's trades");
      expect([paid.final?.ok, paying.final?.ok]).toEqual([true, true]);
      sim.runUntil(() => sim.converged(), 3_000, "convergence");
    });
  });
});

describe("a node that leaves", () => {
  it("must be seen as LEFT, exit with 0, and keep its account", () => {
    underSeeds(FILE, 10, (seed) => {
      const sim = settled({ nodes: 4, seed });
      trade(sim, 8, [1, 2, 3, 4]);
      sim.stop(4);
      sim.runUntil(() => sim.node(4).status === "down", 3_000, "the exit");
      expect(sim.node(4).exit?.code).toBe(0);
      sim.runUntil(() => sim.agree(), 2_000, "the next leader");
      for (const id of [1, 2, 3]) {
        expect(sim.node(id).state?.members.get(4)?.state).toBe("LEFT");
        expect(sim.node(id).state?.ledger.accounts.has(4)).toBe(true);
      }
      sim.start(4);
      sim.runUntil(() => sim.converged(), 4_000, "its return");
      expect(sim.node(1).state?.members.get(4)?.state).toBe("ALIVE");
    });
  });
});

describe("a restart", () => {
  it("must bring back balances, history and clock, with a higher incarnation", () => {
    underSeeds(FILE, 10, (seed) => {
      const sim = settled({ nodes: 3, seed });
      trade(sim, 12, [1, 2, 3]);
      const before = sim.node(2).state?.ledger.accounts.get(2)?.balance;
      sim.restart(2);
      expect(sim.node(2).state?.ledger.accounts.get(2)?.balance).toBe(before);
      expect(sim.node(2).incarnation).toBe(2);
      sim.runUntil(() => sim.converged(), 4_000, "convergence");
      // Another node's answer may come before node 1 has heard the question.
      sim.runFor(1);
      expect(sim.node(1).state?.members.get(2)?.incarnation).toBe(2);
    });
  });

  it("of all nodes at once must lose nothing", () => {
    underSeeds(FILE, 12, (seed) => {
      const sim = settled({ nodes: 5, seed });
      for (let i = 0; i < 30; i++) {
        sim.sell(1 + (i % 5), 1 + ((i + 2) % 5), 3);
        sim.runFor(3);
      }
      for (const id of [1, 2, 3, 4, 5]) sim.kill(id);
      sim.runFor(1_000);
      sim.startAll(seed % 2 === 0 ? 0 : 200);
      sim.runFor(1_000);
      sim.runUntil(() => sim.converged(), 6_000, "convergence");
      sim.checkOutcomes();
    });
  });

  it("must go on above the group's memory when its disk remembers fewer boots", () => {
    underSeeds(FILE, 10, (seed) => {
      const sim = settled({ nodes: 3, seed });
      for (let boot = 0; boot < 3; boot++) {
        sim.restart(2);
        sim.runFor(300);
      }
      sim.restoreDisk(2, { ...sim.saveDisk(2), incarnation: 0 });
      sim.start(2);
      const isKnown = (): boolean =>
        sim.node(1).state?.members.get(2)?.incarnation === sim.node(2).incarnation && sim.node(2).incarnation > 4;
      sim.runUntil(() => sim.converged() && isKnown(), 8_000, "its return");
      expect(sim.node(2).store.incarnation).toBe(sim.node(2).incarnation);
    });
  });

  it("must make datagrams and requests of the former incarnation harmless", () => {
    underSeeds(FILE, 12, (seed) => {
      // Slow links: what the old process sent is still on its way when the new one speaks.
      const sim = settled({ nodes: 3, seed });
      sim.shape({ delayMs: 80, jitterMs: 60 });
      sim.sell(1, 2, 10);
      sim.buy(3, 1, 10);
      sim.runFor(20 + seed * 10);
      sim.restart(1);
      sim.runFor(1_500);
      sim.shape({ delayMs: 0.1, jitterMs: 0.3 });
      sim.runUntil(() => sim.converged(), 14_000, "convergence");
      for (const id of [2, 3])
        expect(sim.node(id).state?.members.get(1)).toMatchObject({ incarnation: 2, state: "ALIVE" });
      sim.checkOutcomes();
    });
  });
});

describe("a second node with the same id", () => {
  it("must be refused and end, and the first must go on", () => {
    underSeeds(FILE, 12, (seed) => {
      const sim = settled({ nodes: 3, seed });
      trade(sim, 3, [1, 2, 3]);
      sim.add(2, 102);
      sim.start(102);
      sim.runUntil(() => sim.node(102).status === "down", 5_000, "the second one's end");
      expect(sim.node(102).exit?.code).not.toBe(0);
      sim.runFor(1_000);
      sim.runUntil(() => sim.converged(), 3_000, "convergence");
      expect(sim.node(2).status).toBe("running");
      const paid = sim.sell(2, 1, 5);
      sim.runUntil(() => paid.final !== null, 1_000);
      expect(paid.final?.ok).toBe(true);
    });
  });
});

describe("a disk that fails", () => {
  it("must stop the node's promises, not the cluster's", () => {
    underSeeds(FILE, 5, (seed) => {
      const sim = settled({ nodes: 3, seed });
      sim.failDisk(1, "full");
      const doomed = sim.sell(1, 2, 10);
      sim.runFor(12_000);
      expect(doomed.final?.ok ?? false).toBe(false);
      expect(sim.node(2).state?.ledger.accounts.get(2)?.balance).toBe(100);
      const other = sim.sell(2, 3, 10);
      sim.runUntil(() => other.final !== null, 2_000);
      expect(other.final?.ok).toBe(true);
    });
  });
});
