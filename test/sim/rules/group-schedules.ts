/**
 * Schedules in which a rule of election, detection, membership or accounts is all that keeps a promise.
 */

import { deliver, keepCopies } from "../../../lab/sim/bugs/late-copies.ts";
import { expectRecovery } from "../../../lab/sim/cluster/liveness.ts";
import { SimCluster } from "../../../lab/sim/cluster/sim-cluster.ts";
import type { SimOptions } from "../../../lab/sim/cluster/sim-options.ts";
import type { Message } from "../../../node/wire/message.ts";
import { settled } from "./settled.ts";

// Election --------------------------------------------------------------------------------------------------------------------

/** Two candidates that don't hear each other stand at the same time, and everybody else hears both. */
export function twoCandidates(options: SimOptions): void {
  const sim = settled(options);
  cutBoth(sim, 3, 4);
  sim.runFor(500);
  sim.kill(5);
  sim.runFor(4_000);
  sim.heal();
  sim.start(5);
  expectRecovery(sim);
}

/**
 * Nodes 4 and 5 stand in the same term, each heard by one voter of its own and by voter 2, which votes for node 5, crashes, comes back
 * and is asked by node 4.
 */
export function voterReturns(comeBack: (sim: SimCluster) => void) {
  return (options: SimOptions): void => {
    const sim = settled({ ...options, voters: [1, 2, 3] });
    sim.partition([1, 4], [3, 5]);
    // What voter 2 knows of node 5's victory must not reach node 4 before it stands.
    sim.cutOneWay(2, 4);
    const sent = keepCopies(sim, "OK", "ELECTION");
    const votesOf = (id: number) => sent.filter(({ from, message }) => from.sender === id && isVote(message)).length;
    sim.command(4, { op: "election" });
    sim.runFor(2 * sim.config.timing.okWaitMinMs - 10);
    sim.command(5, { op: "election" });
    sim.runUntil(() => votesOf(2) > 0, 100, "the first vote of node 2");
    sim.runFor(1);
    comeBack(sim);
    sim.runUntil(() => votesOf(4) > 0, 100, "node 4's standing");
    sim.heal();
    sim.partition([1, 4], [3, 5]);
    sim.runFor(1_000);
    sim.heal();
    sim.runFor(3_000);
  };
}

/** Both halves of what is left without the coordinator elect one. */
export function splitWithoutLeader(options: SimOptions): void {
  const sim = settled(options);
  sim.partition([1, 2], [3, 4]);
  sim.kill(5);
  sim.runFor(4_000);
}

/** The smaller side has a coordinator too. */
export function split(options: SimOptions): void {
  const sim = settled(options);
  sim.partition([1, 2], [3, 4, 5]);
  sim.runFor(4_000);
  sim.heal();
  expectRecovery(sim);
}

/** The highest node left says «I am higher», and its disk takes for ever to write its vote down. */
export function highAndSlow(options: SimOptions): void {
  const sim = settled(options);
  sim.node(4).store.model = { ...sim.node(4).store.model, syncMinMs: 20_000, syncMaxMs: 20_000 };
  sim.kill(5);
  const isElected = () => [1, 2, 3].every((id) => sim.node(id).state?.election.elected === true);
  sim.runFor(1_500);
  sim.runUntil(isElected, 8_000, "an elected coordinator beside one with a slow disk", "L3");
}

/** The coordinator is alone. */
export function lonelyLeader(options: SimOptions): void {
  const sim = settled(options);
  sim.isolate(5);
  const isHonest = () => sim.node(5).state?.election.elected === false;
  sim.runUntil(isHonest, 3_000, "the lonely coordinator's calling itself provisional", "L3");
  sim.heal();
  expectRecovery(sim);
}

// Membership and detection ----------------------------------------------------------------------------------------------------

/** A heartbeat of a former process arrives after its successor's. */
export function lateHeartbeat(options: SimOptions): void {
  const sim = settled(options);
  const copies = keepCopies(sim, "HEARTBEAT");
  sim.runFor(1_000);
  const old = copies.findLast((copy) => copy.from.sender === 2);
  sim.restart(2);
  sim.runFor(1_000);
  deliver(sim, 1, old);
  expectRecovery(sim);
}

/** A second process is started with the id of one that runs. */
export function secondProcess(options: SimOptions): void {
  const sim = settled(options);
  sim.add(2, 9);
  sim.start(9);
  sim.runFor(3_000);
  sim.checkOutcomes();
}

/** A node sleeps until everybody holds it FAILED, and wakes up. */
export function sleeper(options: SimOptions): void {
  const sim = settled(options);
  sim.freeze(2);
  sim.runFor(4_000);
  sim.resume(2);
  expectRecovery(sim);
}

/** Two halves hold each other FAILED, then the network is whole again. */
export function halves(options: SimOptions): void {
  const sim = settled(options);
  sim.partition([1, 2], [3, 4, 5]);
  sim.runFor(4_000);
  sim.heal();
  expectRecovery(sim);
}

/** A node that has just begun to suspect others sleeps for seconds, and nothing queues up for it meanwhile. */
export function sleeperAccuses(options: SimOptions): void {
  const sim = settled(options);
  for (const id of sim.ids) if (id !== 2) sim.cutOneWay(id, 2);
  const suspects = () => [...(sim.node(2).state?.members.values() ?? [])].some(({ state }) => state === "SUSPECTED");
  sim.runUntil(suspects, 1_500, "a suspicion");
  sim.freeze(2);
  sim.runFor(5_000);
  sim.heal();
  sim.invariants.detection.watch((observer) => observer === 2);
  sim.resume(2);
  sim.runFor(4_000);
}

/** One datagram in five is lost, everywhere, and nobody is dead. */
export function lossyHealth(options: SimOptions): void {
  const sim = settled(options);
  sim.shape({ loss: 0.2 });
  sim.invariants.detection.watch(() => true);
  sim.runFor(20_000);
}

/** Two nodes can't hear each other, and everybody else hears both. */
export function brokenPair(options: SimOptions): void {
  const sim = settled(options);
  sim.invariants.detection.watch(() => true);
  cutBoth(sim, 1, 2);
  sim.runFor(8_000);
}

/** A node was alone for long enough to take everybody for dead; now it is heard, and still hears nobody. */
export function deafAccuser(options: SimOptions): void {
  const sim = settled(options);
  sim.isolate(1);
  sim.runFor(3_000);
  sim.heal();
  for (const id of sim.ids) if (id !== 1) sim.cutOneWay(id, 1);
  sim.invariants.detection.watch((observer, peer) => observer !== 1 && peer !== 1);
  sim.runFor(6_000);
}

/** A node loses nine tenths of what it is sent, and everybody else is well. */
export function hardOfHearing(options: SimOptions): void {
  const sim = settled(options);
  for (const id of sim.ids) if (id !== 1) sim.network.shapeLink(id, 1, { loss: 0.9 });
  sim.invariants.detection.watch((observer) => observer === 1);
  sim.runFor(30_000);
}

// Accounts --------------------------------------------------------------------------------------------------------------------

/** A node that lost its disk starts among others that know nothing either. */
export function mintAmongStrangers(options: SimOptions): void {
  const sim = settled(options);
  sim.add(6);
  sim.loseDisk(3);
  sim.partition([3, 6], [1, 2, 4, 5]);
  sim.start(3);
  sim.start(6);
  sim.runFor(3_000);
}

/**
 * Without voters: a node that lost its disk hears nobody, makes a new account, is started again, and is asked to pay as soon as it hears
 * the others, who know it under another account.
 */
export function payUnconfirmed(options: SimOptions): void {
  const sim = settled({ ...options, voters: [] });
  sim.loseDisk(3);
  sim.isolate(3);
  for (let boot = 0; boot < 2; boot++) {
    sim.restart(3);
    sim.runUntil(() => sim.node(3).state?.phase === "READY", 2_000, "the unconfirmed account");
  }
  for (let tries = 0; tries < 20; tries++) {
    sim.heal();
    sim.runUntil(() => sim.node(3).state?.members.get(1)?.state === "ALIVE", 2_000, "their hearing each other");
    sim.sell(3, 1, 1);
    sim.runFor(20);
  }
  sim.runFor(1_000);
}

/** Only its payee has the last debit of a node that lost its disk, and the payee is away. */
export function payAfterLostDisk(options: SimOptions): void {
  const sim = settled(options);
  sim.partition([1, 3], [2, 4, 5]);
  const sold = sim.sell(3, 1, 40);
  sim.runUntil(() => sold.final !== null, 1_000, "the last debit");
  sim.kill(1);
  sim.loseDisk(3);
  sim.heal();
  sim.start(3);
  sim.runFor(4_000);
  sim.sell(3, 2, 90);
  sim.runFor(1_000);
  sim.start(1);
  sim.runFor(3_000);
}

/**
 * Of two last debits of node 3 nobody has heard the first one (or its payee alone, node 4), and the payee of the second, node 5, holds
 * that back: nothing else of node 3 gets anywhere, and nothing gets to it. Then its disk is lost.
 */
export function hideDebitBehindGap(sim: SimCluster, isHeardBy4 = false): void {
  const others = sim.ids.filter((id) => id !== 3);
  for (const id of others) if (id !== 4 || !isHeardBy4) sim.cutOneWay(3, id);
  for (const id of others) if (id !== 4) sim.cutOneWay(4, id);
  const last = sim.node(3).store.durableSeq(3);
  for (const payee of [4, 5]) {
    sim.buy(payee, 3, 10);
    const wanted = last + payee - 3;
    sim.runUntil(() => sim.node(3).store.durableSeq(3) === wanted, 1_000, "a debit that nobody hears of");
    const hasIt = () => sim.node(4).store.durableSeq(3) === last + 1;
    if (isHeardBy4) sim.runUntil(hasIt, 1_000, "node 4's having the first one");
  }
  sim.heal();
  for (const id of others) {
    if (id !== 5) sim.cutOneWay(3, id);
    sim.cutOneWay(id, 3);
  }
  for (const id of others) if (id !== 4) sim.cutOneWay(4, id);
  const held = () => sim.node(5).state?.causal.holdback.get(3);
  sim.runUntil(() => held()?.has(last + 2) === true, 1_000, "the held debit");
  sim.loseDisk(3);
  sim.heal();
}

/** All are back, and one of them holds a debit behind one that was on the lost disk only. */
export function recoverBehindGap(options: SimOptions): void {
  const sim = settled(options);
  hideDebitBehindGap(sim);
  expectRecovery(sim);
}

/** The nodes have never heard of each other's accounts. */
export function coldStart(options: SimOptions): void {
  const sim = new SimCluster(options);
  sim.startAll();
  sim.runFor(1_000);
  expectRecovery(sim);
}

/** A vote that is asked for or given. */
function isVote(message: Message): boolean {
  if (message.message_type === "ELECTION") return message.payload.kind === "vote";
  return message.message_type === "OK" && message.payload.kind === "vote" && message.payload.granted;
}

function cutBoth(sim: SimCluster, a: number, b: number): void {
  sim.cutOneWay(a, b);
  sim.cutOneWay(b, a);
}
