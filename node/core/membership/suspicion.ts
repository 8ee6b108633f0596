/**
 * Suspicions: the second phase of detection. A peer that did not answer becomes SUSPECTED and hears of it; it becomes FAILED only if it stays silent.
 *
 * Idea (Lifeguard, Dadgar et al. 2017, arXiv 1707.00788): the first suspicion waits long, a second independent witness shortens the
 * wait to the minimum; a node that is slow itself (health above 0) waits longer before it accuses others.
 */
import type { NodeId } from "../../wire/ids.ts";
import { drawBelow } from "../kernel/random.ts";
import { cancelTimer, setTimer } from "../kernel/timers.ts";
import type { NodeState } from "../state.ts";
import { isLive, type Member } from "./members.ts";
import { becomeFailed, becomeSuspected } from "./peer-states.ts";
import { sizeFactor } from "./rumours.ts";

export interface Suspicion {
  readonly sinceMs: number;
  readonly incarnation: number;
  readonly rinc: number;
  readonly by: NodeId[];
}

/** So many members of a large group probe an accused peer themselves, on average. */
const WITNESSES = 10;

/** Our own probes of this peer failed, or it missed its heartbeats. */
export function suspect(state: NodeState, member: Member): void {
  const { detector } = state;
  if (state.nowMs < detector.graceUntilMs || state.join.discovering || !isLive(member)) return;
  if (member.state === "SUSPECTED") return;
  if (!state.rules.suspicion) {
    becomeFailed(state, member, false);
    return;
  }
  const accusers = detector.accusers.get(member.id) ?? [];
  detector.suspicions.set(member.id, {
    sinceMs: state.nowMs,
    incarnation: member.incarnation,
    rinc: member.rinc,
    by: [...accusers],
  });
  becomeSuspected(state, member);
  armSuspicion(state, member.id);
}

/**
 * Another node suspects this peer. That is a reason to probe it now, not yet to believe it: our own failure to reach it is the
 * confirmation that counts.
 */
export function onAccusation(state: NodeState, member: Member, by: NodeId): void {
  const { detector } = state;
  if (by === state.self.id || by === member.id) return;
  const suspicion = detector.suspicions.get(member.id);
  const witnesses = suspicion?.by ?? detector.accusers.get(member.id) ?? [];
  if (!witnesses.includes(by)) witnesses.push(by);
  if (suspicion !== undefined) {
    armSuspicion(state, member.id);
    return;
  }
  detector.accusers.set(member.id, witnesses);
  // Ten witnesses are enough: if all of a large group looked at once, one slow node would cost more than a dead one.
  if (drawBelow(state.random, Math.ceil(WITNESSES * sizeFactor(state))) < WITNESSES)
    setTimer(state.timers, "probe-now", member.id, state.nowMs);
}

/** How long this suspicion lasts, in milliseconds: the hard bound, or the minimum once enough others agree. */
export function suspicionSpanMs(state: NodeState, witnesses: number): number {
  const { heartbeatTimeoutMs } = state.config.timing;
  const needed = countLive(state) > 2 ? 1 : 0;
  if (witnesses < needed) return heartbeatTimeoutMs;
  return Math.min(shortestSuspicionMs(state) * (1 + state.detector.health), heartbeatTimeoutMs);
}

/** Nobody in a group of this size is FAILED after a shorter silence, in milliseconds. */
export function shortestSuspicionMs(state: NodeState): number {
  return (state.config.timing.suspicionMinMs * sizeTenths(countLive(state) + 1)) / 10;
}

function countLive(state: NodeState): number {
  let others = 0;
  for (const member of state.members.values()) if (isLive(member)) others += 1;
  return others;
}

/** After a freeze of our own: what we missed is no evidence, so every suspicion starts again. */
export function restartSuspicions(state: NodeState): void {
  state.detector.accusers.clear();
  for (const [id, suspicion] of state.detector.suspicions) {
    state.detector.suspicions.set(id, { ...suspicion, sinceMs: state.nowMs, by: [] });
    armSuspicion(state, id);
  }
}

function armSuspicion(state: NodeState, id: NodeId): void {
  const suspicion = state.detector.suspicions.get(id);
  if (suspicion === undefined) return;
  const dueAtMs = suspicion.sinceMs + suspicionSpanMs(state, suspicion.by.length);
  setTimer(state.timers, "suspicion", id, Math.max(dueAtMs, state.detector.graceUntilMs, state.nowMs));
}

export function onSuspicionTimeout(state: NodeState, id: NodeId): void {
  const member = state.members.get(id);
  const suspicion = state.detector.suspicions.get(id);
  if (member === undefined || suspicion === undefined || member.state !== "SUSPECTED") {
    cancelTimer(state.timers, "suspicion", id);
    return;
  }
  // Health may have grown or the group shrunk since the timer was set.
  if (state.nowMs < suspicion.sinceMs + suspicionSpanMs(state, suspicion.by.length)) armSuspicion(state, id);
  else becomeFailed(state, member, false);
}

/** 10 * max(1, log10 n) from a table. */
function sizeTenths(n: number): number {
  for (const [limit, tenths] of SIZE_TENTHS) if (n <= limit) return tenths;
  return 24;
}

const SIZE_TENTHS: readonly (readonly [number, number])[] = [
  [10, 10],
  [16, 12],
  [25, 14],
  [40, 16],
  [63, 18],
  [100, 20],
  [160, 22],
];
