/**
 * Suspicions: the second phase of detection. A peer that did not answer becomes SUSPECTED and hears of it; it becomes FAILED only if it stays silent.
 *
 * Idea (Lifeguard, Dadgar et al. 2017, arXiv 1707.00788): the first suspicion waits long, a second independent witness shortens the
 * wait to the minimum; a node that is slow itself (health above 0) waits longer before it accuses others. Two witnesses are enough for a
 * group of any size, so all others only keep the accusation and look on: a sign of life ends it, and if there is none for as long as a
 * suspicion takes, they believe the witnesses (gossip.ts).
 */
import type { NodeId } from "../../wire/ids.ts";
import { drawBelow } from "../kernel/random.ts";
import { cancelTimer, setTimer } from "../kernel/timers.ts";
import type { NodeState } from "../state.ts";
import { isLive, type Member } from "./members.ts";
import { becomeFailed, becomeSuspected } from "./peer-states.ts";

/** An accusation of a peer that has given no sign of life since. */
export interface Accusation {
  readonly sinceMs: number;
  /** Since when this node suspects the peer itself; null: only others do. */
  ownSinceMs: number | null;
  /** The others that suspect it. */
  readonly by: NodeId[];
}

/** Independent witnesses that make a suspicion as short as it may be. */
const WITNESSES = 2;
/** So many members of a large group probe an accused peer themselves, on average: one of them is the second witness. */
const LOOKERS = 5;
/** Hearsay of an end is believed after this part of the shortest suspicion: the accusation may have come here late. */
const BELIEF_SHARE = 0.75;

/** Our own probes of this peer failed, or it missed its heartbeats. */
export function suspect(state: NodeState, member: Member): void {
  const { detector } = state;
  if (state.nowMs < detector.graceUntilMs || state.join.discovering || !isLive(member)) return;
  if (member.state === "SUSPECTED") return;
  if (!state.rules.suspicion) {
    becomeFailed(state, member, false);
    return;
  }
  accusationOf(state, member.id).ownSinceMs = state.nowMs;
  becomeSuspected(state, member);
  armSuspicion(state, member.id);
}

/**
 * Another node suspects this peer. That is a reason to probe it now, not yet to believe it: our own failure to reach it is the
 * confirmation that counts.
 */
export function onAccusation(state: NodeState, member: Member, by: NodeId): void {
  if (by === state.self.id || by === member.id) return;
  const accusation = accusationOf(state, member.id);
  if (!accusation.by.includes(by)) accusation.by.push(by);
  if (accusation.ownSinceMs !== null) armSuspicion(state, member.id);
  // If all of a large group looked at once, one slow node would cost more than a dead one.
  else if (accusation.by.length < WITNESSES && drawBelow(state.random, countLive(state)) < LOOKERS)
    setTimer(state.timers, "probe-now", member.id, state.nowMs);
}

/** Enough witnesses accuse the peer, and nothing was heard of it for about as long as a suspicion takes. `by` is one of them. */
export function isConvicted(state: NodeState, member: Member, by: NodeId): boolean {
  const accusation = state.detector.accusations.get(member.id);
  if (accusation === undefined) return false;
  const witnesses = new Set(accusation.by).add(by);
  if (accusation.ownSinceMs !== null) witnesses.add(state.self.id);
  return witnesses.size >= WITNESSES && state.nowMs - accusation.sinceMs >= BELIEF_SHARE * shortestSuspicionMs(state);
}

/** How long this suspicion lasts, in milliseconds: the hard bound, or the minimum once enough others agree. */
export function suspicionSpanMs(state: NodeState, others: number): number {
  const { heartbeatTimeoutMs } = state.config.timing;
  const needed = countLive(state) > 2 ? WITNESSES : 1;
  if (1 + others < needed) return heartbeatTimeoutMs;
  return Math.min(shortestSuspicionMs(state) * (1 + state.detector.health), heartbeatTimeoutMs);
}

/** Nobody is FAILED after a shorter silence, in milliseconds. */
export function shortestSuspicionMs(state: NodeState): number {
  return state.config.timing.suspicionMinMs;
}

function countLive(state: NodeState): number {
  let others = 0;
  for (const member of state.members.values()) if (isLive(member)) others += 1;
  return others;
}

/** After a freeze of our own: what we missed is no evidence, so every suspicion starts again. */
export function restartSuspicions(state: NodeState): void {
  const { accusations } = state.detector;
  for (const [id, { ownSinceMs }] of [...accusations]) {
    accusations.delete(id);
    if (ownSinceMs === null) continue;
    accusationOf(state, id).ownSinceMs = state.nowMs;
    armSuspicion(state, id);
  }
}

function accusationOf({ detector, nowMs }: NodeState, id: NodeId): Accusation {
  const known = detector.accusations.get(id) ?? { sinceMs: nowMs, ownSinceMs: null, by: [] };
  detector.accusations.set(id, known);
  return known;
}

/** When the suspicion ends, as far as this node knows now; null: it suspects nobody of this id. */
function endsAtMs(state: NodeState, id: NodeId): number | null {
  const { ownSinceMs = null, by = [] } = state.detector.accusations.get(id) ?? {};
  return ownSinceMs === null ? null : ownSinceMs + suspicionSpanMs(state, by.length);
}

function armSuspicion(state: NodeState, id: NodeId): void {
  const dueAtMs = endsAtMs(state, id);
  if (dueAtMs === null) return;
  setTimer(state.timers, "suspicion", id, Math.max(dueAtMs, state.detector.graceUntilMs, state.nowMs));
}

export function onSuspicionTimeout(state: NodeState, id: NodeId): void {
  const member = state.members.get(id);
  const dueAtMs = endsAtMs(state, id);
  if (member?.state !== "SUSPECTED" || dueAtMs === null) {
    cancelTimer(state.timers, "suspicion", id);
    return;
  }
  // Health may have grown or the group shrunk since the timer was set.
  if (state.nowMs < dueAtMs) armSuspicion(state, id);
  else becomeFailed(state, member, false);
}
