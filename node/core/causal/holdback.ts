/**
 * The hold-back queue: records that came before their causes. Bounded per origin and in all; on overflow the record that is furthest
 * ahead goes first. Dropping is always safe, because a dropped record is fetched again when the digest or a later record names it.
 */
import type { NodeId } from "../../wire/ids.ts";
import type { TradeRecord } from "../../wire/message.ts";
import { count } from "../kernel/outbox.ts";
import { entry } from "../kernel/vector-clock.ts";
import type { NodeState } from "../state.ts";

export const HELD_PER_ORIGIN_MAX = 256;
export const HELD_MAX = 4_096;

/** Keeps a record for later. False: there was no room for it. */
export function addHeld(state: NodeState, record: TradeRecord): boolean {
  const { causal } = state;
  const queue = causal.holdback.get(record.seller_id) ?? new Map<number, TradeRecord>();
  causal.holdback.set(record.seller_id, queue);
  queue.set(record.seq, record);
  causal.held += 1;
  if (queue.size > HELD_PER_ORIGIN_MAX && state.rules.holdbackBound) dropHighest(state, record.seller_id);
  else if (causal.held > HELD_MAX && state.rules.holdbackBound) dropHighest(state, fullestOrigin(state));
  return causal.holdback.get(record.seller_id)?.has(record.seq) ?? false;
}

export function removeHeld(state: NodeState, origin: NodeId, seq: number): void {
  const queue = state.causal.holdback.get(origin);
  if (queue === undefined || !queue.delete(seq)) return;
  state.causal.held -= 1;
  if (queue.size === 0) state.causal.holdback.delete(origin);
}

/** The next record of each origin, where it is held; origins ascending. */
export function heldHeads(state: NodeState): TradeRecord[] {
  const heads: TradeRecord[] = [];
  for (const origin of [...state.causal.holdback.keys()].sort((a, b) => a - b)) {
    const head = state.causal.holdback.get(origin)?.get(entry(state.ledger.clock, origin) + 1);
    if (head !== undefined) heads.push(head);
  }
  return heads;
}

function dropHighest(state: NodeState, origin: NodeId): void {
  let highest = 0;
  for (const seq of state.causal.holdback.get(origin)?.keys() ?? []) highest = Math.max(highest, seq);
  count(state, "holdback_overflow");
  removeHeld(state, origin, highest);
}

function fullestOrigin(state: NodeState): NodeId {
  let fullest = 0;
  let size = 0;
  for (const [origin, queue] of state.causal.holdback) {
    if (queue.size > size || (queue.size === size && origin < fullest)) {
      fullest = origin;
      size = queue.size;
    }
  }
  return fullest;
}
