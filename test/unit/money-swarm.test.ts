// Money under loss, duplicates, reordering, cuts and crashes: safe at every step, complete after healing. One seed is one run.
import { describe, expect, test } from "vitest";
import { drawBelow } from "../../node/core/kernel/random.ts";
import { balanceOf, conservation, ledgerHash } from "../../node/core/ledger/ledger.ts";
import { pendingTrades } from "../../node/core/trading/outcomes.ts";
import { MoneyCluster } from "../support/money-cluster.ts";

const SEEDS = 60;
const IDS = [1, 2, 3, 4];

function runSchedule(seed: number): MoneyCluster {
  const cluster = new MoneyCluster(IDS, seed);
  cluster.gossip();
  cluster.run(300);
  const draw = (below: number) => drawBelow(cluster.random, below);
  cluster.faults = {
    lossPercent: draw(40),
    duplicatePercent: draw(20),
    delayMaxMs: 1 + draw(60),
    writeMaxMs: draw(12),
  };
  for (let round = 0; round < 40; round++) {
    if (draw(10) === 0) {
      const cut = 1 + draw(3);
      cluster.blocked = (from, to) => from <= cut !== to <= cut;
    }
    if (draw(6) === 0) cluster.blocked = () => false;
    const node = cluster.node(1 + draw(4));
    if (draw(12) === 0) node.kill();
    for (let i = draw(5); i > 0; i--) {
      const by = cluster.node(1 + draw(4));
      by.command(draw(2) === 0 ? "sell" : "buy", 1 + draw(4), 1 + draw(50), `${seed}-${round}-${i}`, { inc: by.boots });
    }
    if (draw(3) === 0) cluster.gossip();
    cluster.run(draw(200));
    for (const other of cluster.nodes.values()) {
      if (!other.isUp && draw(3) === 0) other.restart();
      expect(conservation(other.state)).toEqual({ balances: 400, initials: 400, holds: true });
      expect(other.state.trading.reserved).toBeLessThanOrEqual(balanceOf(other.state, other.id));
      expect(other.state.trading.reserved).toBeGreaterThanOrEqual(0);
    }
  }
  cluster.blocked = () => false;
  cluster.faults = { lossPercent: 5, duplicatePercent: 5, delayMaxMs: 5, writeMaxMs: 5 };
  for (const node of cluster.nodes.values()) if (!node.isUp) node.restart();
  for (let beat = 0; beat < 10; beat++) {
    cluster.gossip();
    cluster.run(2_000);
  }
  return cluster;
}

describe("a swarm of money schedules", () => {
  test("must end with equal ledgers, exact money, nothing pending and truthful answers", () => {
    let trades = 0;
    let refusals = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const cluster = runSchedule(seed);
      const states = IDS.map((id) => cluster.node(id).state);
      expect(new Set(cluster.clocks()).size, `seed ${seed}: vectors`).toBe(1);
      expect(new Set(states.map((state) => ledgerHash(state))).size, `seed ${seed}: hashes`).toBe(1);
      expect(
        states.reduce((sum, state) => sum + balanceOf(state, state.self.id), 0),
        `seed ${seed}: money`,
      ).toBe(400);
      expect(
        states.flatMap((state) => pendingTrades(state)),
        `seed ${seed}: pending`,
      ).toEqual([]);
      expect(
        states.map((state) => state.causal.held),
        `seed ${seed}: held`,
      ).toEqual([0, 0, 0, 0]);
      const executed = new Map(states[0]?.ledger.log.map((record) => [record.trade_id, record]));
      expect(executed.size).toBe(states[0]?.ledger.log.length);
      for (const { result } of IDS.flatMap((id) => cluster.node(id).replies)) {
        if (!result.ok && result.definite && result.tradeId !== undefined) {
          expect(executed.has(result.tradeId), `seed ${seed}: ${result.tradeId} ${result.code}`).toBe(false);
          refusals += 1;
        }
        const data = result.ok ? (result.data as { trade_id: string; state: string }) : null;
        if (data?.state === "settled" || data?.state === "committed")
          expect(executed.has(data.trade_id), `seed ${seed}: ${data.trade_id}`).toBe(true);
      }
      const requests = [...executed.values()].flatMap((record) => record.request_id ?? []);
      expect(new Set(requests).size, `seed ${seed}: requests`).toBe(requests.length);
      trades += executed.size;
    }
    expect(trades).toBeGreaterThan(20 * SEEDS);
    expect(refusals).toBeGreaterThan(SEEDS);
  }, 60_000);

  test("must run the same twice", () => {
    const journals = [1, 2].map(() => JSON.stringify(IDS.map((id) => runSchedule(7).node(id).journal)));
    expect(journals[0]).toBe(journals[1]);
  });
});
