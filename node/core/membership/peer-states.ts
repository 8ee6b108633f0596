/**
 * The only functions that change a peer's state.
 *
 * Idea (SWIM section 4.2, memberlist): a peer's standing is (incarnation, rinc, state); newer standing wins, and only the peer itself
 * can make a newer one, by raising `rinc`. Entries are never removed: a LEFT or FAILED peer keeps its incarnation and its account.
 */

import { MEMBERS_MAX, type NodeId, RINC_MAX } from "../../wire/ids.ts";
import type { PeerState, Rumour } from "../../wire/message.ts";
import { count, journal } from "../kernel/outbox.ts";
import { cancelTimer, setTimer } from "../kernel/timers.ts";
import type { NodeState } from "../state.ts";
import { createMember, isLive, type Member, ownStanding, rumourOf } from "./members.ts";
import { isBelievableStanding } from "./plausible.ts";
import { spread, spreadAtOnce } from "./rumours.ts";

/** node/protocol/membership.md#a-peers-states. A transition that is missing here is a bug of this node. */
const TRANSITIONS: Readonly<Record<PeerState, readonly PeerState[]>> = {
  UNKNOWN: ["ALIVE", "FAILED", "LEFT"],
  ALIVE: ["SUSPECTED", "FAILED", "LEFT"],
  SUSPECTED: ["ALIVE", "FAILED", "LEFT"],
  FAILED: ["ALIVE", "LEFT"],
  // FAILED: it came back and died, both unseen by us.
  LEFT: ["ALIVE", "FAILED"],
};

/**
 * The entry of a peer, made when it is new; null when the table is full. A peer that was heard itself takes
 * the place of one that others only talked about: a made-up list of members must not keep a real node out.
 */
export function ensureMember(state: NodeState, id: NodeId, isHeard = false): Member | null {
  const known = state.members.get(id);
  if (known !== undefined) return known;
  if (id === state.self.id || (state.members.size >= MEMBERS_MAX - 1 && !(isHeard && forgetHearsay(state)))) {
    count(state, "members_full");
    return null;
  }
  const member = createMember(id, state.nowMs);
  state.members.set(id, member);
  return member;
}

/** Makes room by dropping one entry that rests on hearsay alone. False: there is none. */
function forgetHearsay(state: NodeState): boolean {
  const { config, ledger, election } = state;
  for (const { id, lastHeardAtMs } of state.members.values()) {
    const isNamed = config.peers.has(id) || config.expected.includes(id) || config.voters.includes(id);
    if (lastHeardAtMs !== null || isNamed || ledger.accounts.has(id) || election.coordinator === id) continue;
    forgetSuspicion(state, id);
    state.members.delete(id);
    return true;
  }
  return false;
}

/** The peer is there, whatever this node believed. Ends a suspicion. */
export function becomeAlive(state: NodeState, member: Member): void {
  const before = member.state;
  forgetSuspicion(state, member.id);
  if (before === "ALIVE") return;
  enter(state, member, "ALIVE");
  if (before !== "SUSPECTED") state.election.calmSinceMs = state.nowMs;
  // It was cut off, perhaps with others.
  if (before === "FAILED") setTimer(state.timers, "call-next", "", state.nowMs);
  const host = (member.address ?? "unknown address").split(":")[0];
  const msg =
    before === "UNKNOWN"
      ? `Discovered peer Node ${member.id} at ${host}`
      : before === "SUSPECTED"
        ? `Node ${member.id} recovered (suspicion cleared)`
        : `Node ${member.id} is back at ${host} (was ${before})`;
  tell(state, member, "info", msg);
}

export function becomeSuspected(state: NodeState, member: Member): void {
  enter(state, member, "SUSPECTED");
  count(state, "suspicions");
  tell(state, member, "warn", `Node ${member.id} SUSPECTED (missed heartbeat timeout)`);
  spreadAtOnce(state, rumourOf(state, member));
}

/** An own finding is sent at once; hearsay travels on with the next messages. */
export function becomeFailed(state: NodeState, member: Member, isHearsay: boolean): void {
  forgetSuspicion(state, member.id);
  enter(state, member, "FAILED");
  count(state, "failures_noticed");
  state.election.calmSinceMs = state.nowMs;
  tell(state, member, "warn", `Node ${member.id} FAILED (sustained heartbeat absence)`);
  if (isHearsay) spread(state, rumourOf(state, member));
  else spreadAtOnce(state, rumourOf(state, member));
}

export function becomeLeft(state: NodeState, member: Member): void {
  // It may have come and left again unseen.
  if (member.state === "LEFT") return;
  forgetSuspicion(state, member.id);
  enter(state, member, "LEFT");
  state.election.calmSinceMs = state.nowMs;
  tell(state, member, "info", `Node ${member.id} is leaving`);
  spread(state, rumourOf(state, member));
  if (!state.rules.entriesStay) forgetEverything(state, member.id);
}

/** What the original did when a node left. */
function forgetEverything(state: NodeState, id: NodeId): void {
  state.members.delete(id);
  state.ledger.accounts.delete(id);
  state.ledger.clock.delete(id);
}

/** A new process under a known id: nothing that was measured or said before holds any more. Its account and records do. */
export function becomeReborn(state: NodeState, member: Member, incarnation: number, bootId: string | null): void {
  if (member.state !== "SUSPECTED") state.detector.accusations.delete(member.id);
  const isRestart = member.incarnation > 0 && member.state !== "UNKNOWN";
  Object.assign(member, { incarnation, bootId, rinc: 0, phase: null, srttMs: null, bootSeq: null });
  Object.assign(member, { fences: new Map(), saidLeave: false });
  if (isRestart && isLive(member)) {
    state.election.calmSinceMs = state.nowMs;
    tell(state, member, "info", `Node ${member.id} restarted (incarnation ${incarnation})`);
  }
}

/** Somebody believes that this node is gone: raise `rinc`, which makes a newer standing, and send it at once. */
export function refuteIfAccused(state: NodeState, rumour: Omit<Rumour, "by">): void {
  const { self } = state;
  if ((rumour.state !== "SUSPECTED" && rumour.state !== "FAILED") || !state.rules.refutation) return;
  if (rumour.inc !== self.incarnation || rumour.rinc < state.rinc) return;
  if (!isBelievableStanding(state, { incarnation: self.incarnation, rinc: state.rinc }, rumour)) return;
  state.rinc = Math.min(rumour.rinc + 1, RINC_MAX);
  count(state, "refutations");
  journal(state, {
    kind: "member",
    level: "info",
    msg: `Refuting ${rumour.state} of this node (incarnation ${self.incarnation}.${state.rinc})`,
  });
  spreadAtOnce(state, ownStanding(state));
}

/** An accusation that this process has refuted: a peer that repeats it has not heard the refutation. */
export function isOutlived(state: NodeState, rumour: Rumour): boolean {
  if ((rumour.state !== "SUSPECTED" && rumour.state !== "FAILED") || !state.rules.refutation) return false;
  return rumour.of === state.self.id && rumour.inc === state.self.incarnation && rumour.rinc < state.rinc;
}

function enter(state: NodeState, member: Member, next: PeerState): void {
  if (!TRANSITIONS[member.state].includes(next))
    throw new Error(`assertion: node ${member.id} can't go from ${member.state} to ${next}`);
  member.state = next;
  member.stateSinceMs = state.nowMs;
}

function forgetSuspicion(state: NodeState, id: NodeId): void {
  state.detector.accusations.delete(id);
  cancelTimer(state.timers, "suspicion", id);
}

function tell(state: NodeState, member: Member, level: "info" | "warn", msg: string): void {
  journal(state, { kind: "member", level, msg, peer: member.id, state: member.state, peer_inc: member.incarnation });
}
