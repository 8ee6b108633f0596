/**
 * The sending half of the causal broadcast: an own debit is numbered, names its causes, and goes to all nodes once it is on disk.
 */

import { AMOUNT_MAX, type NodeId } from "../../wire/ids.ts";
import type { MessageOf, TradeRecord } from "../../wire/message.ts";
import { multicast, unicast } from "../kernel/outbox.ts";
import { clockObject, entry } from "../kernel/vector-clock.ts";
import { accountOf, applyRecord, assert, faultOf, persistLedger } from "../ledger/ledger.ts";
import type { NodeState } from "../state.ts";
import { causesOfNext, FULL_VECTOR_MAX, forgetCauses } from "./causes.ts";

export interface Debit {
  readonly tradeId: string;
  readonly payee: NodeId;
  readonly amount: number;
  readonly requestId: string | null;
}

/** Commits a debit of the own account: in memory now, for good when the returned write is durable. Null: it has too many causes. */
export function append(state: NodeState, debit: Debit): { record: TradeRecord; writeId: number } | null {
  const { self, ledger } = state;
  const account = accountOf(state, self.id);
  assert(account !== undefined && state.phase !== "HALTED", "a node without account or disk can't pay");
  assert(Number.isSafeInteger(debit.amount) && debit.amount >= 1 && debit.amount <= AMOUNT_MAX, "amount out of bounds");
  assert(debit.payee !== self.id, "a node can't pay itself");
  const seq = entry(ledger.clock, self.id) + 1;
  const deps = causesOfNext(state, seq);
  if (deps === null) return null;
  const record: TradeRecord = {
    trade_id: debit.tradeId,
    buyer_id: debit.payee,
    seller_id: self.id,
    amount: debit.amount,
    seq,
    deps,
    prev_hash: account.lastHash,
    ...(debit.requestId === null ? {} : { request_id: debit.requestId }),
  };
  const fault = faultOf(ledger, record);
  if (state.rules.reservation && state.rules.tradesOnce && state.rules.debitsAloneTick)
    assert(fault === null, `own debit ${seq}: ${fault}`);
  applyRecord(ledger, record);
  forgetCauses(state);
  return { record, writeId: persistLedger(state, { accounts: [], records: [record] }) };
}

/** Sends an own record to everybody, and to the payee once more, when its write is durable. */
export function announce(state: NodeState, record: TradeRecord, writeId: number): void {
  const payload = confirmPayload(record);
  const options = { clock: record.deps, afterWrite: writeId };
  multicast(state, "TRADE_CONFIRM", payload, options);
  // Without multicast the payee has just got a copy of its own.
  if (!state.config.fanOut) unicast(state, record.buyer_id, "TRADE_CONFIRM", payload, options);
}

/** The payload of a record; its vector travels in the frame, and here again while it is short. */
export function confirmPayload(record: TradeRecord): MessageOf<"TRADE_CONFIRM">["payload"] {
  return { success: true, ...record, deps: record.deps.size > FULL_VECTOR_MAX ? new Map() : record.deps };
}

/** The journal's fields of a record; `seq` alone is the number of the journal's line. */
export function fieldsOf(record: TradeRecord) {
  const { trade_id, seller_id, buyer_id, amount, seq, deps } = record;
  return {
    type: "TRADE_CONFIRM",
    id: trade_id,
    from: seller_id,
    to: buyer_id,
    amount,
    record_seq: seq,
    vc: clockObject(deps),
  };
}
