/**
 * Roles and claims: who is coordinator, how sure that is, and which of two claims gives way.
 *
 * A claim is (elected, term, id) and claims are ordered so. `elected` means a majority of the fixed voters gave its vote in that term,
 * which happens at most once a term; everything else is provisional: the original's coordinator, one for each reachable component.
 * Nothing is discarded when the lesser claim steps down. Sources: Garcia-Molina 1982 (Bully and, for merging, Invitation); Raft's terms.
 */
import type { NodeId } from "../../wire/ids.ts";
import type { Claim, MessageOf } from "../../wire/message.ts";
import { journal, multicast, nextMsgId, persist, unicast } from "../kernel/outbox.ts";
import type { Row } from "../kernel/rows.ts";
import { cancelTimer, hasTimer, setTimer } from "../kernel/timers.ts";
import type { Origin } from "../kernel/types.ts";
import { ensureMember, isLive } from "../membership/membership.ts";
import { believableTerm } from "../membership/plausible.ts";
import { hurryHeartbeat } from "../membership/rumours.ts";
import type { NodeState } from "../state.ts";

/** Owned by election.ts. */
export interface ElectionState {
  role: Role;
  coordinator: NodeId | null;
  /** Term of the claim that we follow or make. */
  claimTerm: number;
  elected: boolean;
  /** Durable: highest term seen, and the vote cast in it. */
  term: number;
  votedFor: NodeId | null;
  patience: number;
  candidacy: Candidacy | null;
  failures: number;
  /** Membership unchanged since (preemption waits for calm). */
  calmSinceMs: number;
  readyAtMs: number | null;
  readonly leadershipsLostAtMs: number[];
  /** When the present coordinator was accepted (or lost). */
  sinceMs: number;
  /** Incarnation of the coordinator when its claim was accepted: a restarted process doesn't lead any more. */
  coordinatorIncarnation: number;
  /** The term that this node won; 0: none. */
  wonTerm: number;
  /** Voters that named us since we lost sight of the quorum. */
  support: NodeId[];
  /** Ballots being written, by write. */
  readonly ballots: Map<number, { readonly term: number; readonly candidate: NodeId }>;
  /** No own candidacy before this instant: a vote was given away, or a round failed. */
  quietUntilMs: number;
  /** Asked for an election although there may be a coordinator (command, OK to a lower node, preemption); null: not. */
  wanted: "command" | "answered" | "preempt" | null;
  /** Durable: its disk was lost, so no vote before a majority of the other voters told their highest term. */
  abstaining: boolean;
  readonly termsHeardFrom: NodeId[];
}

export interface Candidacy {
  stage: "rank" | "deference" | "waiting" | "storing" | "voting";
  term: number;
  readonly startedAtMs: number;
  readonly votes: NodeId[];
  readonly answers: NodeId[];
  /** The write of the own ballot; null: none under way. */
  writeId: number | null;
  /** A live elected coordinator that an answer named. */
  named: Claim | null;
}

export type Role = "FOLLOWER" | "CANDIDATE" | "COORDINATOR";

/** A new coordinator says so three times, this far apart; heartbeats repeat it for ever. */
const ANNOUNCEMENTS = 3;
const ANNOUNCEMENT_GAP_MS = 20;

// Questions ---------------------------------------------------------------------------------------------------------------

/** What this node follows, as messages carry it. */
export function claimOf(state: NodeState): Claim {
  const { coordinator, claimTerm, elected } = state.election;
  return { coordinator_id: coordinator, term: claimTerm, elected };
}

/** Negative when `a` gives way to `b`. */
export function compareClaims(a: Claim, b: Claim): number {
  return Number(a.elected) - Number(b.elected) || a.term - b.term || (a.coordinator_id ?? 0) - (b.coordinator_id ?? 0);
}

export function isVoter(state: NodeState, id: NodeId): boolean {
  return state.config.voters.includes(id);
}

/** Votes that elect. */
export function majority(state: NodeState): number {
  if (!state.rules.majority) return 1;
  return Math.floor(state.config.voters.length / 2) + 1;
}

/** Voters that take part as far as we know, ourselves included. */
export function liveVoters(state: NodeState): NodeId[] {
  return state.config.voters.filter((id) => {
    if (id === state.self.id) return true;
    const member = state.members.get(id);
    return member !== undefined && isLive(member);
  });
}

// Role changes ------------------------------------------------------------------------------------------------------------

export function becomeCoordinator(state: NodeState, term: number, elected: boolean): void {
  const { election } = state;
  const isRepeat =
    election.coordinator === state.self.id && election.claimTerm === term && election.elected === elected;
  endCandidacy(state);
  Object.assign(election, { role: "COORDINATOR", coordinator: state.self.id, claimTerm: term, elected });
  election.coordinatorIncarnation = state.self.incarnation;
  if (elected) {
    election.wonTerm = term;
    election.failures = 0;
  }
  setTimer(state.timers, "quorum", "", state.nowMs + state.config.timing.probeIntervalMs);
  if (isRepeat) return;
  election.sinceMs = state.nowMs;
  election.support = [];
  tell(state, "info", `I am now the COORDINATOR${suffix(election)}`);
  tell(state, "info", `COORDINATOR message broadcast (reliable) - I am the new leader!${suffix(election)}`);
  announceCoordinator(state, 1);
}

/** The claim of a live node that is greater than ours, or the first one. */
export function becomeFollower(state: NodeState, claim: Claim & { coordinator_id: NodeId }): void {
  const { election } = state;
  if (election.coordinator === state.self.id) noteLeadershipLost(state, claim.coordinator_id);
  endCandidacy(state);
  const member = ensureMember(state, claim.coordinator_id);
  Object.assign(election, { role: "FOLLOWER", coordinator: claim.coordinator_id, claimTerm: claim.term });
  Object.assign(election, { elected: claim.elected, sinceMs: state.nowMs, failures: 0, patience: 0, wanted: null });
  election.coordinatorIncarnation = member?.incarnation ?? 0;
  election.support = [];
  tell(state, "info", `Accepted Node ${claim.coordinator_id} as coordinator${suffix(election)}`);
}

/** The coordinator is gone: nobody is followed until the next claim. `why` is the line for the journal. */
export function becomeLeaderless(state: NodeState, why: string): void {
  const { election } = state;
  if (election.role === "COORDINATOR") election.role = "FOLLOWER";
  election.coordinator = null;
  election.elected = false;
  election.sinceMs = state.nowMs;
  tell(state, "warn", why);
}

/** Same coordinator, less (or again more) certain of itself. */
export function becomeProvisional(state: NodeState, why: string): void {
  const { election } = state;
  election.elected = false;
  election.support = [];
  tell(state, "warn", `${why} (provisional: no quorum)`);
  hurryHeartbeat(state);
}

/** Drops an own candidacy, whatever its stage. */
export function endCandidacy(state: NodeState): void {
  const { election } = state;
  election.candidacy = null;
  if (election.role === "CANDIDATE")
    election.role = election.coordinator === state.self.id ? "COORDINATOR" : "FOLLOWER";
  cancelTimer(state.timers, "candidacy", "");
  cancelTimer(state.timers, "vote-resend", "");
  cancelTimer(state.timers, "ok-resend", "");
}

/** What a voter has to know of its own past, as it is now. */
export function voteRow({ election }: NodeState): Row {
  const { term, votedFor, abstaining } = election;
  return { table: "vote", term, votedFor, abstains: abstaining };
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

// Claims of others ----------------------------------------------------------------------------------------------------------

export function onCoordinator(state: NodeState, message: MessageOf<"COORDINATOR">, from: Origin): void {
  noteClaim(state, message.payload, from.sender);
}

/** What a peer says that it follows. */
export function noteClaim(state: NodeState, claim: Claim, from: NodeId): void {
  const member = state.members.get(from);
  if (member === undefined || !isLive(member)) return;
  weighClaim(state, claim, from);
}

/** A claim, at first or second hand: follow it if it is greater than ours and nothing that we know speaks against it. */
export function weighClaim(state: NodeState, claim: Claim, from: NodeId): void {
  const { election } = state;
  adoptTerm(state, claim.term);
  // Not believed (yet): whoever leads in such a term says so again.
  if (claim.term > election.term) return;
  const id = claim.coordinator_id;
  if (election.coordinator === from && id !== from) becomeLeaderless(state, `Node ${from} is no longer coordinator`);
  if (id === null) return;
  if (id === state.self.id) {
    noteSupport(state, claim, from);
    return;
  }
  // Who is slower to notice may still follow it.
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
  if (isOwnWord && election.candidacy !== null) endCandidacy(state);
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
  if (hasTimer(state.timers, "corrected", to)) return;
  setTimer(state.timers, "corrected", to, state.nowMs + state.config.timing.probeIntervalMs);
  unicast(state, to, "COORDINATOR", { msg_id: nextMsgId(state), ...claimOf(state) });
}

function noteSupport(state: NodeState, claim: Claim, from: NodeId): void {
  const { election } = state;
  if (election.coordinator !== state.self.id) return;
  // Somebody was told of a term that we never led in, and takes our own word for an older one: a newer term ends that.
  if (claim.term > election.claimTerm && !hasTimer(state.timers, "misled", "")) {
    setTimer(state.timers, "misled", "", state.nowMs + 2 * state.config.timing.electionTimeoutMs);
    election.wanted ??= "answered";
  }
  if (claim.term !== election.claimTerm) return;
  if (isVoter(state, from) && !election.support.includes(from)) election.support.push(from);
}

function noteLeadershipLost(state: NodeState, to: NodeId): void {
  const { leadershipsLostAtMs } = state.election;
  leadershipsLostAtMs.push(state.nowMs);
  if (leadershipsLostAtMs.length > 8) leadershipsLostAtMs.shift();
  cancelTimer(state.timers, "quorum", "");
  for (let n = 2; n <= ANNOUNCEMENTS; n++) cancelTimer(state.timers, "announce", n);
  tell(state, "info", `Stepping down in favour of Node ${to}`);
}

export function announceCoordinator(state: NodeState, n: number): void {
  if (state.election.coordinator !== state.self.id) return;
  multicast(state, "COORDINATOR", { msg_id: nextMsgId(state), ...claimOf(state) });
  if (n < ANNOUNCEMENTS) setTimer(state.timers, "announce", n + 1, state.nowMs + ANNOUNCEMENT_GAP_MS * n);
}

function suffix(election: ElectionState): string {
  return election.elected ? "" : " (provisional: no quorum)";
}

/** One line of the journal about the election, with what the checkers need. */
export function tell(state: NodeState, level: "info" | "warn", msg: string): void {
  const { role, claimTerm, elected, coordinator, term: seen } = state.election;
  journal(state, { kind: "election", level, msg, role, term: claimTerm, elected, coordinator, seen });
}
