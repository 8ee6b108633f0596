/**
 * Claims of other nodes: which of two gives way, and whom to follow.
 *
 * A claim is (elected, term, id) and claims are ordered so. `elected` means a majority of the fixed voters gave its vote in that term,
 * which happens at most once a term; everything else is provisional: the original's coordinator, one for each reachable component.
 * Nothing is discarded when the lesser claim steps down. Sources: Garcia-Molina 1982 (Bully and, for merging, Invitation); Raft's terms.
 */

import type { NodeId } from "../../wire/ids.ts";
import type { Claim, MessageOf } from "../../wire/message.ts";
import { nextMsgId, persist, unicast } from "../kernel/outbox.ts";
import { takeTurn } from "../kernel/timers.ts";
import type { Origin } from "../kernel/types.ts";
import { isLive } from "../membership/members.ts";
import { believableTerm } from "../membership/plausible.ts";
import { hurryHeartbeat } from "../membership/rumours.ts";
import type { NodeState } from "../state.ts";
import { becomeFollower, becomeLeaderless, claimOf, endCandidacy, isVoter, suffix, tell, voteRow } from "./roles.ts";

/** Negative when `a` gives way to `b`. */
export function compareClaims(a: Claim, b: Claim): number {
  return Number(a.elected) - Number(b.elected) || a.term - b.term || (a.coordinator_id ?? 0) - (b.coordinator_id ?? 0);
}

/**
 * A higher term exists: it is ours too, durably (terms never go back), and a candidacy in a lower one is over. An absurd one is
 * approached in steps: afterwards `election.term` may still be lower.
 */
export function adoptTerm(state: NodeState, named: number): void {
  const { election } = state;
  const term = believableTerm(state, named);
  if (term <= election.term) return;
  election.term = term;
  election.votedFor = null;
  persist(state, [voteRow(state)]);
  const stage = election.candidacy?.stage;
  if (stage === "storing" || stage === "voting") endCandidacy(state);
}

export function onCoordinator(state: NodeState, message: MessageOf<"COORDINATOR">, from: Origin): void {
  noteClaim(state, message.payload, from.sender);
}

/** A peer says whom it follows. */
export function noteClaim(state: NodeState, claim: Claim, from: NodeId): void {
  const member = state.members.get(from);
  if (member === undefined || !isLive(member)) return;
  weighClaim(state, claim, from);
}

/** A claim, at first or second hand: follow it if it is greater than ours and nothing that we know speaks against it. */
export function weighClaim(state: NodeState, claim: Claim, from: NodeId): void {
  const { election } = state;
  adoptTerm(state, claim.term);
  // Not believed (yet): a coordinator of such a term repeats its claim.
  if (claim.term > election.term) return;
  const id = claim.coordinator_id;
  if (election.coordinator === from && id !== from) becomeLeaderless(state, `Node ${from} is no longer coordinator`);
  if (id === null) return;
  if (id === state.self.id) {
    noteSupport(state, claim, from);
    return;
  }
  // A node that notices later may still follow it.
  if (isGone(state, id) && state.rules.deadDontLead) return;
  if (election.coordinator === id) {
    refreshClaim(state, claim, from === id);
    return;
  }
  const isLess = compareClaims(claimOf(state), claim) < 0 && state.rules.lesserGivesWay;
  if (election.coordinator === null || isLess) becomeFollower(state, { ...claim, coordinator_id: id });
  else if (election.role === "COORDINATOR" && from === id) correct(state, from);
}

/** Our coordinator's own word replaces what we thought; second-hand news must be newer. */
function refreshClaim(state: NodeState, claim: Claim, isOwnWord: boolean): void {
  const { election } = state;
  if (claim.term < election.claimTerm || (!isOwnWord && claim.term === election.claimTerm)) return;
  if (claim.term === election.claimTerm && claim.elected === election.elected) return;
  election.claimTerm = claim.term;
  election.elected = claim.elected;
  election.coordinatorIncarnation =
    state.members.get(claim.coordinator_id ?? 0)?.incarnation ?? election.coordinatorIncarnation;
  // A provisional one is no reason to give up: it may be that this node stands because that one can't win.
  if (isOwnWord && claim.elected && election.candidacy !== null) endCandidacy(state);
  tell(state, "info", `Accepted Node ${election.coordinator} as coordinator${suffix(election)}`);
  // A provisional coordinator looks for voters that follow it: let it see that at once.
  if (!claim.elected && isVoter(state, state.self.id)) hurryHeartbeat(state);
}

/** Dead nodes don't lead, nor do halted ones. */
function isGone(state: NodeState, id: NodeId): boolean {
  const member = state.members.get(id);
  return member?.state === "FAILED" || member?.state === "LEFT" || member?.phase === "HALTED";
}

/** A lesser coordinator speaks: tell it who leads (rate limited), so that a heal takes one round trip. */
function correct(state: NodeState, to: NodeId): void {
  if (!takeTurn(state, "corrected", to, state.config.timing.probeIntervalMs)) return;
  unicast(state, to, "COORDINATOR", { msg_id: nextMsgId(state), ...claimOf(state) });
}

function noteSupport(state: NodeState, claim: Claim, from: NodeId): void {
  const { election } = state;
  if (election.coordinator !== state.self.id) return;
  // A peer believes that this node leads in a term in which it never led, and takes its heartbeats for older claims: a newer term ends that.
  const isMisled = claim.term > election.claimTerm;
  if (isMisled && takeTurn(state, "misled", "", 2 * state.config.timing.electionTimeoutMs))
    election.wanted ??= "answered";
  if (claim.term !== election.claimTerm) return;
  if (isVoter(state, from) && !election.support.includes(from)) election.support.push(from);
}
