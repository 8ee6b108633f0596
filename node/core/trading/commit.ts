/**
 * The payer's commit: the point at which a trade happens.
 */

import type { TradeRecord } from "../../wire/message.ts";
import { announce, append, fieldsOf } from "../causal/broadcast.ts";
import { journal, reply, unicast } from "../kernel/outbox.ts";
import type { Origin } from "../kernel/types.ts";
import { balanceOf } from "../ledger/ledger.ts";
import { detailsOf } from "../ledger/testimony.ts";
import type { NodeState } from "../state.ts";
import { addUnacked, outcomeResult, type PendingTrade } from "./trade-table.ts";

/** The trade happens here, in memory now and for good with the write; everything that others may know of it waits for that. */
export function commit(state: NodeState, trade: PendingTrade, requestId: string | null): TradeRecord | null {
  const before = balanceOf(state, state.self.id);
  const made = append(state, { tradeId: trade.tradeId, payee: trade.peer, amount: trade.amount, requestId });
  if (made === null) return null;
  const { record, writeId } = made;
  trade.seq = record.seq;
  trade.writeId = writeId;
  const after = before - trade.amount;
  trade.text = `SELL ${trade.amount} credits to Node ${trade.peer} [${before} -> ${after}] (trade_id=${trade.tradeId})`;
  announce(state, record, writeId);
  addUnacked(state, record);
  const fields = { ...fieldsOf(record), balance: after, outcome: "committed", ...detailsOf(state, record) };
  journal(state, { kind: "trade", level: "info", msg: trade.text, ...fields }, writeId);
  if (trade.requestId !== null && !trade.answered) {
    reply(state, trade.requestId, false, outcomeResult(state, trade.tradeId, "committed", trade.text), writeId);
  }
  return record;
}

export function respond(state: NodeState, to: Origin, tradeId: string, accepted: boolean, reason?: string): void {
  unicast(state, to.sender, "TRADE_RESPONSE", {
    trade_id: tradeId,
    accepted,
    ...(reason === undefined ? {} : { reason }),
  });
}

export const NO_CREDITS = "Insufficient credits";

export const STALE = "STALE";

export const EXPIRED = "EXPIRED";

/** The payer lost the disk that would know. */
export const FORGOTTEN = "FORGOTTEN";
