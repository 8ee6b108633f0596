/**
 * The promises that must come true once the last fault is over, and how soon (L1 to L5 in node/PROTOCOL.md#promises). Safety holds at every step; these
 * hold at the end of a schedule, when everything is healed.
 */
import type { NodeState } from "../../../node/core/state.ts";
import { haveEqualVectors, isSettled } from "./inspect.ts";
import type { SimCluster } from "./sim-cluster.ts";

/** Virtual milliseconds from the heal on, with `fast` timing; the original's is four times slower and gets four times as long. */
export interface LivenessBounds {
  /** A graceful leave ends. */
  readonly leaveMs: number;
  /** L3: one coordinator, the same for all, and nobody suspects anybody. */
  readonly leaderMs: number;
  /** The same where a node has another address than before: who was away meanwhile has to find it there. */
  readonly movedMs: number;
  /** L1: equal vectors and hashes on all disks, nothing held back. */
  readonly ledgerMs: number;
  /** L2: no trade is open. An unanswered offer takes its whole timeout, which is the same in both profiles. */
  readonly tradesMs: number;
  /** L3: the highest READY id leads. One that lost leaderships waits for a calm of up to 60 s before it stands again. */
  readonly highestMs: number;
  /** L4: nobody is declared FAILED for as long as this. */
  readonly calmMs: number;
  /** L5: a new node is READY. */
  readonly joinMs: number;
}

export const LIVENESS_BOUNDS: LivenessBounds = {
  leaveMs: 3_000,
  leaderMs: 3_000,
  movedMs: 9_000,
  ledgerMs: 5_000,
  tradesMs: 14_000,
  highestMs: 75_000,
  calmMs: 2_000,
  joinMs: 2_000,
};

/** Larger groups spread their probes and heartbeats (node/protocol/detection.md): the bounds grow with the number of nodes. */
const UNHURRIED_NODES = 20;

/** Times after the heal as if the timing had been `fast`. */
export interface Recovery {
  readonly leaderMs: number;
  readonly ledgerMs: number;
  readonly highestMs: number;
}

/** How many times as long everything takes as with `fast` timing: as long as for the slowest node, and longer in larger groups. */
export function slownessOf(sim: SimCluster): number {
  const heartbeatMs = Math.max(...[...sim.nodes.values()].map(({ config }) => config.timing.heartbeatMs));
  return (heartbeatMs / 500) * Math.max(1, sim.nodes.size / UNHURRIED_NODES);
}

/** Everybody runs, no fault is left: the cluster must get well. Throws at the first bound that is missed. */
export function expectRecovery(sim: SimCluster, bounds = LIVENESS_BOUNDS): Recovery {
  const slowness = slownessOf(sim);
  const isLeaving = () => sim.running().some((node) => node.state?.leaving !== null);
  sim.runUntil(() => !isLeaving(), bounds.leaveMs * slowness, "the end of those who leave", "L2");
  sim.startAll();
  const healedAtMs = sim.nowMs;
  const within = (boundMs: number) => Math.max(0, healedAtMs + boundMs * slowness - sim.nowMs);
  const elapsedMs = () => (sim.nowMs - healedAtMs) / slowness;
  sim.runUntil(() => followOne(sim), within(bounds.leaderMs), "one coordinator after the heal", "L3");
  const leaderMs = elapsedMs();
  const seeingMs = sim.moves > 0 ? bounds.movedMs : bounds.leaderMs;
  sim.runUntil(() => knowEachOther(sim), within(seeingMs), "everybody seeing everybody after the heal", "L3");
  sim.runUntil(
    () => haveEqualVectors(sim.running()),
    within(bounds.ledgerMs + seeingMs - bounds.leaderMs),
    "equal ledgers after the heal",
    "L1",
  );
  const ledgerMs = elapsedMs();
  sim.runUntil(() => isSettled(sim.running()), within(bounds.tradesMs), "the end of all trades after the heal", "L2");
  sim.runUntil(() => owesNothing(sim), within(bounds.tradesMs), "the end of promises that nobody needs", "L2");
  sim.runUntil(() => sim.converged(), within(bounds.highestMs), "the highest node's leadership", "L3");
  const highestMs = elapsedMs();
  expectConservation(sim);
  tradeOnce(sim);
  stayCalm(sim, bounds.calmMs * slowness);
  // A new node waits for voters, as long as there aren't enough of them.
  if (!sim.excuses.reasons.has("L5")) letJoin(sim, bounds.joinMs * slowness);
  sim.checkOutcomes();
  return { leaderMs, ledgerMs, highestMs };
}

/** Nobody holds payments back for a node that is READY and never lost its disk. */
function owesNothing(sim: SimCluster): boolean {
  return sim.running().every(({ state }) => state === null || state.recovery.promises.size === 0);
}

/** L1: what the owners hold is what was issued. */
function expectConservation(sim: SimCluster): void {
  let held = 0;
  let issued = 0;
  for (const { state } of sim.running()) {
    const account = state?.ledger.accounts.get(state.self.id);
    held += account?.balance ?? 0;
    issued += account?.genesis.initial ?? 0;
  }
  sim.expect(held === issued, "L1", `the owners hold ${held} credits, ${issued} were issued`);
}

/** L2: a cluster that converged is a cluster that works. Everybody who has a credit can pay it, at once. */
function tradeOnce(sim: SimCluster): void {
  const trades = sim.ids
    .filter((id) => (sim.node(id).state?.ledger.accounts.get(id)?.balance ?? 0) > 0)
    .map((id) => sim.sell(id, sim.ids.find((other) => other !== id) ?? id, 1));
  sim.runUntil(() => trades.every((trade) => trade.final !== null), 1_000, "trades of the healed cluster", "L2");
  const failed = trades.find((trade) => trade.final?.ok !== true);
  sim.expect(failed === undefined, "L2", `a trade of the healed cluster was refused: ${JSON.stringify(failed?.final)}`);
  sim.runUntil(() => haveEqualVectors(sim.running()), 2_000, "equal ledgers after the last trades", "L1");
}

/** L4: nothing happens, so nobody fails. */
function stayCalm(sim: SimCluster, spanMs: number): void {
  sim.invariants.detection.watch((_, peer) => sim.ids.includes(peer));
  sim.runFor(spanMs);
  sim.invariants.detection.watch(null);
}

/** L5: a node that nobody expected gets everything, and takes part. */
function letJoin(sim: SimCluster, boundMs: number): void {
  const id = Math.max(...sim.ids) + 1;
  const newcomer = sim.add(id);
  sim.start(id);
  sim.runUntil(() => newcomer.state?.phase === "READY", boundMs, "a new node's being READY", "L5");
  const isKnown = () =>
    sim.running().every(({ state }) => state?.self.id === id || state?.members.get(id)?.state === "ALIVE");
  sim.runUntil(isKnown, boundMs, "everybody's knowing the new node", "L5");
  const payer = sim.ids.find((other) => (sim.node(other).state?.ledger.accounts.get(other)?.balance ?? 0) > 0) ?? id;
  const gift = sim.sell(payer, id, 1);
  sim.runUntil(() => gift.final !== null, 1_000, "a trade with the new node", "L5");
  sim.expect(gift.final?.ok === true, "L5", `a trade with the new node was refused: ${JSON.stringify(gift.final)}`);
}

/** Nobody is suspected, and everybody may trade. */
function knowEachOther(sim: SimCluster): boolean {
  const states = sim.running().map((node) => node.state);
  return states.every(
    (state) =>
      state?.phase === "READY" &&
      state.join.confirmed &&
      sim.ids.every((id) => id === state.self.id || knows(sim, state, id)),
  );
}

/** As the process that it is now, and where it is: a trade with the one before is refused, rightly (STALE). */
function knows(sim: SimCluster, state: NodeState, id: number): boolean {
  const member = state.members.get(id);
  if (member?.state !== "ALIVE" || member.incarnation !== sim.node(id).incarnation) return false;
  return sim.moves === 0 || member.address === sim.network.addressOf(id);
}

function followOne(sim: SimCluster): boolean {
  const [first, ...others] = sim.running().map((node) => node.state?.election);
  if (first === undefined || first.coordinator === null) return false;
  return others.every((other) => other?.coordinator === first.coordinator && other.claimTerm === first.claimTerm);
}
