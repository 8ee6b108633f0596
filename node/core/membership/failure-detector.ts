/**
 * Rounds of probes: whom to probe and when, and what a node does after it was frozen itself.
 *
 * Idea (SWIM, Das, Gupta, Motivala 2002): probe the members in turn, in a random order. Beyond SWIM:
 * FAILED peers are called now and then, so that a healed partition is noticed.
 * A few members probe the coordinator in every round, since the whole group waits for its replacement. A node's traffic per round is the
 * same in a group of any size.
 */

import type { NodeId } from "../../wire/ids.ts";
import { drawBelow, shuffled } from "../kernel/random.ts";
import { hasTimer, setTimer } from "../kernel/timers.ts";
import type { NodeState } from "../state.ts";
import { isLive, type Member, unsuspectedIds } from "./members.ts";
import { closeProbe, type Probe, probe, tellFailed } from "./probe.ts";
import { beatIntervalMs, OVERDUE_BEATS } from "./rumours.ts";
import { type Accusation, restartSuspicions } from "./suspicion.ts";

export interface DetectorState {
  roundRobin: NodeId[];
  readonly probes: Map<string, Probe>;
  /** Lifeguard's local health, 0 (healthy) to 8: multiplies timeouts. */
  health: number;
  /** Nobody is suspected before this instant (after a freeze). */
  graceUntilMs: number;
  /** Of live peers that gave no sign of life since. */
  readonly accusations: Map<NodeId, Accusation>;
}

/** FAILED peers that the whole group calls in a round, on average: a heal need not wait for a heartbeat. */
const CALLS = 2;
/** Members that probe the coordinator in every round, at least. */
const WATCHERS = 5;
/** Extra peers probed in a round because they are suspected or overdue. */
const EXTRA_TARGETS = 3;

export function createDetector(): DetectorState {
  return {
    roundRobin: [],
    probes: new Map(),
    health: 0,
    graceUntilMs: 0,
    accusations: new Map(),
  };
}

export function startDetector(state: NodeState): void {
  scheduleRound(state, drawBelow(state.random, Math.max(1, state.config.timing.probeIntervalMs)));
}

export function onProbeRound(state: NodeState): void {
  // While a group is gathering there is no coordinator to replace in a hurry, and starting nodes are slow to answer.
  if (!state.join.discovering) {
    for (const id of targetsOfRound(state)) probe(state, id);
    callFailed(state);
  }
  scheduleRound(state, state.config.timing.probeIntervalMs);
}

/** After a heal one side must speak first. Without multicast, nothing else would make it speak. */
function callFailed(state: NodeState): void {
  let live = 1;
  for (const member of state.members.values()) if (isLive(member)) live += 1;
  if (drawBelow(state.random, live) < CALLS) callOneFailed(state);
}

/** Calls a FAILED peer that wasn't called in this round. When one comes back, those that were cut off with it are called, one by one. */
export function callOneFailed(state: NodeState): void {
  const failed: Member[] = [];
  for (const member of state.members.values())
    if (member.state === "FAILED" && member.address !== null && !hasTimer(state.timers, "told", member.id))
      failed.push(member);
  if (failed.length === 0 || !state.rules.failedAreTold) return;
  tellFailed(state, failed[drawBelow(state.random, failed.length)] as Member);
}

function scheduleRound(state: NodeState, inMs: number): void {
  setTimer(state.timers, "probe-round", "", state.nowMs + inMs);
}

/** The coordinator if this node watches it, the next one in turn, and peers that are suspected or have missed heartbeats. */
function targetsOfRound(state: NodeState): NodeId[] {
  const targets = new Set<NodeId>();
  const leader = state.members.get(state.election.coordinator ?? 0);
  if (leader !== undefined && isLive(leader) && isWatcher(state)) targets.add(leader.id);
  const next = nextInTurn(state);
  if (next !== null) targets.add(next);
  const overdueMs = OVERDUE_BEATS * beatIntervalMs(state);
  const overdue: { id: NodeId; silentMs: number }[] = [];
  for (const member of state.members.values()) {
    if (!isLive(member)) continue;
    const silentMs = state.nowMs - (member.lastHeardAtMs ?? member.stateSinceMs);
    if (member.state === "SUSPECTED" || silentMs > overdueMs) overdue.push({ id: member.id, silentMs });
  }
  overdue.sort((a, b) => b.silentMs - a.silentMs || a.id - b.id);
  for (const { id } of overdue.slice(0, EXTRA_TARGETS)) targets.add(id);
  return [...targets];
}

/**
 * The voters watch the coordinator, which has to see them too (quorum.ts); if they are fewer than five, the highest others do so as
 * well. A node that can't reach a peer watches too, since both may be on the other side of a cut.
 */
function isWatcher({ config, self, members, detector, election }: NodeState): boolean {
  for (const { ownSinceMs } of detector.accusations.values()) if (ownSinceMs !== null) return true;
  if (config.voters.includes(self.id)) return true;
  let watchers = 0;
  for (const member of members.values()) {
    const isFirst = config.voters.includes(member.id) || member.id > self.id;
    if (isFirst && member.id !== election.coordinator && isLive(member)) watchers += 1;
  }
  return watchers < WATCHERS;
}

/** Round robin over a shuffled list: the time to the first probe of anybody is bounded (SWIM 4.3). */
function nextInTurn(state: NodeState): NodeId | null {
  const { detector } = state;
  for (let round = 0; round < 2; round++) {
    while (detector.roundRobin.length > 0) {
      const id = detector.roundRobin.shift() as NodeId;
      const member = state.members.get(id);
      if (member !== undefined && isLive(member) && id !== state.election.coordinator) return id;
    }
    detector.roundRobin = shuffled(state.random, unsuspectedIds(state));
  }
  return null;
}

/**
 * This process did not run for `frozenMs`. Silence meanwhile says nothing about others: their clocks of silence stop for as long,
 * suspicions start again, and the next probes wait until what queued up in the socket has most likely been read.
 */
export function pauseDetector(state: NodeState, frozenMs: number): void {
  const { timing } = state.config;
  const { detector } = state;
  detector.graceUntilMs = state.nowMs + 2 * timing.probeTimeoutMinMs + timing.probeIntervalMs;
  for (const member of state.members.values())
    if (member.lastHeardAtMs !== null) member.lastHeardAtMs = Math.min(state.nowMs, member.lastHeardAtMs + frozenMs);
  for (const [seq, open] of [...detector.probes]) if (open.stage !== "late") closeProbe(state, seq);
  restartSuspicions(state);
  scheduleRound(state, timing.probeTimeoutMinMs);
}
