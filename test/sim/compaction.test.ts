/** Long lives in short memory: compaction, snapshots and joining (node/protocol/compaction.md; S9, L5). */
import { describe, expect, it } from "vitest";
import type { SimCluster } from "../../lab/sim/cluster/sim-cluster.ts";
import type { SimOptions } from "../../lab/sim/cluster/sim-options.ts";
import { settled } from "../support/settled.ts";
import { underSeeds } from "../support/sim-seeds.ts";

const FILE = "test/sim/compaction.test.ts";
const KEEP = 16;

function compacting(options: SimOptions, ids: readonly number[]): SimCluster {
  return settled({ keepRecords: KEEP, expected: [], voters: [1, 2, 3], ...options }, ids);
}

function trade(sim: SimCluster, count: number, ids: readonly number[], everyMs = 10): void {
  for (let i = 0; i < count; i++) {
    sim.sell(ids[i % ids.length] as number, ids[(i + 1) % ids.length] as number, 1);
    sim.runFor(everyMs);
  }
}

const inMemory = (sim: SimCluster, id: number) => sim.node(id).state?.ledger.log.length ?? 0;

describe("a group that trades and trades", () => {
  it("must keep a bounded number of records in memory, also with a member that is dead (S9)", () => {
    underSeeds(FILE, 5, (seed) => {
      const sim = compacting({ nodes: 4, seed }, [1, 2, 3, 4]);
      sim.kill(4);
      sim.runUntil(() => sim.agree([1, 2, 3]), 5_000, "the death of node 4");
      for (let round = 0; round < 10; round++) {
        trade(sim, 40, [1, 2, 3]);
        // Two heartbeats' worth of trades may come between two looks.
        for (const id of [1, 2, 3]) expect(inMemory(sim, id)).toBeLessThan(2 * KEEP + 150);
      }
      sim.runUntil(() => [1, 2, 3].every((id) => inMemory(sim, id) <= 2 * KEEP), 3_000, "short logs");
    });
  });

  it("must serve who comes back from below with a snapshot, and be whole after everybody's restart", () => {
    underSeeds(FILE, 5, (seed) => {
      const sim = compacting({ nodes: 4, seed }, [1, 2, 3, 4]);
      sim.sell(4, 1, 30);
      sim.runFor(500);
      sim.kill(4);
      trade(sim, 150, [1, 2, 3]);
      sim.runUntil(() => [1, 2, 3].every((id) => inMemory(sim, id) <= 2 * KEEP), 3_000, "short logs");
      sim.start(4);
      sim.runUntil(() => sim.converged(), 6_000, "convergence");
      expect(sim.node(4).state?.counters.get("snapshots_taken")).toBeGreaterThan(0);
      for (const id of [1, 2, 3, 4]) sim.kill(id);
      sim.startAll();
      sim.runFor(1_000);
      sim.runUntil(() => sim.converged(), 6_000, "convergence after the restart");
      expect(sim.node(4).state?.ledger.accounts.get(4)?.balance).toBe(70);
    });
  });

  it("must get both halves of a partition together, each of which has folded what the other never saw", () => {
    underSeeds(FILE, 5, (seed) => {
      const sim = compacting({ nodes: 4, seed }, [1, 2, 3, 4]);
      sim.partition([1, 2], [3, 4]);
      sim.runFor(4_000);
      for (let i = 0; i < 100; i++) {
        sim.sell(1 + (i % 2), 2 - (i % 2), 1);
        sim.sell(3 + (i % 2), 4 - (i % 2), 1);
        sim.runFor(20);
      }
      sim.runFor(2_000);
      for (const id of [1, 2, 3, 4]) expect(inMemory(sim, id)).toBeLessThanOrEqual(2 * KEEP);
      sim.heal();
      sim.runUntil(() => sim.converged(), 14_000, "one ledger");
      for (const id of [1, 3]) expect(sim.node(id).state?.counters.get("snapshots_taken")).toBeGreaterThan(0);
    });
  });
});

describe("a late joiner", () => {
  it("must be READY within 2 s after a long history, and nobody's trades wait for it (L5)", () => {
    underSeeds(FILE, 3, (seed) => {
      const sim = compacting({ nodes: 4, seed }, [1, 2, 3]);
      trade(sim, 600, [1, 2, 3], 3);
      sim.start(4);
      const before = sim.commands.length;
      const startedAtMs = sim.nowMs;
      while (sim.node(4).readyAtMs === null && sim.nowMs < startedAtMs + 2_000) trade(sim, 1, [1, 2, 3]);
      expect((sim.node(4).readyAtMs ?? Number.POSITIVE_INFINITY) - startedAtMs).toBeLessThan(2_000);
      sim.runFor(200);
      for (const { final } of sim.commands.slice(before)) expect(final?.ok).toBe(true);
      sim.runUntil(() => sim.converged(), 3_000, "convergence");
      expect(sim.node(4).state?.counters.get("snapshots_taken")).toBeGreaterThan(0);
    });
  });

  it("that dies at any moment of taking a snapshot must have it or not, and get there with the next start", () => {
    underSeeds(FILE, 10, (seed) => {
      const sim = compacting({ nodes: 4, seed }, [1, 2, 3]);
      trade(sim, 120, [1, 2, 3]);
      sim.runFor(1_500);
      for (let effects = 0; effects < 40; effects += 3) {
        sim.start(4);
        sim.killAfterEffects(4, effects + seed);
        sim.runFor(60);
        sim.kill(4);
      }
      sim.start(4);
      sim.runUntil(() => sim.converged(), 8_000, "convergence");
    });
  });
});
