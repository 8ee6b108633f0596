/**
 * Known bugs, each with the checker of journals that must name it. The original's six come first (node/protocol/history.md); the others are what this
 * protocol's rules guard against, and three mistakes of a runtime.
 */
import type { Rule } from "../../../node/core/kernel/rules.ts";
import type { SimOrder } from "../cluster/observer.ts";
import type { SimCluster } from "../cluster/sim-cluster.ts";
import type { Draw } from "../world/draw.ts";
import type { ShellBugs } from "../world/sim-node.ts";
import { deliver, keepCopies } from "./late-copies.ts";

export interface Bug {
  readonly name: string;
  /** One of the original project's. */
  readonly isOriginal?: true;
  readonly what: string;
  /** Rules of the protocol that no node keeps. */
  readonly without: readonly Rule[];
  /** Mistake of the runtime. */
  readonly shell?: keyof ShellBugs;
  /** The checker that names it. */
  readonly check: string;
  /** What random schedules have too seldom to show it. */
  readonly spice?: keyof typeof INGREDIENTS;
  /** Schedules in which it must be found. */
  readonly within: number;
}

/** Directed additions to a random schedule: what is called before each of its actions. */
export const INGREDIENTS = {
  /** The network delivers copies of earlier requests, as a slow route does. */
  lateCopies: (sim: SimCluster, draw: Draw) => {
    const copies = keepCopies(sim, "TRADE_REQUEST");
    return () => {
      if (copies.length === 0 || !draw.chance(0.5)) return;
      const copy = draw.pick(copies);
      if (copy.to !== null && sim.node(copy.to).status === "running") deliver(sim, copy.to, copy);
    };
  },
  /** Copies of heartbeats of former processes. */
  oldHeartbeats: (sim: SimCluster, draw: Draw) => {
    const copies = keepCopies(sim, "HEARTBEAT");
    return () => {
      if (copies.length === 0 || !draw.chance(0.5)) return;
      const slot = draw.pick(sim.ids);
      const copy = draw.pick(copies);
      if (copy.from.sender !== slot && sim.node(slot).status === "running") deliver(sim, slot, copy);
    };
  },
  /** Somebody offers most of what it has to two others at once. */
  doubleOffers: (sim: SimCluster, draw: Draw) => () => {
    if (!draw.chance(0.2)) return;
    const payer = draw.pick(sim.ids);
    for (const peer of sim.ids.filter((id) => id !== payer).slice(0, 2)) sim.sell(payer, peer, 70);
  },
  /** A node is killed in the middle of its own trades, and comes back. */
  crashes: (sim: SimCluster, draw: Draw) => () => {
    if (!draw.chance(0.2)) return;
    const slot = draw.pick(sim.ids);
    const peer = draw.pick(sim.ids.filter((id) => id !== slot));
    sim.command(slot, { op: draw.chance(0.5) ? "sell" : "buy", peer, amount: 5 });
    sim.killAfterEffects(slot, draw.integer(0, 6));
    sim.queue.after(draw.between(5, 200), () => sim.start(slot));
  },
  /** A buyer crashes while it waits, and its impatient client repeats the order. */
  forgetfulBuyers: (sim: SimCluster, draw: Draw) => () => {
    if (!draw.chance(0.2)) return;
    const buyer = draw.pick(sim.ids);
    const peer = draw.pick(sim.ids.filter((id) => id !== buyer));
    const { order, requestId } = sim.command(buyer, { op: "buy", peer, amount: 2 });
    // Nobody hears what the payer has done.
    for (const id of sim.ids) if (id !== peer) sim.cutOneWay(peer, id);
    sim.runFor(60);
    sim.restart(buyer);
    for (let i = 0; i < 4; i++) {
      sim.runFor(150);
      sim.command(buyer, { ...order, requestId } as SimOrder);
    }
    sim.heal();
  },
  /** The leader dies while two that might follow it don't hear each other. */
  rivals: (sim: SimCluster, draw: Draw) => () => {
    if (!draw.chance(0.1)) return;
    const leader = sim.running().find(({ state }) => state?.election.role === "COORDINATOR");
    const [a, b] = sim.ids.filter((id) => id !== leader?.slot).slice(-2);
    if (leader === undefined || a === undefined || b === undefined) return;
    sim.cutOneWay(a, b);
    sim.cutOneWay(b, a);
    sim.runFor(300);
    sim.kill(leader.slot);
    sim.runFor(3_000);
    sim.heal();
    sim.start(leader.slot);
  },
  /** Somebody suspects the others, whom it can't hear, and is frozen until long after it could. */
  sleepers: (sim: SimCluster, draw: Draw) => () => {
    if (!draw.chance(0.1)) return;
    const slot = draw.pick(sim.ids);
    for (const id of sim.ids) if (id !== slot) sim.cutOneWay(id, slot);
    sim.runFor(draw.between(300, 900));
    sim.freeze(slot);
    sim.heal();
    sim.runFor(9_000);
    sim.resume(slot);
    sim.runFor(1_000);
  },
  /** Half a minute in which one datagram in five is lost, and nothing else happens. */
  mildLoss: (sim: SimCluster) => {
    sim.shape({ loss: 0.2, burstEnter: 0, rateKbps: 0, delayMs: 1, jitterMs: 2, distribution: "uniform" });
    sim.runFor(30_000);
    return () => {};
  },
  /** A refused request arrives once more after its payer has restarted. */
  lateAfterRestart: (sim: SimCluster, draw: Draw) => {
    const copies = keepCopies(sim, "TRADE_REQUEST");
    return () => {
      const old = copies.filter(({ to, from }) => to !== null && from.incarnation > 0);
      if (old.length === 0 || !draw.chance(0.2)) return;
      const copy = draw.pick(old);
      const slot = copy.to ?? 0;
      sim.restart(slot);
      sim.queue.after(draw.between(300, 1_000), () => {
        if (sim.node(slot).status === "running") deliver(sim, slot, copy);
      });
    };
  },
} satisfies Record<string, (sim: SimCluster, draw: Draw) => () => void>;

export const BUGS: readonly Bug[] = [
  {
    name: "heartbeats-tick",
    isOriginal: true,
    what: "every heartbeat moves the vector clock",
    without: ["debitsAloneTick"],
    check: "clocks",
    within: 5,
  },
  {
    name: "split-brain",
    isOriginal: true,
    what: "a candidate elects itself without a majority",
    without: ["majority"],
    check: "one-leader",
    within: 30,
  },
  {
    name: "no-state-transfer",
    isOriginal: true,
    what: "a late joiner can't deliver: it never gets what was before it",
    without: ["stateTransfer"],
    check: "exactly-once",
    within: 10,
  },
  {
    name: "entries-removed",
    isOriginal: true,
    what: "who leaves is forgotten, account and clock entry too",
    without: ["entriesStay"],
    check: "conservation",
    within: 20,
  },
  {
    name: "lost-confirmations",
    isOriginal: true,
    what: "a confirmation is sent once, and nobody misses it",
    without: ["confirmRepetition", "nak", "digest"],
    check: "exactly-once",
    within: 20,
  },
  {
    name: "receive-loop-dies",
    isOriginal: true,
    what: "a socket error ends the receive loop: the node speaks on and is deaf",
    without: [],
    shell: "receiveLoopDies",
    check: "no-false-failures",
    within: 10,
  },
  {
    name: "no-duplicate-detection",
    what: "a copy of a debit moves its money again",
    without: ["duplicateDetection"],
    check: "exactly-once",
    within: 10,
  },
  {
    name: "amnesia",
    what: "a process starts with an empty disk, and nobody knows why",
    without: [],
    shell: "amnesia",
    check: "durability",
    within: 10,
  },
  {
    name: "no-incarnation",
    what: "a datagram of a former process brings it back",
    without: ["incarnationGate"],
    check: "incarnations",
    spice: "oldHeartbeats",
    within: 20,
  },
  {
    name: "no-causal-check",
    what: "a debit is delivered before its causes",
    without: ["causalDelivery"],
    check: "causal-delivery",
    within: 20,
  },
  {
    name: "no-repair",
    what: "what is missing is never asked for",
    without: ["nak", "stateTransfer"],
    check: "nothing-held",
    within: 20,
  },
  {
    name: "votes-forgotten",
    what: "a vote is told before it is on disk",
    without: ["persistedVotes"],
    check: "durability",
    within: 40,
  },
  {
    name: "two-votes",
    what: "a voter votes for two candidates of one term",
    without: ["oneVoteATerm"],
    check: "one-leader",
    spice: "rivals",
    within: 40,
  },
  {
    name: "freeze-unnoticed",
    what: "a process that slept takes the silence for the others' death",
    without: ["freezeNoticed"],
    check: "no-false-failures",
    spice: "sleepers",
    within: 20,
  },
  {
    name: "oversold",
    what: "open offers reserve nothing",
    without: ["reservation"],
    check: "no-overdraft",
    spice: "doubleOffers",
    within: 20,
  },
  {
    name: "sent-too-early",
    what: "a debit is confirmed before it is on disk",
    without: ["durableBeforeSent"],
    check: "durability",
    within: 40,
  },
  {
    name: "executed-again",
    what: "a copy of a request is executed again",
    without: ["tradesOnce", "requestsPaidOnce"],
    check: "exactly-once",
    spice: "lateCopies",
    within: 20,
  },
  {
    name: "obeyed-again",
    what: "an impatient client's repeated order is a second order",
    without: ["requestsOnce"],
    check: "requests-once",
    within: 20,
  },
  {
    name: "intents-forgotten",
    what: "a buyer that crashes forgets what it has asked for",
    without: ["persistedIntents", "requestsPaidOnce"],
    check: "requests-once",
    spice: "forgetfulBuyers",
    within: 60,
  },
  {
    name: "refusals-forgotten",
    what: "a copy of a refused request is executed when the money is there",
    without: ["refusalsStay"],
    check: "answers",
    spice: "lateCopies",
    within: 40,
  },
  {
    name: "stale-executed",
    what: "a request to a former process is executed by the next one",
    without: ["staleRefused"],
    check: "answers",
    spice: "lateAfterRestart",
    within: 60,
  },
  {
    name: "no-suspicion",
    what: "one unanswered probe is a death",
    without: ["suspicion"],
    check: "no-false-failures",
    spice: "mildLoss",
    within: 20,
  },
  {
    name: "no-refutation",
    what: "a node that was once declared FAILED stays FAILED",
    without: ["refutation"],
    check: "agreement",
    within: 20,
  },
  {
    name: "rival-leaders",
    what: "nobody gives way to the greater claim",
    without: ["lesserGivesWay"],
    check: "agreement",
    within: 20,
  },
  {
    name: "dead-halves",
    what: "two halves that hold each other FAILED never meet again",
    without: ["failedAreTold"],
    check: "agreement",
    within: 40,
  },
  {
    name: "timers-die",
    what: "now and then a wake-up is lost for good: the node answers, and does nothing by itself",
    without: [],
    shell: "timersDie",
    check: "detection",
    within: 80,
  },
];

/** @throws RangeError when there is none */
export function findBug(name: string): Bug {
  const bug = BUGS.find((one) => one.name === name);
  if (bug === undefined) throw new RangeError(`there is no bug "${name}"`);
  return bug;
}

/** The same schedules in sound nodes. */
export function withoutBug({ shell: _, ...bug }: Bug): Bug {
  return { ...bug, without: [] };
}
