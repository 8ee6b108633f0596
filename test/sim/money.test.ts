/** Trades under every fault that a network and a process have: nothing is lost, made or done twice (node/protocol/trading.md). */
import { describe, expect, it } from "vitest";
import type { SimCommand } from "../../lab/sim/cluster/observer.ts";
import type { SimCluster } from "../../lab/sim/cluster/sim-cluster.ts";
import { Draw } from "../../lab/sim/world/draw.ts";
import { settled } from "../support/settled.ts";
import { underSeeds } from "../support/sim-seeds.ts";

const FILE = "test/sim/money.test.ts";

function balance(sim: SimCluster, seenBy: number, of = seenBy): number | undefined {
  return sim.node(seenBy).state?.ledger.accounts.get(of)?.balance;
}

function isDone(trades: readonly SimCommand[]): boolean {
  return trades.every((trade) => trade.final !== null);
}

describe("a trade", () => {
  it("must move credits once, everywhere, in either direction", () => {
    underSeeds(FILE, 10, (seed) => {
      const sim = settled({ nodes: 3, seed });
      const sale = sim.sell(1, 2, 30);
      sim.runUntil(() => isDone([sale]), 200, "the sale");
      expect(sale.final).toMatchObject({ ok: true, data: { state: "settled", balance: 70 } });
      const purchase = sim.buy(1, 3, 50);
      sim.runUntil(() => isDone([purchase]), 200, "the purchase");
      expect(purchase.final).toMatchObject({ ok: true, data: { state: "settled", balance: 120 } });
      sim.runUntil(() => sim.converged(), 1_000);
      for (const id of [1, 2, 3]) expect([1, 2, 3].map((of) => balance(sim, id, of))).toEqual([120, 130, 50]);
    });
  });

  it("must complete, all of them, under 30 % loss with doubled and reordered datagrams", () => {
    underSeeds(FILE, 10, (seed) => {
      const sim = settled({ nodes: 5, seed });
      sim.shape({ loss: 0.3, duplicate: 0.05, reorder: 0.2, reorderMs: 30 });
      const draw = new Draw(seed, "load");
      const trades: SimCommand[] = [];
      for (let i = 0; i < 60; i++) {
        const from = draw.integer(1, 5);
        const to = ((from + draw.integer(0, 3)) % 5) + 1;
        trades.push(draw.chance(0.5) ? sim.sell(from, to, draw.integer(1, 3)) : sim.buy(from, to, draw.integer(1, 3)));
        sim.runFor(draw.integer(0, 60));
      }
      sim.runUntil(() => isDone(trades), 15_000, "every trade's end");
      const failed = trades.filter((trade) => trade.final?.ok === false);
      expect(failed.map((trade) => trade.final)).toEqual([]);
      sim.shape({ loss: 0, duplicate: 0, reorder: 0 });
      sim.runUntil(() => sim.converged(), 5_000, "convergence");
      expect(sim.invariants.executed).toBe(60);
      sim.checkOutcomes();
    });
  });

  it("must survive the loss of its confirmation", () => {
    underSeeds(FILE, 12, (seed) => {
      const sim = settled({ nodes: 3, seed });
      let confirmed = 0;
      sim.onSend = (_node, message) => {
        if (message.message_type !== "TRADE_CONFIRM") return;
        confirmed += 1;
        if (confirmed === 1) sim.shape({ loss: 1 });
      };
      const trade = sim.sell(1, 2, 25);
      sim.runFor(150);
      expect(confirmed).toBeGreaterThan(0);
      sim.shape({ loss: 0 });
      sim.runUntil(() => isDone([trade]), 1_500, "the trade's end");
      sim.runUntil(() => sim.converged(), 2_000, "convergence");
      expect(balance(sim, 2)).toBe(125);
    });
  });

  it("must reach the payee although the payer dies between its debit and its confirmation", () => {
    underSeeds(FILE, 12, (seed) => {
      const sim = settled({ nodes: 3, seed });
      const trade = sim.sell(1, 2, 25);
      let committed = false;
      sim.onSend = (node, message) => {
        // The instant at which the record is on disk and the first confirmation is about to leave.
        if (message.message_type !== "TRADE_CONFIRM" || node.id !== 1 || committed) return;
        committed = true;
        sim.shape({ loss: 1 });
      };
      sim.runUntil(() => committed, 500, "the commit");
      sim.kill(1);
      sim.shape({ loss: 0 });
      sim.runFor(1_000);
      expect(balance(sim, 2)).toBe(100);
      sim.start(1);
      sim.runUntil(() => sim.converged(), 5_000, "convergence");
      expect([balance(sim, 1), balance(sim, 2)]).toEqual([75, 125]);
      expect(trade.final).toBeNull();
    });
  });

  it("must be whole or not at all when the payer dies at any effect of it", () => {
    underSeeds(FILE, 50, (seed) => {
      const sim = settled({ nodes: 3, seed });
      if (seed % 2 === 0) sim.sell(1, 2, 25);
      else sim.buy(2, 1, 25);
      sim.killAfterEffects(1, Math.floor(seed / 2));
      sim.runFor(400);
      sim.kill(1);
      sim.runFor(200);
      sim.start(1);
      sim.runUntil(() => sim.converged(), 15_000, "convergence");
      expect([balance(sim, 1), balance(sim, 2)]).toEqual(sim.invariants.executed === 1 ? [75, 125] : [100, 100]);
    });
  });

  it("must be whole or not at all when the payee dies at any effect of it", () => {
    underSeeds(FILE, 50, (seed) => {
      const sim = settled({ nodes: 3, seed });
      const trade = seed % 2 === 0 ? sim.sell(1, 2, 25) : sim.buy(2, 1, 25);
      sim.killAfterEffects(2, Math.floor(seed / 2));
      sim.runFor(400);
      sim.kill(2);
      sim.runFor(200);
      sim.start(2);
      sim.runUntil(() => sim.converged(), 15_000, "convergence");
      expect([balance(sim, 1), balance(sim, 2)]).toEqual(sim.invariants.executed === 1 ? [75, 125] : [100, 100]);
      if (trade.node === 1) expect(trade.final?.ok).toBe(sim.invariants.executed === 1);
    });
  });
});

describe("money", () => {
  it("must not be spent twice: of two sales of 80 from 100 one is refused", () => {
    underSeeds(FILE, 12, (seed) => {
      const sim = settled({ nodes: 3, seed });
      const trades = [sim.sell(1, 2, 80), sim.sell(1, 3, 80)];
      sim.runUntil(() => isDone(trades), 12_000, "both ends");
      expect(trades.map((trade) => trade.final?.ok).sort()).toEqual([false, true]);
      sim.runUntil(() => sim.converged(), 2_000);
      expect(balance(sim, 1)).toBe(20);
    });
  });

  it("must not be spent twice by a sale and a purchase that race for it", () => {
    underSeeds(FILE, 12, (seed) => {
      const sim = settled({ nodes: 3, seed });
      const trades = [sim.sell(1, 2, 80), sim.buy(3, 1, 80), sim.buy(2, 1, 80)];
      sim.runUntil(() => isDone(trades), 12_000, "all ends");
      expect(trades.filter((trade) => trade.final?.ok === true)).toHaveLength(1);
      sim.runUntil(() => sim.converged(), 2_000);
      expect(balance(sim, 1)).toBe(20);
    });
  });

  it("must cross when two nodes sell to each other at once", () => {
    underSeeds(FILE, 12, (seed) => {
      const sim = settled({ nodes: 2, seed });
      const trades = [sim.sell(1, 2, 60), sim.sell(2, 1, 70), sim.buy(1, 2, 10)];
      sim.runUntil(() => isDone(trades), 5_000, "all ends");
      expect(trades.map((trade) => trade.final?.ok)).toEqual([true, true, true]);
      sim.runUntil(() => sim.converged(), 2_000);
      expect([balance(sim, 1), balance(sim, 2)]).toEqual([120, 80]);
    });
  });

  it("must not move twice for a request id that comes twice, before and after a restart", () => {
    underSeeds(FILE, 10, (seed) => {
      const sim = settled({ nodes: 3, seed });
      const order = { op: "sell", peer: 2, amount: 30, requestId: "same" } as const;
      const first = sim.command(1, order);
      sim.command(1, order);
      sim.runUntil(() => first.final !== null, 1_000, "the sale");
      sim.command(1, order);
      sim.runFor(500);
      expect(balance(sim, 1)).toBe(70);
      sim.restart(1);
      sim.runUntil(() => sim.converged(), 5_000);
      sim.command(1, order);
      sim.runFor(1_000);
      sim.runUntil(() => sim.converged(), 2_000);
      expect(balance(sim, 1)).toBe(70);
      expect(sim.invariants.executed).toBe(1);
    });
  });

  it("must refuse what can't be done, with a definite answer and nothing changed", () => {
    const sim = settled({ nodes: 3, seed: 1 });
    const refusals = [
      [sim.sell(1, 1, 5), "SELF_TRADE"],
      [sim.sell(1, 9, 5), "UNKNOWN_NODE"],
      [sim.sell(1, 2, 101), "INSUFFICIENT_CREDITS"],
      [sim.buy(1, 2, 101), "INSUFFICIENT_CREDITS"],
    ] as const;
    sim.runUntil(() => isDone(refusals.map(([command]) => command)), 1_000, "the refusals");
    for (const [command, code] of refusals) expect(command.final).toMatchObject({ ok: false, definite: true, code });
    sim.stop(3);
    sim.runFor(2_500);
    const late = sim.sell(1, 3, 5);
    sim.runFor(100);
    expect(late.final).toMatchObject({ ok: false, definite: true, code: "NODE_LEFT" });
    expect([balance(sim, 1), balance(sim, 2)]).toEqual([100, 100]);
  });
});
