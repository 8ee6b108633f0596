/**
 * Abstention: a voter with a lost disk may have voted in any term that the others have seen, so it votes in later ones only.
 *
 * Its row `vote` says that it abstains, so that a restart doesn't make it forget, even if its fence was written long ago.
 */
import type { NodeId } from "../../wire/ids.ts";
import { persist } from "../kernel/outbox.ts";
import { isNewcomer } from "../kernel/phase.ts";
import { isHere } from "../membership/members.ts";
import type { NodeState } from "../state.ts";
import { adoptTerm } from "./claims.ts";
import { endCandidacy, isVoter, majorityOfOthers, tell, voteRow } from "./roles.ts";

/**
 * True when this voter knows in which terms it has voted: it votes, and vouches for the term that it has seen. A node on its way in doesn't:
 * its disk may be empty, or older than its last vote.
 */
export function mayVote(state: NodeState): boolean {
  if (!state.rules.voterAbstains) return true;
  return !isNewcomer(state) && !state.election.abstaining;
}

/**
 * True when this voter tells the term that it has seen. One that opened its account by a person's word does so although it abstains: several
 * such may begin a group.
 */
export function mayVouch(state: NodeState): boolean {
  return mayVote(state) || (!isNewcomer(state) && state.join.lossAccepted);
}

/**
 * A voter has told the highest term that it has seen. A strict majority of the other voters ends the abstention; after a person has accepted
 * what absent nodes may hold, those that are here.
 */
export function noteSeenTerm(state: NodeState, from: NodeId, seenTerm: number): void {
  const { election } = state;
  if (!election.abstaining || !isVoter(state, from)) return;
  adoptTerm(state, seenTerm);
  if (seenTerm > election.term || election.termsHeardFrom.includes(from)) return;
  election.termsHeardFrom.push(from);
  if (termsMissing(state) <= 0 || (state.join.lossAccepted && haveAllHereTold(state))) endAbstention(state);
}

function haveAllHereTold(state: NodeState): boolean {
  return awaitedTerms(state).every((id) => !isHere(state, id));
}

/** Also by order of a person, who knows that no voter that is away has elected anybody with a vote of this node. */
export function endAbstention(state: NodeState): void {
  const { election, self } = state;
  if (!election.abstaining) return;
  election.abstaining = false;
  // It may have voted in this term before: not even for itself, if it is standing right now.
  endCandidacy(state);
  election.votedFor = self.id;
  persist(state, [voteRow(state)]);
  tell(state, "info", `Voting again, in terms after ${election.term}`);
}

/** Voters whose terms an abstaining node still needs; empty: it votes. */
export function awaitedTerms(state: NodeState): NodeId[] {
  const { election, config, self } = state;
  if (!election.abstaining) return [];
  return config.voters.filter((id) => id !== self.id && !election.termsHeardFrom.includes(id));
}

function termsMissing(state: NodeState): number {
  return majorityOfOthers(state) - state.election.termsHeardFrom.length;
}

/** `abstains from votes until 1 more of Node 2, Node 3 has told its term`; empty: it votes. */
export function abstentionText(state: NodeState): string {
  const open = awaitedTerms(state).map((id) => `Node ${id}`);
  return open.length === 0
    ? ""
    : `abstains from votes until ${termsMissing(state)} of ${open.join(", ")} told the last term`;
}
