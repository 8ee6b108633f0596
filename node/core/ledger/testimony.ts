/**
 * Lines of level debug for those who judge a run by its journal alone: all balances, each account that the node learns of, each vote.
 *
 * Idea: a replica is a fold over its deliveries, so a checker that repeats the fold finds any other change of the books, given where it
 * began (after a boot, a snapshot) and a second opinion now and then. Nobody but checkers reads this; unless the configuration asks for
 * details nothing of it is built.
 */
import type { NodeId } from "../../wire/ids.ts";
import type { TradeRecord } from "../../wire/message.ts";
import { journal } from "../kernel/outbox.ts";
import { clockObject } from "../kernel/vector-clock.ts";
import type { NodeState } from "../state.ts";
import { balanceOf, conservation, ledgerHash } from "./ledger.ts";

/** Why balances are journalled: `boot` begins a life, `snapshot` moves the vector without deliveries, the others confirm the fold. */
export type Occasion = "boot" | "snapshot" | "compaction" | "ready" | "left";

/**
 * The whole replica: vector, balances, and what all accounts began with. It waits for the last write, so that it stands in the journal
 * behind the line of each delivery that is in it.
 */
export function tellBooks(state: NodeState, occasion: Occasion, fields: Readonly<Record<string, unknown>> = {}): void {
  // After a failed write memory is ahead of what counts.
  if (!state.config.isDetailed || state.phase === "HALTED") return;
  const { accounts, clock } = state.ledger;
  const balances: Record<string, number> = {};
  for (const [id, { balance }] of accounts) balances[id] = balance;
  const msg = `Books (${occasion}): ${accounts.size} accounts, ${conservation(state).balances} credits`;
  const books = { books: occasion, vc: clockObject(clock), balances, issued: conservation(state).initials };
  journal(state, { kind: "state", level: "debug", msg, ...books, ...fields }, state.nextWriteId - 1);
}

/** The first line of a life: the ledger that the disk gave back, and the timing of this node. */
export function tellBoot(state: NodeState): void {
  if (!state.config.isDetailed) return;
  const { term, votedFor } = state.election;
  const { heartbeatMs, heartbeatTimeoutMs, electionTimeoutMs, probeIntervalMs } = state.config.timing;
  tellBooks(state, "boot", {
    boot: state.self.bootId,
    durable: state.config.durable,
    ledger_hash: ledgerHash(state),
    seen: term,
    voted_for: votedFor,
    timing: { heartbeatMs, heartbeatTimeoutMs, electionTimeoutMs, probeIntervalMs },
  });
}

/** A vote is on disk and counts from now on. */
export function tellVote(state: NodeState, candidate: NodeId, term: number): void {
  if (!state.config.isDetailed) return;
  const msg = `Voted for Node ${candidate} in term ${term}`;
  journal(state, {
    kind: "election",
    level: "debug",
    msg,
    vote: candidate,
    vote_term: term,
    seen: state.election.term,
  });
}

/** Details of a record that was just applied: both balances, and the control request that it executes. */
export function detailsOf(state: NodeState, record: TradeRecord): Readonly<Record<string, unknown>> {
  if (!state.config.isDetailed) return {};
  const balances = { from_balance: balanceOf(state, record.seller_id), to_balance: balanceOf(state, record.buyer_id) };
  return record.request_id === undefined ? balances : { ...balances, request: record.request_id };
}
