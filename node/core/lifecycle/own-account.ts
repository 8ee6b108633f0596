/**
 * The node's own account: minting it once, getting it back, having it confirmed, and what to do when two exist.
 *
 * Money is never minted on a guess: a fresh account needs witnesses (recovery/witnesses.ts), first that nobody knows an older one, then that
 * have it on their disks. Without voters it stays unconfirmed until another node has taken note of it. A lost store gets the old account
 * back, never new credits.
 */

import type { NodeId } from "../../wire/ids.ts";
import type { Genesis } from "../../wire/message.ts";
import { isVoter, majorityOfOthers, voteRow } from "../election/roles.ts";
import { journal, persist } from "../kernel/outbox.ts";
import { becomeConflict } from "../kernel/phase.ts";
import { hasTimer, setTimer, takeTurn } from "../kernel/timers.ts";
import type { Origin } from "../kernel/types.ts";
import { entry } from "../kernel/vector-clock.ts";
import { accountOf, adoptAccount, durableClock, ledgerHash, mintAccount } from "../ledger/ledger.ts";
import { sendJoin } from "../membership/introduction.ts";
import { durableAt, isLive } from "../membership/members.ts";
import { awaitedText } from "../recovery/awaited.ts";
import { awaitedWitnesses, isUnknownToWitnesses, noteWitness } from "../recovery/witnesses.ts";
import type { NodeState } from "../state.ts";

export function mayMint(state: NodeState): boolean {
  const { join } = state;
  if (majorityOfOthers(state) > 0 && state.rules.majorityMint) return isUnknownToWitnesses(state);
  // Where no voter has to be asked, every node that is there is.
  return !join.discovering && [...join.answers.values()].every(({ accountKnown }) => !accountKnown);
}

export function mint(state: NodeState): void {
  const { join, config } = state;
  const hasVoters = config.voters.length > 0;
  const isSure = !state.rules.majorityMint || majorityOfOthers(state) === 0 || join.lossAccepted;
  join.confirmed = hasVoters ? isSure : join.answers.size > 0;
  // An older disk may have voted.
  if (join.lossAccepted) abstain(state);
  join.mintWriteId = mintAccount(state, [
    ...(join.confirmed || !hasVoters ? [] : [{ table: "own", standing: "unconfirmed" } as const]),
    ...(state.election.abstaining ? [voteRow(state)] : []),
  ]);
  const note = join.confirmed ? describeRisk(state) : ", unconfirmed until other nodes have taken note of it";
  const msg = `New account with ${config.initialCredits} credits${note}`;
  const level = join.confirmed && note !== "" ? "warn" : "info";
  journal(state, { kind: "state", level, msg, balance: config.initialCredits });
}

function abstain(state: NodeState): void {
  state.election.abstaining = isVoter(state, state.self.id) && state.rules.voterAbstains;
}

/** Of a sole voter that others should be there beside, and nobody answered. */
function describeRisk({ config, join, self }: NodeState): string {
  const isAlone = [...config.expected, ...config.peers.keys()].every((id) => id === self.id);
  if (isAlone || join.answers.size > 0) return "";
  return `. Nobody answered who could know an older one: if Node ${self.id} had one, stop it now, move its data directory away (keep it), and start it again while the others run`;
}

/** Another node says what it knows of our account. */
export function compareAccounts(state: NodeState, known: Genesis | null, from: NodeId): void {
  const own = accountOf(state, state.self.id);
  if (known === null || known.id !== state.self.id) return;
  if (own === undefined) {
    state.join.lostDisk = true;
    abstain(state);
    adoptAccount(state, known, [{ table: "own", standing: "lost" }, voteRow(state)]);
    const msg = `The account of Node ${state.self.id} is known to others and this store was empty: getting it back`;
    journal(state, { kind: "state", level: "warn", msg });
  } else if (own.genesis.nonce === known.nonce) {
    if (noteWitness(state, from)) confirm(state);
  }
  // Armed once: every further answer would put the decision off.
  else if (!hasTimer(state.timers, "join-conflict", ""))
    setTimer(state.timers, "join-conflict", "", state.nowMs + state.config.timing.discoveryMs);
}

/** The account may be used. A crash before this is on disk costs the witnesses one more answer. */
export function confirm(state: NodeState): void {
  const { join, config } = state;
  if (join.confirmed) return;
  join.confirmed = true;
  if (config.voters.length > 0 && !join.lostDisk) persist(state, [{ table: "own", standing: "whole" }]);
}

/**
 * A peer with an equal ledger knows this node's account; any other peer may know it and is asked. While we have no account, a peer that
 * speaks and has not been asked is asked at once: JOIN by itself backs off to 8 s.
 */
export function seekConfirmation(state: NodeState, from: Origin, hash: string): void {
  const { join, self } = state;
  const isMinted = accountOf(state, self.id) !== undefined;
  const isOpen = isMinted ? durableClock(state).has(self.id) : !join.answers.has(from.sender);
  if (join.confirmed || !isOpen) return;
  if (isMinted && hash === ledgerHash(state)) {
    if (noteWitness(state, from.sender)) confirm(state);
  } else if (takeTurn(state, "greeted", from.sender, state.config.timing.probeIntervalMs)) sendJoin(state, from.sender);
}

/** Says once for whom a node without a usable account waits. */
export function tellAwaited(state: NodeState): void {
  const text = awaitedText(awaitedWitnesses(state));
  if (text === "" || text === state.join.told) return;
  state.join.told = text;
  const { id } = state.self;
  const msg = `The account of Node ${id} isn't confirmed: it ${text}. It neither pays nor votes before. To go on without them: recover --accept-loss at Node ${id}`;
  journal(state, { kind: "state", level: "warn", msg });
}

/** Two accounts under our id: the nonce that more members know wins, ties go to the smaller one. */
export function settleAccountConflict(state: NodeState): void {
  const own = accountOf(state, state.self.id)?.genesis.nonce;
  if (own === undefined) return;
  const counts = new Map<string, number>();
  for (const nonce of [own, ...nonceByPeer(state, own).values()]) counts.set(nonce, (counts.get(nonce) ?? 0) + 1);
  const [winner] = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))[0] ?? [own];
  const { id } = state.self;
  if (winner === own) {
    const msg = `Some nodes know another account of Node ${id}; most know this one`;
    journal(state, { kind: "state", level: "error", msg });
    return;
  }
  becomeConflict(
    state,
    `CONFLICT: most nodes know another account of Node ${id}; this process stops taking part. To bring it back: stop it, move its data directory away (keep it), start it again`,
  );
}

/** Which account of this node the others know: by what they answered, or by their ledger, which is equal to this one now. */
function nonceByPeer(state: NodeState, own: string): Map<NodeId, string> {
  const known = new Map<NodeId, string>();
  for (const [id, { account }] of state.join.answers) if (account !== null) known.set(id, account.nonce);
  const hash = ledgerHash(state);
  for (const member of state.members.values())
    if (isLive(member) && member.ledgerHash === hash) known.set(member.id, own);
  return known;
}

/** A payee may be the only node that knows a debit: a lost log is complete when every live member's vector is covered. */
export function hasAskedEverybody(state: NodeState): boolean {
  const own = entry(durableClock(state), state.self.id);
  for (const member of state.members.values()) {
    if (!isLive(member)) continue;
    if (member.ledgerHash === null || durableAt(member, state.self.id) > own) return false;
  }
  return true;
}
