/**
 * The node's own account: minting it once, getting it back, having it confirmed, and what to do when two exist.
 *
 * Money is never minted on a guess: a fresh account needs a majority of the voters that don't know one, or, without voters,
 * stays unconfirmed until another node has taken note of it. A lost store gets the old account back, never new credits.
 */

import type { Genesis } from "../../wire/message.ts";
import { isVoter, majority, voteRow } from "../election/roles.ts";
import { journal } from "../kernel/outbox.ts";
import { becomeConflict } from "../kernel/phase.ts";
import { hasTimer, setTimer, takeTurn } from "../kernel/timers.ts";
import type { Origin } from "../kernel/types.ts";
import { entry } from "../kernel/vector-clock.ts";
import { accountOf, adoptAccount, durableClock, ledgerHash, mintAccount } from "../ledger/ledger.ts";
import { sendJoin } from "../membership/introduction.ts";
import { durableAt, isLive } from "../membership/members.ts";
import type { NodeState } from "../state.ts";

export function mayMint(state: NodeState): boolean {
  const { join, config, self } = state;
  let unknownToVoters = isVoter(state, self.id) ? 1 : 0;
  for (const [id, { accountKnown }] of join.answers) {
    if (accountKnown) return false;
    if (isVoter(state, id)) unknownToVoters += 1;
  }
  if (!state.rules.majorityMint) return !join.discovering;
  return config.voters.length > 0 ? unknownToVoters >= majority(state) : !join.discovering;
}

export function mint(state: NodeState): void {
  const { join, config } = state;
  join.mintWriteId = mintAccount(state);
  join.confirmed = config.voters.length > 0 || join.answers.size > 0;
  const note = join.confirmed ? "" : ", unconfirmed until another node has taken note of it";
  const msg = `New account with ${config.initialCredits} credits${note}`;
  journal(state, { kind: "state", level: "info", msg, balance: config.initialCredits });
}

/** Another node says what it knows of our account. */
export function compareAccounts(state: NodeState, known: Genesis | null): void {
  const own = accountOf(state, state.self.id);
  if (known === null || known.id !== state.self.id) return;
  if (own === undefined) {
    state.join.lostDisk = true;
    state.election.abstaining = isVoter(state, state.self.id) && state.rules.voterAbstains;
    adoptAccount(state, known, [{ table: "fence", account: known.id, at: 0 }, voteRow(state)]);
    const msg = `The account of Node ${state.self.id} is known to others and this store was empty: getting it back`;
    journal(state, { kind: "state", level: "warn", msg });
  } else if (own.genesis.nonce === known.nonce) state.join.confirmed = true;
  // Armed once: every further answer would put the decision off.
  else if (!hasTimer(state.timers, "join-conflict", ""))
    setTimer(state.timers, "join-conflict", "", state.nowMs + state.config.timing.discoveryMs);
}

/**
 * A peer with an equal ledger knows this node's account; any other peer may know it and is asked (without voters). While we
 * have no account, a peer that speaks and has not been asked is asked at once: JOIN by itself backs off to 8 s.
 */
export function seekConfirmation(state: NodeState, from: Origin, hash: string): void {
  const { join } = state;
  const isMinted = accountOf(state, state.self.id) !== undefined;
  const isOpen = isMinted ? durableClock(state).has(state.self.id) : !join.answers.has(from.sender);
  if (join.confirmed || !isOpen) return;
  if (isMinted && hash === ledgerHash(state)) join.confirmed = true;
  else if (takeTurn(state, "greeted", from.sender, state.config.timing.probeIntervalMs)) sendJoin(state, from.sender);
}

/** Two accounts under our id: the nonce that more members know wins, ties go to the smaller one. */
export function settleAccountConflict(state: NodeState): void {
  const own = accountOf(state, state.self.id)?.genesis.nonce;
  if (own === undefined) return;
  const counts = new Map<string, number>([[own, 1]]);
  for (const { account } of state.join.answers.values())
    if (account !== null) counts.set(account.nonce, (counts.get(account.nonce) ?? 0) + 1);
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

/** A payee may be the only node that knows a debit: a lost log is complete when every live member's vector is covered. */
export function hasAskedEverybody(state: NodeState): boolean {
  const own = entry(durableClock(state), state.self.id);
  for (const member of state.members.values()) {
    if (!isLive(member)) continue;
    if (member.ledgerHash === null || durableAt(member, state.self.id) > own) return false;
  }
  return true;
}
