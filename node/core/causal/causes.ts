/**
 * The causes of the next own record.
 *
 * Few accounts: the whole vector, as people read it. Many: the direct causes only, which are the delivered records since the last own
 * one that no other such record follows. A node that delivers those has, by induction, delivered everything behind them, and the own
 * number stands for the rest (its predecessor is a cause of the next). Source: Prakash, Raynal, Singhal 1997, direct dependencies.
 */
import { encodeClock } from "../../wire/clock.ts";
import type { NodeId } from "../../wire/ids.ts";
import type { TradeRecord } from "../../wire/message.ts";
import { count } from "../kernel/outbox.ts";
import { entry, sortedIds } from "../kernel/vector-clock.ts";
import type { NodeState } from "../state.ts";

export interface Cause {
  readonly seq: number;
  /** The record stands for a credit to this node: the money of the next debit may come from it. */
  readonly paysSelf: boolean;
}

/** Up to this many accounts a record carries the whole vector. */
export const FULL_VECTOR_MAX = 16;

/** Characters of a clock that always fit a record's datagram beside the longest names and numbers. */
export const CAUSES_CHARS_MAX = 600;

/** The vector of own record number `seq`, ids ascending. Null: the causes of its money alone are too many for one datagram. */
export function causesOfNext(state: NodeState, seq: number): Map<NodeId, number> | null {
  const { ledger, self } = state;
  const causes = new Map<NodeId, number>();
  if (ledger.clock.size <= FULL_VECTOR_MAX) {
    for (const id of sortedIds(ledger.clock)) causes.set(id, id === self.id ? seq : entry(ledger.clock, id));
    return causes;
  }
  const frontier = new Map(frontierOf(state));
  frontier.set(self.id, { seq, paysSelf: true });
  for (const id of sortedClock(frontier)) causes.set(id, (frontier.get(id) as Cause).seq);
  return encodeClock(causes).length <= CAUSES_CHARS_MAX ? causes : shorten(state, frontier);
}

/** A record was delivered: it replaces the causes that it follows itself. */
export function noteCause(state: NodeState, record: TradeRecord): void {
  if (state.causal.frontier !== null) extend(state.causal.frontier, record, state.self.id);
}

/** The own record that was just made stands for everything before it. */
export function forgetCauses(state: NodeState): void {
  state.causal.frontier = new Map();
}

function extend(frontier: Map<NodeId, Cause>, record: TradeRecord, self: NodeId): void {
  let paysSelf = record.buyer_id === self;
  for (const [id, seq] of record.deps) {
    const cause = frontier.get(id);
    if (cause === undefined || cause.seq > seq) continue;
    paysSelf ||= cause.paysSelf;
    frontier.delete(id);
  }
  frontier.set(record.seller_id, { seq: record.seq, paysSelf });
}

/** Another node's snapshot brought the debits of `id` up to `seq`: the next own record follows them all. */
export function noteTaken(state: NodeState, id: NodeId, seq: number, paysSelf: boolean): void {
  frontierOf(state).set(id, { seq, paysSelf });
}

/** The direct causes of the next own record, but for its own predecessor. */
export function frontierOf(state: NodeState): Map<NodeId, Cause> {
  if (state.causal.frontier !== null) return state.causal.frontier;
  const { ledger, self } = state;
  const frontier = new Map<NodeId, Cause>();
  for (const [id, { base }] of ledger.accounts)
    if (base.cause !== "none") frontier.set(id, { seq: base.seq, paysSelf: base.cause === "money" });
  // The whole log, once a boot: an own record that was got back from others need not follow what is before it here.
  for (const record of ledger.log) extend(frontier, record, self.id);
  state.causal.frontier = frontier;
  return frontier;
}

/**
 * More than about 200 concurrent records since the last own one: keep those that the money depends on, so that no replica sees it
 * spent before it came; the others are left unordered. Waiting instead could stop all nodes at once, each for the others.
 */
function shorten(state: NodeState, frontier: ReadonlyMap<NodeId, Cause>): Map<NodeId, number> | null {
  const causes = new Map<NodeId, number>();
  for (const id of sortedClock(frontier)) {
    const cause = frontier.get(id) as Cause;
    if (cause.paysSelf) causes.set(id, cause.seq);
  }
  count(state, "causes_shortened");
  return encodeClock(causes).length <= CAUSES_CHARS_MAX ? causes : null;
}

function sortedClock(frontier: ReadonlyMap<NodeId, Cause>): NodeId[] {
  return [...frontier.keys()].sort((a, b) => a - b);
}
