/** Every buy ends as credited or as never happened once its payer is back, whatever crashed meanwhile (node/protocol/trading.md#buys-in-doubt). */
import { expect, it } from "vitest";
import { SimCluster } from "../../lab/sim/cluster/sim-cluster.ts";
import { tradeOutcome } from "../../node/core/trading/outcomes.ts";
import { underSeeds } from "../support/sim-seeds.ts";

const FILE = "test/sim/doubt.test.ts";

/** Node 3 buys from node 1, which dies in the middle of it, and is back after the buyer has lost patience. */
function buyFromTheDying(seed: number, comeBack: (sim: SimCluster) => void): void {
  const sim = new SimCluster({ nodes: 4, seed, loss: seed % 3 === 0 ? 0.2 : 0 });
  sim.startAll();
  sim.runUntil(() => sim.converged(), 30_000, "the first agreement");
  if (seed % 2 === 0) sim.shape({ delayMs: 20, jitterMs: 30 });
  sim.killAfterEffects(1, seed % 12);
  const buys = [1, 2, 3].map(() => sim.buy(3, 1, 10));
  sim.runFor(200);
  sim.kill(1);
  if (seed % 4 === 0) sim.restart(3);
  sim.runFor(11_000);
  comeBack(sim);
  sim.shape({ delayMs: 0.1, jitterMs: 0.3, loss: 0 });
  sim.runUntil(() => sim.converged(), 14_000, "the return");
  const credited = buys.map((_, index) => {
    const tradeId = `3-1-1.${index + 1}`;
    const executed = sim.node(1).state?.ledger.byTrade.has(tradeId) ?? false;
    const state = sim.node(3).state;
    if (state === null) throw new Error("node 3 is down");
    expect(state.trading.pending.has(tradeId)).toBe(false);
    const outcome = tradeOutcome(state, tradeId).state;
    if (executed) expect(outcome).toBe("settled");
    // A buyer that was restarted may have never made it, and forgotten how it ended.
    else expect(["expired", "rejected", "unknown"]).toContain(outcome);
    return executed ? 10 : 0;
  });
  const paid = credited.reduce<number>((sum, amount) => sum + amount, 0);
  for (const id of sim.ids) expect(sim.node(id).state?.ledger.accounts.get(3)?.balance).toBe(100 + paid);
}

it("must be decided when the payer comes back", () => {
  underSeeds(FILE, 16, (seed) => buyFromTheDying(seed, (sim) => sim.start(1)));
});

it("must be decided when the payer comes back without its disk", () => {
  underSeeds(FILE, 16, (seed) =>
    buyFromTheDying(seed, (sim) => {
      sim.loseDisk(1);
      sim.start(1);
    }),
  );
});
