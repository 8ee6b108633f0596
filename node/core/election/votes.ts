/**
 * Votes: how a candidate wins a term, so that no term ever has two elected coordinators.
 *
 * Each voter gives one vote a term and makes it durable before it says so; a majority of the fixed voters wins. Source: Ongaro and
 * Ousterhout, Raft (2014), section 5.2, reduced to the vote; Bully's "I am higher" is a reason to refuse, which patience overrides.
 */
import { type NodeId, TERM_MAX } from "../../wire/ids.ts";
import type { MessageOf } from "../../wire/message.ts";
import { persist, unicast } from "../kernel/outbox.ts";
import { isNewcomer } from "../kernel/phase.ts";
import { drawBelow } from "../kernel/random.ts";
import { setTimer } from "../kernel/timers.ts";
import type { Origin } from "../kernel/types.ts";
import { tellVote } from "../ledger/testimony.ts";
import { TERM_STEP_FREE } from "../membership/plausible.ts";
import type { NodeState } from "../state.ts";
import { mayVote } from "./abstention.ts";
import { adoptTerm, compareClaims, weighClaim } from "./claims.ts";
import {
  becomeCoordinator,
  claimOf,
  endCandidacy,
  isVoter,
  liveVoters,
  majority,
  noteDefeat,
  tell,
  voteRow,
} from "./roles.ts";

/** From this patience on a candidate goes on without the higher ids, and they vote for it (asymmetric cuts would livelock Bully). */
export const PATIENCE_MAX = 2;
/** A round doubles with every failure, up to this many times. */
const DOUBLINGS_MAX = 5;

/** Stands in a new term; without voters, or without a majority of them in sight, claims provisionally instead. */
export function beginVote(state: NodeState): void {
  const { election, config, self } = state;
  const { candidacy } = election;
  if (candidacy === null) return;
  if (config.voters.length === 0) {
    adoptTerm(state, election.term + 1);
    becomeCoordinator(state, election.term, false);
    return;
  }
  // No term follows the last one; nobody gets there in an honest cluster's life (plausible.ts).
  if (liveVoters(state).length < majority(state) || election.term >= TERM_MAX) {
    claimProvisionally(state);
    return;
  }
  election.term += 1;
  election.votedFor = isVoter(state, self.id) && mayVote(state) ? self.id : null;
  candidacy.stage = "storing";
  candidacy.term = election.term;
  candidacy.writeId = persist(state, [voteRow(state)]);
}

/** The own ballot is durable: ask. A grant to another or a higher term has ended the candidacy meanwhile. */
function onOwnBallotStored(state: NodeState): void {
  const { election, self } = state;
  const { candidacy } = election;
  if (candidacy === null) return;
  candidacy.stage = "voting";
  candidacy.writeId = null;
  if (election.votedFor === self.id) candidacy.votes.push(self.id);
  const spanMs = roundMs(state);
  setTimer(state.timers, "candidacy", "", state.nowMs + spanMs);
  if (countVotes(state)) return;
  askForVotes(state);
  setTimer(state.timers, "vote-resend", "", state.nowMs + spanMs / 2);
}

export function askForVotes(state: NodeState): void {
  const { candidacy, patience } = state.election;
  if (candidacy?.stage !== "voting") return;
  for (const id of state.config.voters) {
    if (id === state.self.id || candidacy.answers.includes(id)) continue;
    unicast(state, id, "ELECTION", { kind: "vote", term: candidacy.term, patience });
  }
}

export function onVote(state: NodeState, message: MessageOf<"OK">, from: Origin): void {
  const { granted, round_term, seen_term, coordinator_id, term, elected } = message.payload;
  const { election } = state;
  const { candidacy } = election;
  if (!granted) adoptTerm(state, seen_term);
  if (candidacy === null || candidacy !== election.candidacy || candidacy.stage !== "voting") return;
  if (!isVoter(state, from.sender) || round_term !== candidacy.term) return;
  if (!candidacy.answers.includes(from.sender)) candidacy.answers.push(from.sender);
  if (granted && !candidacy.votes.includes(from.sender)) candidacy.votes.push(from.sender);
  if (elected && coordinator_id !== null && coordinator_id !== state.self.id)
    candidacy.named = { coordinator_id, term, elected };
  countVotes(state);
}

function countVotes(state: NodeState): boolean {
  const { candidacy } = state.election;
  if (candidacy === null || candidacy.votes.length < majority(state)) return false;
  becomeCoordinator(state, candidacy.term, true);
  return true;
}

/** No majority in this round: follow a live elected coordinator that a voter named, else claim provisionally. */
export function loseRound(state: NodeState): void {
  const { election } = state;
  const named = election.candidacy?.named ?? null;
  tell(state, "info", `No majority in term ${election.candidacy?.term ?? election.term}`);
  election.failures += 1;
  if (election.candidacy?.preempts === true && canBeWon(state)) noteDefeat(state);
  election.patience = 0;
  election.quietUntilMs = state.nowMs + retryDelayMs(state);
  if (named !== null) {
    endCandidacy(state);
    weighClaim(state, named, state.self.id);
    if (election.coordinator === named.coordinator_id) return;
  }
  claimProvisionally(state);
}

/** Voters that wait for witnesses of their accounts don't vote: a round that needs them is no defeat. */
function canBeWon(state: NodeState): boolean {
  const waits = (id: NodeId) => ["JOINING", "SYNCING"].includes(state.members.get(id)?.phase ?? "");
  return liveVoters(state).filter((id) => !waits(id)).length >= majority(state);
}

/** Leads under the highest known term, unless that would be a lesser claim than the one that we follow. */
function claimProvisionally(state: NodeState): void {
  const { election, self } = state;
  const claim = { coordinator_id: self.id, term: election.term, elected: false };
  if (election.coordinator !== null && election.coordinator !== self.id && compareClaims(claimOf(state), claim) > 0)
    endCandidacy(state);
  else becomeCoordinator(state, election.term, false);
}

/** One round: three round trips to a majority, doubled with each failure, with jitter. */
export function roundMs(state: NodeState): number {
  const { voteRoundMinMs, electionTimeoutMs } = state.config.timing;
  const trips = state.config.voters.map((id) => state.members.get(id)?.srttMs ?? 0).sort((a, b) => a - b);
  const tripMs = trips[majority(state) - 1] ?? 0;
  let spanMs = Math.max(voteRoundMinMs, 3 * tripMs);
  for (let i = 0; i < Math.min(state.election.failures, DOUBLINGS_MAX); i++) spanMs *= 2;
  return Math.min(electionTimeoutMs, spanMs + drawBelow(state.random, Math.floor(spanMs / 4) + 1));
}

/** Wait before the next attempt: one round and as much again at random, so that two candidates part. */
export function retryDelayMs(state: NodeState): number {
  const spanMs = roundMs(state);
  return spanMs + drawBelow(state.random, Math.floor(spanMs) + 1);
}

/** ELECTION(kind=vote). True when this voter should stand itself (it is higher, and READY). */
export function onVoteRequest(state: NodeState, message: MessageOf<"ELECTION">, from: Origin): boolean {
  const { term, patience } = message.payload;
  const { election, self } = state;
  if (!isVoter(state, self.id)) return false;
  if (isNewcomer(state) && state.rules.voterAbstains) {
    election.early = { message, from };
    return false;
  }
  const isRepeat = term === election.term && election.votedFor === from.sender;
  const isPending = [...election.ballots.values()].some((b) => b.term === term && b.candidate === from.sender);
  if (isRepeat) {
    if (!isPending) answer(state, from.sender, true, term);
    return false;
  }
  if (term > election.term + TERM_STEP_FREE) {
    adoptTerm(state, term);
    if (term > election.term) {
      answer(state, from.sender, false, term);
      return false;
    }
  }
  const isPatient = patience < PATIENCE_MAX || !state.rules.patience;
  const isHigher = self.id > from.sender && state.phase === "READY" && isPatient;
  // A term that we only heard of is still ours to vote in: what counts is one vote in each.
  const isUnused = election.votedFor === null || !state.rules.oneVoteATerm;
  const isFree = term > election.term || (term === election.term && isUnused);
  if (!isFree || isHigher || !mayVote(state)) {
    adoptTerm(state, term);
    answer(state, from.sender, false, term);
    return isHigher;
  }
  endCandidacy(state);
  election.term = term;
  election.votedFor = from.sender;
  election.quietUntilMs = Math.max(election.quietUntilMs, state.nowMs + retryDelayMs(state));
  if (!state.rules.persistedVotes) {
    tellVote(state, from.sender, term);
    answer(state, from.sender, true, term);
    return false;
  }
  const writeId = persist(state, [voteRow(state)]);
  election.ballots.set(writeId, { term, candidate: from.sender });
  return false;
}

/** A write of ours completed: a vote that is on disk may be told, whatever has happened since. It is the only one of its term. */
export function onVoteStored(state: NodeState, writeId: number): void {
  const { election } = state;
  if (election.candidacy?.writeId === writeId) onOwnBallotStored(state);
  const ballot = election.ballots.get(writeId);
  if (ballot === undefined) return;
  election.ballots.delete(writeId);
  tellVote(state, ballot.candidate, ballot.term);
  answer(state, ballot.candidate, true, ballot.term);
}

function answer(state: NodeState, to: NodeId, granted: boolean, roundTerm: number): void {
  const asked = { candidate: to, round_term: roundTerm };
  unicast(state, to, "OK", { kind: "vote", granted, ...asked, seen_term: state.election.term, ...claimOf(state) });
}
