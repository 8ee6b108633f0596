/** Lost disks: the way back to the old balance, whom it waits for, and what a person can give up (node/protocol/recovery.md; S7). */
import { describe, expect, it } from "vitest";
import { runChecks } from "../../lab/check/checkers.ts";
import { hasEqualLedgers } from "../../lab/sim/cluster/inspect.ts";
import { SimCluster } from "../../lab/sim/cluster/sim-cluster.ts";
import { journalOf } from "../../lab/sim/cluster/sim-run.ts";
import { Draw } from "../../lab/sim/world/draw.ts";
import { restartText } from "../../node/core/membership/stale-incarnation.ts";
import { statusText } from "../../node/core/query/query.ts";
import { waitingText } from "../../node/core/recovery/awaited.ts";
import { settled, stateOf } from "../support/settled.ts";
import { underSeeds } from "../support/sim-seeds.ts";
import { hideDebitBehindGap } from "./rules/group-schedules.ts";

const FILE = "test/sim/lost-disk.test.ts";

function balance(sim: SimCluster, at: number, of = at): number | undefined {
  return stateOf(sim, at).ledger.accounts.get(of)?.balance;
}

function pay(sim: SimCluster, from: number, to: number, amount: number): void {
  const sale = sim.sell(from, to, amount);
  sim.runUntil(() => sale.final !== null, 12_000, "the payment");
  expect(sale.final).toMatchObject({ ok: true });
}

/** Node 1 pays 60 to node 2, gets an older copy of its disk, and pays 60 to node 3 while node 2 is away. Then it stops. */
function useNumberTwice(sim: SimCluster): void {
  sim.runFor(200);
  const image = sim.saveDisk(1);
  sim.kill(3);
  pay(sim, 1, 2, 60);
  for (const id of [1, 2]) sim.kill(id);
  sim.restoreDisk(1, image);
  for (const id of [1, 3]) sim.start(id);
  sim.runUntil(() => sim.converged(), 10_000, "agreement without the witness");
  pay(sim, 1, 3, 60);
  sim.start(2);
  sim.runUntil(() => stateOf(sim, 1).phase === "CONFLICT", 15_000, "the end of the owner");
}

/** Node 3 pays 30 to node 4, and only node 4 hears of it; then node 3's disk and node 4 are gone. */
function hideLastDebit(sim: SimCluster): void {
  for (const id of sim.ids) if (id !== 4 && id !== 3) sim.cutOneWay(3, id);
  for (const id of sim.ids) if (id !== 4 && id !== 3) sim.cutOneWay(4, id);
  const sale = sim.sell(3, 4, 30);
  sim.runUntil(() => sale.final !== null, 2_000, "the hidden payment");
  expect(sale.final?.ok).toBe(true);
  sim.kill(4);
  sim.loseDisk(3);
  sim.heal();
}

/** Only while a majority of the voters has disks and knows the account: else it would be minted again, and no node could vote. */
function loseKnown(sim: SimCluster, slot: number): void {
  const others = sim.ids.filter((id) => id !== slot && !sim.node(id).store.hasPromised(id));
  const knowing = others.filter((id) => sim.node(id).store.genesisOf(slot) !== undefined);
  if (knowing.length > 2) sim.loseDisk(slot);
}

function recovering(sim: SimCluster, id: number): boolean {
  return sim.node(id).state?.phase === "RECOVERING";
}

describe("a node that lost its disk", () => {
  it("must be stopped by the others when it opened a second account alone, without voters, and be failed by them", () => {
    const sim = new SimCluster({ nodes: 3, seed: 1, voters: [] });
    sim.startAll();
    sim.runUntil(() => sim.converged(), 30_000, "the first agreement");
    sim.loseDisk(3);
    sim.isolate(3);
    sim.runFor(3_000);
    sim.start(3);
    sim.runUntil(() => stateOf(sim, 3).phase === "READY", 3_000, "its start alone");
    sim.heal();
    sim.runUntil(() => stateOf(sim, 3).phase === "CONFLICT", 10_000, "the others' objection");
    const isFailed = (at: number) => stateOf(sim, at).members.get(3)?.state === "FAILED";
    sim.runUntil(() => isFailed(1) && isFailed(2) && sim.agree([1, 2]), 5_000, "its exclusion");
    expect(balance(sim, 1, 3)).toBe(100);
  });

  it("must come back with its old balance, no new credits, and pay again", () => {
    underSeeds(FILE, 10, (seed) => {
      const sim = settled({ nodes: 4, seed });
      pay(sim, 2, 1, 30);
      pay(sim, 3, 2, 5);
      sim.loseDisk(2);
      sim.start(2);
      sim.runUntil(() => sim.converged(), 4_000, "its return");
      expect(balance(sim, 2)).toBe(75);
      pay(sim, 2, 4, 75);
      sim.runUntil(() => sim.converged(), 3_000, "convergence");
      expect([1, 2, 3, 4].map((of) => balance(sim, 1, of))).toEqual([130, 0, 95, 175]);
    });
  });

  it("must come back under loss, and when it is killed on its way", () => {
    underSeeds(FILE, 20, (seed) => {
      const sim = settled({ nodes: 4, seed, loss: 0.2 });
      pay(sim, 2, 1, 30);
      sim.loseDisk(2);
      for (let n = 0; n < 4; n++) {
        sim.start(2);
        sim.killAfterEffects(2, 5 + ((seed * 7 + n * 11) % 60));
        sim.runFor(700);
      }
      sim.startAll();
      sim.node(2).fuse = null;
      sim.runUntil(() => hasEqualLedgers(sim.running()), 10_000, "its return");
      expect(balance(sim, 2)).toBe(70);
    });
  });

  it("must wait for the one payee that may have its last debit, be paid meanwhile, and not pay", () => {
    underSeeds(FILE, 10, (seed) => {
      const sim = settled({ nodes: 5, seed });
      pay(sim, 3, 1, 10);
      hideLastDebit(sim);
      sim.start(3);
      sim.runFor(6_000);
      expect(stateOf(sim, 3).phase).toBe("RECOVERING");
      expect(waitingText(stateOf(sim, 3))).toBe("waits for Node 4 (FAILED; start it)");
      const refused = sim.sell(3, 1, 1);
      expect(refused.final).toMatchObject({ ok: false, code: "NOT_READY" });
      pay(sim, 1, 3, 7);
      sim.restart(3);
      sim.runFor(3_000);
      expect(stateOf(sim, 3).phase).toBe("RECOVERING");
      sim.start(4);
      sim.runUntil(() => sim.converged(), 6_000, "the return of both");
      expect(balance(sim, 1, 3)).toBe(67);
      expect(balance(sim, 4)).toBe(130);
    });
  });

  it("must not wait for what hangs on a debit that nobody has, and use no number of it that anybody could believe", () => {
    underSeeds(FILE, 10, (seed) => {
      const sim = settled({ nodes: 5, seed });
      pay(sim, 3, 1, 10);
      hideDebitBehindGap(sim);
      // An absent node may have the missing one.
      sim.kill(4);
      sim.start(3);
      sim.runUntil(() => stateOf(sim, 3).members.get(4)?.state === "FAILED", 6_000, "the absence of 4");
      sim.runFor(3_000);
      expect(waitingText(stateOf(sim, 3))).toBe("waits for Node 4 (FAILED; start it)");
      sim.start(4);
      sim.runUntil(() => sim.converged(), 3_000, "its return");
      expect([1, 2, 3, 4, 5].map((of) => balance(sim, 1, of))).toEqual([110, 100, 90, 100, 100]);
      expect([...stateOf(sim, 5).recovery.lost.values()]).toMatchObject([{ seller_id: 3, seq: 3, amount: 10 }]);
      for (const payee of [1, 4, 5]) pay(sim, 3, payee, 30);
      sim.runUntil(() => sim.converged(), 3_000, "convergence");
      expect([1, 2, 3, 4, 5].map((of) => balance(sim, 5, of))).toEqual([140, 100, 0, 130, 130]);
      sim.checkOutcomes();
    });
  });

  it("must not give up what one holds when another, which is away, has the debit before it", () => {
    underSeeds(FILE, 10, (seed) => {
      const sim = settled({ nodes: 5, seed });
      hideDebitBehindGap(sim, true);
      sim.kill(4);
      sim.start(3);
      sim.runFor(6_000);
      expect(waitingText(stateOf(sim, 3))).toBe("waits for Node 4 (FAILED; start it)");
      sim.start(4);
      sim.runUntil(() => sim.converged(), 3_000, "its return");
      expect([1, 2, 3, 4, 5].map((of) => balance(sim, 1, of))).toEqual([100, 100, 80, 110, 110]);
      expect(sim.ids.some((id) => stateOf(sim, id).recovery.lost.size > 0)).toBe(false);
    });
  });

  it("must be asked soon after a heal, when it is taken for its former process and had waited long", () => {
    underSeeds(FILE, 10, (seed) => {
      const sim = settled({ nodes: 3, seed });
      // Node 1 alone remembers the process of before, and hears nothing of this one but a JOIN.
      sim.isolate(1);
      sim.loseDisk(3);
      sim.restart(2);
      sim.start(3);
      sim.runUntil(() => recovering(sim, 3), 5_000, "RECOVERING");
      sim.runFor(9_000 + seed * 37);
      sim.heal();
      sim.runUntil(() => sim.converged(), 2_600, "its return");
    });
  });

  it("must not wait for a node that left with nothing of its own", () => {
    underSeeds(FILE, 10, (seed) => {
      const sim = settled({ nodes: 5, seed });
      pay(sim, 3, 4, 10);
      sim.stop(4);
      sim.runUntil(() => sim.node(4).status === "down", 3_000, "the leave");
      sim.runFor(500);
      sim.loseDisk(3);
      sim.start(3);
      sim.runUntil(() => hasEqualLedgers(sim.running()), 5_000, "the return");
      expect(balance(sim, 3)).toBe(90);
    });
  });

  it("must be heard again by the one that remembers its LEAVE when all others have forgotten its incarnations", () => {
    underSeeds(FILE, 10, (seed) => {
      const sim = settled({ nodes: 4, seed });
      pay(sim, 3, 4, 10);
      sim.stop(3);
      sim.runUntil(() => sim.node(3).status === "down", 3_000, "the leave");
      sim.runFor(500);
      sim.freeze(4);
      for (const id of [1, 2]) sim.restart(id);
      sim.loseDisk(3);
      sim.start(3);
      sim.runFor(3_000);
      sim.resume(4);
      sim.runUntil(() => sim.converged(), 6_000, "the return");
      expect(balance(sim, 3)).toBe(90);
    });
  });

  it("must not vote in a term that it may have voted in, also when it was restarted as READY before enough others told their terms", () => {
    underSeeds(FILE, 10, (seed) => {
      const sim = settled({ nodes: 5, seed });
      // Terms of which nodes 1 and 2 never hear, won with the votes of nodes 3, 4 and 5.
      sim.partition([1, 2], [3, 4, 5]);
      for (let n = 0; n < 25; n++) {
        const { term } = stateOf(sim, 5).election;
        sim.command(5, { op: "election" });
        sim.runUntil(() => stateOf(sim, 5).election.wonTerm > term, 5_000, "its election");
      }
      sim.loseDisk(3);
      sim.heal();
      sim.partition([1, 2, 3], [4, 5]);
      sim.start(3);
      sim.runUntil(() => recovering(sim, 3), 5_000, "RECOVERING");
      const absent = () => [4, 5].every((id) => stateOf(sim, 3).members.get(id)?.state === "FAILED");
      sim.runUntil(absent, 8_000, "the absence of 4 and 5");
      const accepted = sim.command(3, { op: "recover", acceptLoss: true });
      sim.runUntil(() => accepted.final !== null, 5_000, "the recovery");
      expect(stateOf(sim, 3)).toMatchObject({ phase: "READY", election: { abstaining: true } });
      sim.restart(3);
      // The simulator checks S6 after every step: nobody is elected in a term that node 5 has won.
      sim.runFor(20_000);
      expect(stateOf(sim, 3).election.abstaining).toBe(true);
      sim.heal();
      sim.runUntil(() => sim.converged() && !stateOf(sim, 3).election.abstaining, 15_000, "its vote");
    });
  });

  it("must vote again, as must two others that lost their disks at other times, over restarts of all", () => {
    underSeeds(FILE, 5, (seed) => {
      const sim = settled({ nodes: 5, seed });
      for (const id of [1, 2, 3]) {
        sim.loseDisk(id);
        sim.start(id);
        sim.runUntil(() => sim.converged() && !stateOf(sim, id).election.abstaining, 8_000, "its return");
      }
      for (const id of sim.ids) sim.kill(id);
      for (const id of [1, 2, 3]) sim.start(id);
      sim.runUntil(() => stateOf(sim, 3).election.elected, 10_000, "an election by the three");
    });
  });

  it("must wait for a second one that lost its disk too: together they may have lost what nobody else has", () => {
    underSeeds(FILE, 5, (seed) => {
      const sim = settled({ nodes: 5, seed });
      pay(sim, 3, 4, 10);
      sim.loseDisk(3);
      sim.loseDisk(4);
      sim.start(3);
      sim.start(4);
      sim.runFor(4_000);
      expect([3, 4].map((id) => waitingText(stateOf(sim, id)))).toEqual([
        "waits for Node 4 (lost its disk too)",
        "waits for Node 3 (lost its disk too)",
      ]);
      const accepted = sim.command(3, { op: "recover", acceptLoss: true });
      sim.runUntil(() => accepted.final !== null, 3_000, "the recovery");
      sim.runUntil(() => sim.converged(), 4_000, "the other one's");
      expect(balance(sim, 3)).toBe(90);
    });
  });
});

describe("recover --accept-loss", () => {
  it("must go on without the absent, show their debits as lost, and never apply them", () => {
    underSeeds(FILE, 10, (seed) => {
      const sim = settled({ nodes: 5, seed });
      pay(sim, 3, 1, 10);
      hideLastDebit(sim);
      sim.start(3);
      sim.runUntil(() => recovering(sim, 3), 5_000, "RECOVERING");
      sim.runUntil(() => stateOf(sim, 3).members.get(4)?.state === "FAILED", 6_000, "the absence of 4");
      const asked = sim.command(3, { op: "recover", acceptLoss: false });
      expect(asked.final).toMatchObject({ ok: true, data: { at: 1, balance: 90, at_risk: [4] } });
      const accepted = sim.command(3, { op: "recover", acceptLoss: true });
      sim.runUntil(() => accepted.final !== null, 3_000, "the recovery");
      expect(accepted.final).toMatchObject({ ok: true, data: { state: "recovered", balance: 90 } });
      pay(sim, 3, 2, 90);
      // The payee of the lost debit comes back, even with the money spent again.
      sim.start(4);
      sim.runUntil(() => stateOf(sim, 4).phase === "CONFLICT", 3_000, "its stop");
      expect([...stateOf(sim, 4).recovery.lost.values()]).toMatchObject([{ seller_id: 3, seq: 2, amount: 30 }]);
      sim.runFor(2_000);
      expect([1, 2, 3, 5].every((id) => stateOf(sim, id).phase === "READY")).toBe(true);
      sim.loseDisk(4);
      sim.start(4);
      sim.runUntil(() => sim.converged(), 6_000, "its return with another disk");
      expect([1, 2, 3, 4, 5].map((of) => balance(sim, 4, of))).toEqual([110, 190, 0, 100, 100]);
    });
  });

  it("must stop who missed a fence, also when the log's last one is beyond what it has, and whether it knew an earlier one", () => {
    underSeeds(FILE, 10, (seed) => {
      const sim = settled({ nodes: 5, seed });
      for (const fencedBefore of [0, 3]) {
        hideLastDebit(sim);
        for (let fence = 0; fence < 2; fence++) {
          if (fence > 0) sim.loseDisk(3);
          sim.start(3);
          sim.runUntil(() => recovering(sim, 3), 5_000, "RECOVERING");
          sim.runUntil(() => stateOf(sim, 3).members.get(4)?.state === "FAILED", 6_000, "the absence of 4");
          const accepted = sim.command(3, { op: "recover", acceptLoss: true });
          sim.runUntil(() => accepted.final !== null, 3_000, "the recovery");
          expect(accepted.final).toMatchObject({ ok: true });
          if (fence === 0) pay(sim, 3, 1, 1);
          sim.runFor(500);
        }
        expect(stateOf(sim, 1).ledger.accounts.get(3)?.fencedAt).toBe(fencedBefore + 3);
        sim.start(4);
        sim.runUntil(() => stateOf(sim, 4).phase === "CONFLICT", 3_000, "its stop");
        const lost = [{ seller_id: 3, seq: fencedBefore + 1, amount: 30 }];
        expect([...stateOf(sim, 4).recovery.lost.values()]).toMatchObject(lost);
        sim.loseDisk(4);
        sim.start(4);
        sim.runUntil(() => sim.converged(), 6_000, "its return with another disk");
      }
    });
  });

  it("must ask to be started again when one that was away takes it for the lost process, whatever number that had", () => {
    underSeeds(FILE, 10, (seed) => {
      for (const boots of [1, 3]) {
        const sim = settled({ nodes: 5, seed });
        for (let n = 1; n < boots; n++) {
          sim.restart(3);
          const isKnown = () => stateOf(sim, 1).members.get(3)?.incarnation === n + 1;
          sim.runUntil(() => isKnown() && sim.converged(), 5_000, "its restart");
        }
        // Node 1 alone remembers how far node 3 had counted.
        sim.loseDisk(3);
        sim.isolate(1);
        for (const id of [2, 4, 5]) sim.kill(id);
        sim.runFor(500);
        for (const id of [2, 3, 4, 5]) sim.start(id);
        sim.runUntil(() => recovering(sim, 3), 5_000, "RECOVERING");
        sim.runUntil(
          () => ["FAILED", "UNKNOWN"].includes(stateOf(sim, 3).members.get(1)?.state ?? "UNKNOWN"),
          6_000,
          "the absence of 1",
        );
        const accepted = sim.command(3, { op: "recover", acceptLoss: true });
        sim.runUntil(() => accepted.final !== null, 3_000, "the recovery");
        expect(accepted.final).toMatchObject({ ok: true });
        sim.heal();
        sim.runUntil(() => restartText(stateOf(sim, 3)) !== "", 15_000, "word of it");
        expect(stateOf(sim, 3)).toMatchObject({
          phase: "READY",
          self: { incarnation: 1 },
          join: { mistakenFor: boots },
        });
        expect(statusText(stateOf(sim, 3))).toContain(`Start Node 3 again: it takes an incarnation above ${boots}`);
        sim.runUntil(() => sim.node(3).store.incarnation === boots, 1_000, "the number on its disk");
        sim.restart(3);
        const isBack = () => [1, 3].every((id) => stateOf(sim, id).members.get(4 - id)?.phase === "READY");
        sim.runUntil(() => isBack() && sim.converged(), 5_000, "its return");
        expect(stateOf(sim, 3).self.incarnation).toBe(boots + 1);
        pay(sim, 3, 1, 1);
      }
    });
  });

  it("must be refused without a majority of the voters, without voters, and where nothing was lost", () => {
    underSeeds(FILE, 3, (seed) => {
      const sim = settled({ nodes: 5, seed });
      pay(sim, 3, 1, 10);
      expect(sim.command(1, { op: "recover", acceptLoss: true }).final).toMatchObject({ code: "NOT_RECOVERING" });
      hideLastDebit(sim);
      sim.start(3);
      sim.runUntil(() => recovering(sim, 3), 5_000, "RECOVERING");
      for (const id of [1, 2, 5]) sim.kill(id);
      sim.runFor(5_000);
      const refused = sim.command(3, { op: "recover", acceptLoss: true });
      expect(refused.final).toMatchObject({ ok: false, code: "NO_QUORUM", definite: true });
      sim.startAll();
      sim.runUntil(() => sim.converged(), 8_000, "everybody's return");
      expect(balance(sim, 4)).toBe(130);

      const free = settled({ nodes: 4, seed, voters: [] });
      free.loseDisk(2);
      free.kill(1);
      free.start(2);
      free.runUntil(() => recovering(free, 2), 5_000, "RECOVERING");
      const command = free.command(2, { op: "recover", acceptLoss: true });
      expect(command.final).toMatchObject({ ok: false, code: "NO_QUORUM" });
    });
  });

  it("must name who is here and doesn't answer, and give nothing up", () => {
    underSeeds(FILE, 3, (seed) => {
      const sim = settled({ nodes: 5, seed });
      pay(sim, 3, 1, 10);
      hideLastDebit(sim);
      sim.start(3);
      sim.runUntil(() => recovering(sim, 3), 5_000, "RECOVERING");
      // It speaks to the others and they reach it through helpers, so it stays ALIVE, but its answers don't come.
      sim.cutOneWay(2, 3);
      sim.runFor(1_000);
      const command = sim.command(3, { op: "recover", acceptLoss: true });
      sim.runUntil(() => command.final !== null, 12_000, "the refusal");
      if (command.final?.ok === false) {
        expect(command.final.code).toBe("UNANSWERED");
        expect(command.final.message).toContain("Node 2");
        expect(recovering(sim, 3)).toBe(true);
      }
    });
  });
});

describe("losses that are accepted in any partition, at any moment,", () => {
  it("must leave every replica's money whole, and one ledger when those who were fenced off got another disk", () => {
    underSeeds(FILE, 24, (seed) => {
      const draw = new Draw(seed, "accepted losses");
      const sim = settled({ nodes: 5, seed, loss: draw.pick([0, 0.1]) });
      for (let n = 0; n < 40; n++) {
        const slot = draw.pick(sim.ids);
        const others = sim.ids.filter((id) => id !== slot);
        draw.pick([
          () => sim.sell(slot, draw.pick(others), draw.integer(1, 40)),
          () => sim.buy(slot, draw.pick(others), draw.integer(1, 40)),
          () => sim.sell(slot, draw.pick(others), draw.integer(1, 40)),
          () => {
            // Debits that only their payee hears of, and the way back of their payer without it.
            const payee = draw.pick(others);
            sim.heal();
            sim.partition(
              [slot, payee],
              others.filter((id) => id !== payee),
            );
            for (let sales = draw.integer(1, 3); sales > 0; sales--) sim.sell(slot, payee, draw.integer(1, 20));
            sim.runFor(50);
            sim.heal();
            sim.isolate(payee);
            loseKnown(sim, slot);
            sim.startAll();
            sim.runFor(draw.pick([100, 3_500]));
            sim.command(slot, { op: "recover", acceptLoss: true });
            sim.runFor(300);
          },
          () => sim.running().map(({ id }) => sim.command(id, { op: "recover", acceptLoss: true })),
          () => sim.isolate(slot),
          () => sim.cutOneWay(slot, draw.pick(others)),
          () => sim.heal(),
          () => sim.restart(slot),
          () => sim.killAfterEffects(slot, draw.integer(0, 30)),
          () => sim.startAll(),
          () => loseKnown(sim, slot),
        ])();
        sim.runFor(draw.pick([5, 50, 400, 2_000]) * draw.fraction());
      }
      sim.heal();
      sim.shape({ loss: 0 });
      for (const id of sim.ids) sim.node(id).fuse = null;
      sim.startAll();
      // As a person would: give up what is lost, another disk to those who hold it, a restart to those who ask for it.
      for (let n = 0; n < 12 && !sim.converged(); n++) {
        sim.runFor(2_500);
        for (const { id, state } of sim.running()) {
          if (state !== null && restartText(state) !== "") sim.restart(id);
          if (state?.phase === "RECOVERING") sim.command(id, { op: "recover", acceptLoss: true });
          if (state?.phase !== "CONFLICT") continue;
          sim.loseDisk(id);
          sim.start(id);
          // One after the other: a majority of empty disks would know no account, and open all of them again.
          sim.runUntil(
            () => ["RECOVERING", "READY", "CONFLICT"].includes(stateOf(sim, id).phase),
            12_000,
            "its way in",
          );
        }
      }
      // After so many elections the highest one may wait a minute before it takes over.
      sim.runUntil(() => sim.converged(), 80_000, "one ledger");
    });
  });
});

describe("a node whose disk was restored from a backup", () => {
  it("must have its whole log again when those that know it are there", () => {
    underSeeds(FILE, 10, (seed) => {
      const sim = settled({ nodes: 3, seed });
      const image = sim.saveDisk(2);
      pay(sim, 2, 1, 60);
      sim.runUntil(() => sim.converged(), 5_000, "the payment everywhere");
      sim.restoreDisk(2, image);
      sim.start(2);
      sim.runUntil(() => sim.converged(), 8_000, "its return");
      expect(balance(sim, 2)).toBe(40);
      sim.judgeJournal();
    });
  });

  it("must be stopped when it used a number twice while the only witness was away, and nobody else is blamed", () => {
    underSeeds(FILE, 10, (seed) => {
      // Nothing that follows is within a promise about money: it has to be noticed, named and stopped.
      const sim = settled({ nodes: 3, seed, blind: ["S1", "S2", "S4", "S10"] });
      useNumberTwice(sim);
      const isNamed = (id: number) => statusText(stateOf(sim, id)).includes("DIVERGED: the log of Node 1");
      sim.runUntil(() => isNamed(2) && isNamed(3), 15_000, "the account's name in the status of both");
      for (const id of [2, 3]) expect(stateOf(sim, id).phase).toBe("READY");
      // Node 2 spends what node 3 doesn't know of: it isn't to blame.
      const sale = sim.sell(2, 3, 150);
      sim.runFor(3_000);
      expect(sale.results.at(-1)).toMatchObject({ ok: true, data: { state: "committed" } });
      expect(stateOf(sim, 3).causal.equivocations.get(2)).toBeUndefined();
      expect(stateOf(sim, 3).counters.get("records_diverged")).toBeGreaterThan(0);
      const [result] = runChecks(journalOf(sim), ["conservation"]);
      expect(result?.violations.map(({ what }) => what).join()).toContain("node 1 has used number 1 twice");
    });
  });

  it("must be settled by its fence when its disk is moved away, after which one ledger is left", () => {
    underSeeds(FILE, 5, (seed) => {
      const sim = settled({ nodes: 3, seed, blind: ["S1", "S2", "S4", "S7", "S10"] });
      useNumberTwice(sim);
      sim.loseDisk(1);
      sim.start(1);
      sim.runUntil(
        () => [2, 3].some((id) => stateOf(sim, id).phase === "CONFLICT"),
        30_000,
        "the end of the other log",
      );
      const loser = stateOf(sim, 2).phase === "CONFLICT" ? 2 : 3;
      sim.loseDisk(loser);
      sim.start(loser);
      sim.runUntil(() => sim.converged(), 30_000, "one ledger");
    });
  });
});
