/**
 * Schedules in which a rule of the money or of the causal order is all that keeps a promise. Each plays one story with little left to
 * chance, so that it tells the same after a change elsewhere.
 */

import { deliver, keepCopies } from "../../../lab/sim/bugs/late-copies.ts";
import { expectRecovery } from "../../../lab/sim/cluster/liveness.ts";
import type { SimCluster } from "../../../lab/sim/cluster/sim-cluster.ts";
import type { SimOptions } from "../../../lab/sim/cluster/sim-options.ts";
import { loseMessages } from "../../support/lose-messages.ts";
import { settled } from "./settled.ts";

/** Node 1 has 100 credits and offers 80 to each of two others at once. */
export function sellTwice(options: SimOptions): void {
  const sim = settled(options);
  sim.sell(1, 2, 80);
  sim.sell(1, 3, 80);
  sim.runFor(1_000);
  expectRecovery(sim);
}

/** A few trades among all, nothing else. */
export function trade(options: SimOptions): void {
  const sim = settled(options);
  for (const from of sim.ids) {
    const to = (from % sim.ids.length) + 1;
    sim.sell(from, to, 10);
    sim.buy(from, to, 5);
    sim.runFor(20);
  }
  sim.runFor(500);
}

/** A copy of a refused request arrives when the money is there; `restart`: at the payer's next process. */
export function lateRequest(restart: boolean) {
  return (options: SimOptions): void => {
    const sim = settled(options);
    spendAll(sim, 2, 3);
    const copies = keepCopies(sim, "TRADE_REQUEST");
    const refused = sim.buy(1, 2, 50);
    sim.runUntil(() => refused.final !== null, 1_000, "the refusal");
    if (restart) restartAndWait(sim, 2);
    pay(sim, 3, 2, 60);
    deliver(sim, 2, copies[0]);
    sim.runFor(500);
    expectRecovery(sim);
  };
}

/** A copy of an executed request arrives after the trade is settled. */
export function requestTwice(options: SimOptions): void {
  const sim = settled(options);
  const copies = keepCopies(sim, "TRADE_REQUEST");
  const bought = sim.buy(1, 2, 10);
  sim.runUntil(() => bought.final !== null, 1_000, "the trade");
  sim.runFor(200);
  deliver(sim, 2, copies[0]);
  sim.runFor(500);
  expectRecovery(sim);
}

/** A request is repeated after its receiver restarted: the first copy is refused as stale, the repetition arrives after that. */
export function requestAcrossRestart(options: SimOptions): void {
  const sim = settled(options);
  const copies = keepCopies(sim, "TRADE_REQUEST");
  // Both hear each other, or the new process wouldn't know where to send its refusal.
  const deliverAgain = loseMessages(sim, ({ message_type }, from) => message_type === "TRADE_REQUEST" && from === 1);
  const bought = sim.buy(1, 2, 10);
  sim.runFor(50);
  restartAndWait(sim, 2);
  sim.runUntil(() => sim.node(1).state?.members.get(2)?.incarnation === 2, 1_000, "node 1 hearing of the restart");
  const before = copies.length;
  sim.runUntil(() => copies.length > before, 3_000, "another try");
  deliver(sim, 2, copies[0]);
  sim.runUntil(() => bought.final !== null, 1_000, "the refusal");
  deliver(sim, 2, copies[before]);
  sim.runFor(200);
  deliverAgain();
  expectRecovery(sim);
}

/** An impatient client repeats its request when the trade is long done. */
export function repeatedCommand(options: SimOptions): void {
  const sim = settled(options);
  for (let i = 0; i < 2; i++) {
    sim.command(1, { op: "sell", peer: 2, amount: 5, requestId: "order" });
    sim.runFor(500);
  }
  expectRecovery(sim);
}

/** The payer executes a buy and isn't heard; the buyer restarts, and its client repeats the order. */
export function buyerForgets(options: SimOptions): void {
  const sim = settled(options);
  for (const id of sim.ids) if (id !== 2) sim.cutOneWay(2, id);
  const order = { op: "buy", peer: 2, amount: 5, requestId: "order" } as const;
  sim.command(1, order);
  sim.runUntil(() => sim.node(2).store.durableSeq(2) === 1, 500, "the trade");
  restartAndWait(sim, 1);
  sim.runUntil(() => sim.node(1).state?.members.get(2)?.state === "ALIVE", 500, "the buyer's knowing of the payer");
  sim.command(1, order);
  sim.runFor(100);
  sim.heal();
  expectRecovery(sim);
}

/** The payer executes a buy of which its buyer hears nothing, loses its disk, and is asked before it has its log back. */
export function askedTooEarly(options: SimOptions): void {
  const sim = settled(options);
  // Node 1 speaks, and nobody reaches it.
  for (const id of sim.ids) if (id !== 1) sim.cutOneWay(id, 1);
  const order = { op: "buy", peer: 2, amount: 10, requestId: "order" } as const;
  const bought = sim.command(1, order);
  sim.runUntil(() => bought.final !== null, 15_000, "the buyer's patience");
  sim.runFor(500);
  sim.loseDisk(2);
  sim.heal();
  for (const id of [3, 4, 5]) {
    sim.cutOneWay(id, 1);
    sim.network.shapeLink(id, 2, { delayMs: 700 });
  }
  sim.start(2);
  for (let i = 0; i < 50; i++) {
    sim.runFor(100);
    sim.command(1, order);
  }
  sim.checkOutcomes();
}

/** A buy whose payer can't be reached for longer than the buyer waits. */
export function buyAcrossPartition(options: SimOptions): void {
  const sim = settled(options);
  sim.cutOneWay(1, 2);
  sim.buy(1, 2, 10);
  sim.runFor(11_000);
  sim.heal();
  sim.runFor(500);
  expectRecovery(sim);
}

/** The confirmation of a sale is lost, and nothing else: the payee has it soon all the same, long before the next digest. */
export function lostConfirmation(options: SimOptions): void {
  const sim = settled({ ...options, profile: "default" });
  const sent = keepCopies(sim, "TRADE_CONFIRM");
  const sold = sim.sell(1, 2, 10);
  sim.runUntil(() => sent.length > 0, 500, "the confirmation's leaving");
  sim.isolate(1);
  sim.runFor(5);
  sim.heal();
  sim.runUntil(() => sold.final !== null, 500, "the settlement of a sale whose confirmation was lost", "L2");
}

/** A node pays, is not heard, and leaves. */
export function payAndLeave(options: SimOptions): void {
  const sim = settled(options);
  const sent = keepCopies(sim, "TRADE_CONFIRM");
  sim.sell(1, 2, 10);
  sim.runUntil(() => sent.length > 0, 500, "the confirmation's leaving");
  sim.isolate(1);
  sim.stop(1);
  sim.runFor(100);
  sim.heal();
  sim.runUntil(() => sim.node(1).status === "down", 3_000, "the end of the leaver", "L2");
  const last = sim.node(1).store.durableSeq(1);
  const everybodyHas = sim.running().every((node) => node.store.durableSeq(1) >= last);
  sim.expect(everybodyHas, "L2", "node 1 left and took a debit along that nobody else has");
}

/** What node 2 pays follows what it got from node 1, and node 3 hears node 1 much later than node 2. */
export function slowFirstCause(options: SimOptions): void {
  const sim = settled(options);
  sim.network.shapeLink(1, 3, { delayMs: 300 });
  pay(sim, 1, 2, 50);
  pay(sim, 2, 3, 20);
  sim.runFor(1_000);
  sim.network.shapeLink(1, 3, { delayMs: 0.1 });
  expectRecovery(sim);
}

/** Credits move, then one leaves. */
export function oneLeaves(options: SimOptions): void {
  const sim = settled(options);
  pay(sim, 3, 1, 10);
  sim.stop(3);
  sim.runFor(1_000);
  expectRecovery(sim);
}

/** Node 3 misses one debit, can't ask for it, and hears the 299 that follow. */
export function deafAndDumb(options: SimOptions): void {
  const sim = settled(options);
  sim.cutOneWay(1, 3);
  pay(sim, 1, 2, 1);
  sim.heal();
  for (const id of sim.ids) if (id !== 3) sim.cutOneWay(3, id);
  for (let i = 0; i < 50; i++) pay(sim, 1, 2, 1);
  for (let i = 0; i < 250; i++) {
    pay(sim, 2, 1, 1);
    pay(sim, 1, 2, 1);
  }
  sim.heal();
  expectRecovery(sim);
}

/** Node 3 hears nothing for some heartbeats, in which the others tell each other of a debit. */
export function deafForAWhile(options: SimOptions): void {
  const sim = settled(options);
  for (const id of sim.ids) if (id !== 3) sim.cutOneWay(id, 3);
  pay(sim, 1, 2, 10);
  sim.runFor(6_000);
  sim.heal();
  expectRecovery(sim);
}

/** The last debit before a silence doesn't reach node 3. */
export function lastDebitLost(options: SimOptions): void {
  const sim = settled(options);
  sim.cutOneWay(1, 3);
  sim.cutOneWay(2, 3);
  pay(sim, 1, 2, 10);
  sim.heal();
  expectRecovery(sim);
}

function spendAll(sim: SimCluster, from: number, to: number): void {
  pay(sim, from, to, sim.node(from).state?.ledger.accounts.get(from)?.balance ?? 0);
}

function pay(sim: SimCluster, from: number, to: number, amount: number): void {
  const sold = sim.sell(from, to, amount);
  sim.runUntil(() => sold.final !== null, 3_000, `node ${from}'s payment to node ${to}`);
  sim.expect(sold.final?.ok === true, "L2", `a payment of node ${from} was refused: ${JSON.stringify(sold.final)}`);
}

function restartAndWait(sim: SimCluster, slot: number): void {
  sim.restart(slot);
  sim.runUntil(() => sim.node(slot).state?.phase === "READY", 3_000, `node ${slot}'s return`);
}
