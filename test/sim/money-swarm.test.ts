// Money under loss, duplicates, reordering, cuts and crashes: safe at every step, complete after healing. One seed is one run.
import { describe, expect, test } from "vitest";
import { SimCluster } from "../../lab/sim/cluster/sim-cluster.ts";
import { Draw } from "../../lab/sim/world/draw.ts";
import { balanceOf, conservation, durableClock, ledgerHash } from "../../node/core/ledger/ledger.ts";
import type { NodeState } from "../../node/core/state.ts";
import { pendingTrades } from "../../node/core/trading/outcomes.ts";
import { isExtended } from "../support/extended.ts";

const SEEDS = isExtended ? 60 : 20;
const IDS = [1, 2, 3, 4];

/** With a disk and a network as bad as the seed says, from the first agreement on. */
function createTroubled(seed: number, draw: Draw): SimCluster {
  // Nodes that are cut off for a second are not given up, so trades go on between them.
  const disk = { syncMinMs: 0, syncMaxMs: draw.integer(0, 11) };
  const sim = new SimCluster({ nodes: IDS, seed, profile: "default", disk });
  sim.startAll();
  sim.runUntil(() => sim.converged(), 30_000, "the first agreement");
  sim.shape({
    loss: draw.integer(0, 39) / 100,
    duplicate: draw.integer(0, 19) / 100,
    jitterMs: draw.integer(1, 60),
  });
  return sim;
}

function playRound(sim: SimCluster, draw: Draw, round: number): void {
  if (draw.integer(0, 9) === 0) {
    const cut = draw.integer(1, 3);
    sim.heal();
    sim.partition(
      IDS.filter((id) => id <= cut),
      IDS.filter((id) => id > cut),
    );
  }
  if (draw.integer(0, 5) === 0) sim.heal();
  const victim = draw.pick(IDS);
  if (draw.integer(0, 11) === 0) sim.kill(victim);
  for (let i = draw.integer(0, 4); i > 0; i--) {
    const by = draw.pick(IDS);
    const op = draw.pick(["sell", "buy"] as const);
    const trade = { op, peer: draw.pick(IDS), amount: draw.integer(1, 50) };
    sim.command(by, { ...trade, requestId: `${sim.seed}-${round}-${i}`, inc: sim.node(by).incarnation });
  }
  sim.runFor(draw.integer(0, 199));
  for (const id of IDS) {
    if (sim.node(id).status === "down" && draw.integer(0, 2) === 0) sim.start(id);
    const { state } = sim.node(id);
    if (state === null) continue;
    expect(conservation(state)).toEqual({ balances: 400, initials: 400, holds: true });
    expect(state.trading.reserved).toBeLessThanOrEqual(balanceOf(state, id));
    expect(state.trading.reserved).toBeGreaterThanOrEqual(0);
  }
}

function runSchedule(seed: number): SimCluster {
  const draw = new Draw(seed, "money");
  const sim = createTroubled(seed, draw);
  for (let round = 0; round < 40; round++) playRound(sim, draw, round);
  sim.heal();
  sim.shape({ loss: 0.05, duplicate: 0.05, jitterMs: 5 });
  sim.startAll();
  sim.runFor(20_000);
  return sim;
}

function statesOf(sim: SimCluster): NodeState[] {
  return IDS.flatMap((id) => sim.node(id).state ?? []);
}

function describeDurable(state: NodeState): string {
  return JSON.stringify([...durableClock(state)].sort(([a], [b]) => a - b));
}

describe("a swarm of money schedules", () => {
  test("must end with equal ledgers, exact money, nothing pending and truthful answers", () => {
    let trades = 0;
    let refusals = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const sim = runSchedule(seed);
      const states = statesOf(sim);
      expect(states, `seed ${seed}: nodes`).toHaveLength(IDS.length);
      expect(new Set(states.map(describeDurable)).size, `seed ${seed}: vectors`).toBe(1);
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
      for (const result of sim.commands.flatMap((command) => command.results)) {
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
  });

  test("must run the same twice", () => {
    const journals = [1, 2].map(() => JSON.stringify(runSchedule(7).journal.lines));
    expect(journals[0]).toBe(journals[1]);
  });
});
