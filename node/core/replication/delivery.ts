/**
 * Causal broadcast of debits: a record is delivered once, after all records that its payer had delivered before making it.
 *
 * Idea: Birman, Schiper, Stephenson 1991, with two changes. The clock counts debits only, and what can't be delivered yet is held in
 * a bounded buffer from which anything may be dropped, since every record can be fetched again (repair.ts). Durable before visible:
 * nothing is acknowledged, announced or logged before the write that it stands for is on disk.
 */

import type { NodeId } from "../../wire/ids.ts";
import type { MessageOf, TradeRecord } from "../../wire/message.ts";
import { fieldsOf } from "../causal/broadcast.ts";
import { noteCause } from "../causal/causes.ts";
import { narrowGap, noteMissing } from "../causal/gaps.ts";
import { addHeld, heldHeads, removeHeld } from "../causal/holdback.ts";
import { count, journal, persist, unicast } from "../kernel/outbox.ts";
import { isRestoring } from "../kernel/phase.ts";
import type { Row } from "../kernel/rows.ts";
import { deliverable, entry } from "../kernel/vector-clock.ts";
import { recordAt } from "../ledger/account.ts";
import { accountOf, applyRecord, balanceOf, faultOf, isFence, persistLedger, recordHash } from "../ledger/ledger.ts";
import type { Account } from "../ledger/ledger-state.ts";
import { detailsOf } from "../ledger/testimony.ts";
import { namesItsParties } from "../ledger/trade-id.ts";
import {
  askForFence,
  becomeFencedOff,
  closePromise,
  isFenceAhead,
  isFencedOff,
  isLaterFence,
  isOutdated,
  noteLost,
} from "../recovery/fence.ts";
import type { NodeState } from "../state.ts";
import { closeCredited, intentRowOf, type PendingTrade, takeCredited } from "../trading/trade-table.ts";
import { restsOnDiverged, showHash } from "./divergence.ts";
import { raiseConflict, raiseDivergence, raiseEquivocation } from "./equivocation.ts";

export function onTradeConfirm(state: NodeState, message: MessageOf<"TRADE_CONFIRM">): void {
  const { success: _, ...fields } = message.payload;
  const deps = fields.deps.size > 0 ? fields.deps : (message.vector_clock ?? fields.deps);
  receiveRecords(state, [{ ...fields, deps }], message.sender_id);
}

interface Batch {
  readonly records: TradeRecord[];
  readonly credited: PendingTrade[];
  readonly rows: Row[];
  /** Balance of this node before each credit to it, by position in `records`. */
  readonly balancesBefore: number[];
  /** For checkers: what there is to say of each record beyond itself, by position in `records`. */
  readonly details: Readonly<Record<string, unknown>>[];
}

function createBatch(): Batch {
  return { records: [], credited: [], rows: [], balancesBefore: [], details: [] };
}

/** Takes records that `via` sent, in any order: delivers those that it can, holds the rest, and makes all of them durable in one write. */
export function receiveRecords(state: NodeState, records: readonly TradeRecord[], via: NodeId): void {
  if (state.phase === "HALTED") {
    count(state, "dropped_halted");
    return;
  }
  // LEAVE said which records this node has: others would never know of more.
  if ((state.leaving?.announced ?? 0) > 0) return;
  const batch = createBatch();
  for (const record of records) receiveOne(state, batch, record, via);
  if (batch.records.length > 0) flush(state, batch);
}

/** Accounts came in: held records may have waited for them. */
export function drainHeld(state: NodeState): void {
  if (state.phase === "HALTED") return;
  const batch = createBatch();
  drain(state, batch);
  if (batch.records.length > 0) flush(state, batch);
}

function receiveOne(state: NodeState, batch: Batch, record: TradeRecord, via: NodeId): void {
  const { seller_id: origin, seq } = record;
  if (isFence(record) !== (record.amount === 0) || record.deps.get(origin) !== seq || !namesItsParties(record)) {
    count(state, "records_malformed");
    journal(state, {
      kind: "drop",
      level: "warn",
      msg: `Record ${origin}/${seq} is malformed`,
      id: record.trade_id,
      from: origin,
    });
    return;
  }
  if (seq <= entry(state.ledger.clock, origin)) {
    if (state.rules.duplicateDetection) onDuplicate(state, record);
    else applyAgain(state, record);
    return;
  }
  if (origin === state.self.id && !isRestoring(state)) {
    if (isOutdated(state, via, origin)) {
      noteLost(state, record);
      return;
    }
    raiseConflict(
      state,
      record,
      "is an own debit that this node never made: its disk was lost or its id is used twice",
    );
    return;
  }
  if (isDeliverable(state, record)) {
    const wasHeld = state.causal.holdback.get(origin)?.has(seq) ?? false;
    if (deliver(state, batch, record, wasHeld)) drain(state, batch);
    return;
  }
  const held = state.causal.holdback.get(origin)?.get(seq);
  if (held?.trade_id === record.trade_id) {
    count(state, "duplicates");
    return;
  }
  // Two under one number: one of them is of a disk that was lost. The chain decides when they can be delivered; a fence settles it now.
  if (held !== undefined && isFence(held)) return;
  if (held !== undefined) removeHeld(state, origin, seq);
  if (!addHeld(state, record)) return;
  journal(state, { kind: "hold", level: "info", msg: "Buffering message for causal delivery", ...fieldsOf(record) });
  noteMissing(state, record, via);
  // It tells which of the debits that a promise holds back count.
  if (isFence(record)) drain(state, batch);
}

/** In the simulator only, without the rule `duplicateDetection`: a copy is applied like the first one. */
function applyAgain(state: NodeState, record: TradeRecord): void {
  applyRecord(state.ledger, record);
  journal(state, {
    kind: "deliver",
    level: "debug",
    msg: "Delivered again",
    ...fieldsOf(record),
    ...detailsOf(state, record),
  });
}

function isDeliverable(state: NodeState, record: TradeRecord): boolean {
  const { accounts, clock } = state.ledger;
  if (!accounts.has(record.seller_id) || !accounts.has(record.buyer_id) || isFencedOff(state, record)) return false;
  const causes = state.rules.causalDelivery ? record.deps : new Map();
  return deliverable(clock, record.seller_id, record.seq, causes);
}

function isSameRecord(a: TradeRecord, b: TradeRecord): boolean {
  return (
    a.trade_id === b.trade_id &&
    a.prev_hash === b.prev_hash &&
    a.amount === b.amount &&
    a.buyer_id === b.buyer_id &&
    a.request_id === b.request_id &&
    a.deps.size === b.deps.size &&
    [...a.deps].every(([id, seq]) => b.deps.get(id) === seq)
  );
}

/** The same record again is normal; another record under the same number is a broken promise of its owner. */
function onDuplicate(state: NodeState, record: TradeRecord): void {
  const { seller_id: origin, seq } = record;
  if (contradicts(accountOf(state, origin), record)) {
    const { fencedAt = 0 } = accountOf(state, origin) ?? {};
    const isOutlived = fencedAt > 0 && seq >= fencedAt && !isFenceAhead(state, origin);
    if (isFence(record) && isLaterFence(state, record)) becomeFencedOff(state, origin, seq);
    else if (isFence(record) || isOutlived) noteLost(state, record);
    // It is one of the lost disk's, and the fence will decide.
    else if (origin === state.self.id && isRestoring(state)) noteLost(state, record);
    else if (origin === state.self.id) raiseConflict(state, record, "differs from the own record of that number");
    else raiseEquivocation(state, record);
    return;
  }
  count(state, "duplicates");
  if (state.config.isDetailed) {
    const msg = `Duplicate of trade ${record.trade_id} ignored`;
    journal(state, { kind: "duplicate", level: "debug", msg, ...fieldsOf(record) });
  }
  if (record.buyer_id !== state.self.id) return;
  // It came in a snapshot, which says how much was paid and not for which trade. The store has to know the trade and its request.
  const credited = takeCredited(state, record);
  if (credited !== null) {
    const writeId = persist(state, [{ table: "record", record }, intentRowOf(credited, true)]);
    closeCredited(state, credited, writeId);
  }
  if (entry(state.ledger.durable, origin) >= seq) unicast(state, origin, "ACK", { origin, seq });
}

/** Of compacted debits the last one's hash is known, and that behind the last fence among them there is no other. */
function contradicts(account: Account | undefined, record: TradeRecord): boolean {
  if (account === undefined) return true;
  const known = recordAt(account, record.seq);
  if (known !== undefined) return !isSameRecord(known, record);
  if (isFence(record) && record.seq > account.base.fenced) return true;
  return record.seq === account.base.seq && recordHash(record) !== account.base.hash;
}

/** False: the record contradicts its log and is thrown away. */
function deliver(state: NodeState, batch: Batch, record: TradeRecord, wasHeld: boolean): boolean {
  const held = state.causal.holdback.get(record.seller_id)?.get(record.seq);
  if (held !== undefined && held.trade_id !== record.trade_id && isFence(record)) noteLost(state, held);
  removeHeld(state, record.seller_id, record.seq);
  const fault = faultOf(state.ledger, record);
  if (fault !== null) {
    onFault(state, record, fault);
    return false;
  }
  if (wasHeld) {
    journal(state, {
      kind: "hold",
      level: "info",
      msg: `Delivering buffered message from Node ${record.seller_id}`,
      released: true,
      ...fieldsOf(record),
    });
  }
  batch.balancesBefore.push(balanceOf(state, record.buyer_id));
  applyRecord(state.ledger, record);
  batch.details.push(detailsOf(state, record));
  noteCause(state, record);
  narrowGap(state, record.seller_id);
  batch.records.push(record);
  if (isFence(record)) batch.rows.push(...closePromise(state, record));
  const credited = record.buyer_id === state.self.id ? takeCredited(state, record) : null;
  if (credited !== null) {
    batch.credited.push(credited);
    batch.rows.push(intentRowOf(credited, true));
  }
  return true;
}

function onFault(state: NodeState, record: TradeRecord, fault: string): void {
  const { seller_id: origin } = record;
  const { fencedAt = 0 } = accountOf(state, origin) ?? {};
  const divergedAt = state.causal.diverged.get(origin);
  if (fault === "chain" && (isFence(record) ? divergedAt !== undefined : leadsToFence(state, record))) {
    // Of the two logs the owner goes on with the other one.
    becomeFencedOff(state, origin, divergedAt ?? record.seq - 1);
    return;
  }
  if (fault === "chain" && origin === state.self.id) {
    raiseConflict(
      state,
      record,
      "doesn't follow from the log that this node got back: other nodes have two logs of it",
    );
    return;
  }
  if (fault === "chain" && fencedAt === 0) showHash(state, origin, record.seq - 1);
  const cause = restsOnDiverged(state, record);
  if (cause !== null) {
    raiseDivergence(state, record, cause);
    return;
  }
  if (fault !== "chain" || fencedAt === 0 || isFenceAhead(state, origin)) {
    raiseEquivocation(state, record, fault);
    return;
  }
  noteLost(state, record);
  // Or ours is the lost one, should its owner have another fence under that number.
  if (origin !== state.self.id) askForFence(state, origin, fencedAt, origin);
}

/** The held debits behind this one follow from it, up to a fence: so goes the log with which its owner came back. */
function leadsToFence(state: NodeState, record: TradeRecord): boolean {
  const queue = state.causal.holdback.get(record.seller_id);
  for (let last = record; ; ) {
    const next = queue?.get(last.seq + 1);
    if (next === undefined || next.prev_hash !== recordHash(last)) return false;
    if (isFence(next)) return true;
    last = next;
  }
}

function drain(state: NodeState, batch: Batch): void {
  for (let progress = state.causal.held > 0; progress && state.causal.held > 0; ) {
    progress = false;
    for (const record of heldHeads(state)) {
      if (isDeliverable(state, record) && deliver(state, batch, record, true)) progress = true;
    }
  }
}

/** One write for all that was delivered in this step, and behind it everything that others may see of it. */
function flush(state: NodeState, batch: Batch): void {
  const writeId = persistLedger(state, { accounts: [], records: batch.records }, batch.rows);
  const acks = new Map<NodeId, number>();
  batch.records.forEach((record, index) => {
    const mine = record.buyer_id === state.self.id && !isFence(record);
    if (mine) acks.set(record.seller_id, record.seq);
    if (!mine && !state.config.isDetailed) return;
    const before = batch.balancesBefore[index] as number;
    const { amount, seller_id, buyer_id } = record;
    const msg = mine
      ? `BUY ${amount} credits from Node ${seller_id} [${before} -> ${before + amount}]`
      : isFence(record)
        ? `Node ${seller_id} lost its disk: its log goes on after debit ${record.seq - 1}`
        : `Delivered trade of ${amount} credits from Node ${seller_id} to Node ${buyer_id}`;
    const balance = mine ? { balance: before + amount } : {};
    const fields = { ...fieldsOf(record), ...balance, ...batch.details[index] };
    journal(state, { kind: "deliver", level: mine ? "info" : "debug", msg, ...fields }, writeId);
  });
  // An acknowledgement covers all earlier debits of that payer: one for each payer is enough.
  for (const [origin, seq] of acks) unicast(state, origin, "ACK", { origin, seq }, { afterWrite: writeId });
  for (const trade of batch.credited) closeCredited(state, trade, writeId);
}
