/**
 * Records by trade and by control request, so that neither is executed twice.
 *
 * Memory has those of the uncompacted log, the store has all of them for ever. A record that an input needs from the store comes with
 * the input (recall.ts).
 */
import type { NodeId } from "../../wire/ids.ts";
import type { TradeRecord } from "../../wire/message.ts";
import type { NodeState } from "../state.ts";
import type { LedgerState } from "./ledger-state.ts";

/** The record that executes a trade, from memory or from the running input. */
export function recordOfTrade(state: NodeState, tradeId: string): TradeRecord | undefined {
  const recalled = state.recalled?.trade_id === tradeId ? state.recalled : undefined;
  return state.ledger.byTrade.get(tradeId) ?? recalled;
}

/** The executed trade that node `initiator` made for a control request, in this or an earlier run. */
export function recordOfRequest(
  state: NodeState,
  requestId: string,
  initiator: NodeId = state.self.id,
): TradeRecord | undefined {
  const key = `${initiator}/${requestId}`;
  const recalled = state.recalled !== null && requestKey(state.recalled) === key ? state.recalled : undefined;
  return state.ledger.byRequest.get(key) ?? recalled;
}

export function rememberRecord(ledger: LedgerState, record: TradeRecord): void {
  ledger.byTrade.set(record.trade_id, record);
  const request = requestKey(record);
  if (request !== null) ledger.byRequest.set(request, record);
}

export function forgetRecord(ledger: LedgerState, record: TradeRecord): void {
  ledger.byTrade.delete(record.trade_id);
  const request = requestKey(record);
  if (request !== null) ledger.byRequest.delete(request);
}

/** A trade's name begins with the node that asked for it. */
export function initiatorOf(record: TradeRecord): NodeId {
  const initiator = Number.parseInt(record.trade_id, 10);
  return Number.isNaN(initiator) ? record.seller_id : initiator;
}

/** Request ids are unique per node that was asked, which is the first number of the trade id. */
function requestKey(record: TradeRecord): string | null {
  if (record.request_id === undefined) return null;
  return `${record.trade_id.slice(0, record.trade_id.indexOf("-"))}/${record.request_id}`;
}
