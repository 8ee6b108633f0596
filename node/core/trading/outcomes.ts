/**
 * The outcome of a trade, as this node knows it.
 */

import type { RefusalCode, TradeData } from "../../wire/control.ts";
import type { NodeId } from "../../wire/ids.ts";
import type { TradeRecord } from "../../wire/message.ts";
import type { CommandResult } from "../kernel/types.ts";
import { balanceOf } from "../ledger/ledger.ts";
import { recordOfTrade } from "../ledger/trade-index.ts";
import type { NodeState } from "../state.ts";
import { outcomeResult, type PendingTrade, stateOfRecord } from "./trade-table.ts";

/** The outcome of a trade, as this node knows it; `stored` is its record if only the store has it. */
export function tradeOutcome(state: NodeState, tradeId: string, stored: TradeRecord | null = null): TradeData {
  return { trade_id: tradeId, state: stateOf(state, tradeId, stored), balance: balanceOf(state, state.self.id) };
}

function stateOf(state: NodeState, tradeId: string, stored: TradeRecord | null): TradeData["state"] {
  const record = recordOfTrade(state, tradeId) ?? stored ?? undefined;
  if (record !== undefined) return stateOfRecord(state, record);
  const trade = state.trading.pending.get(tradeId);
  if (trade !== undefined) return trade.stage === "IN_DOUBT" ? "in_doubt" : "accepted";
  return state.trading.closed.get(tradeId) ?? "unknown";
}

export interface PendingRow {
  trade_id: string;
  type: "sell" | "buy";
  peer: NodeId;
  amount: number;
  state: string;
}

/** Open trades, oldest first, as the control channel shows them. A committed one is `IN_TRANSIT` until its payee has it on disk. */
export function pendingTrades(state: NodeState): PendingRow[] {
  return [...state.trading.pending.values()].map((trade) => ({
    trade_id: trade.tradeId,
    type: trade.type,
    peer: trade.peer,
    amount: trade.amount,
    state: trade.stage === "COMMITTED" ? "IN_TRANSIT" : trade.stage,
  }));
}

/** Open trades that can still move. Those with a peer that is gone wait for its return and don't count. */
export function countOpenTrades(state: NodeState): number {
  let open = 0;
  for (const trade of state.trading.pending.values()) {
    const peer = state.members.get(trade.peer)?.state;
    const waitsForReturn = trade.stage === "COMMITTED" || trade.stage === "IN_DOUBT";
    if (state.trading.unknowable.has(trade.tradeId)) continue;
    if (!waitsForReturn || (peer !== "FAILED" && peer !== "LEFT")) open += 1;
  }
  return open;
}

/** The reply for a trade whose end this node won't see. A committed one happened; the payee learns of it by repair. */
export function openResult(state: NodeState, trade: PendingTrade, why: string): CommandResult {
  if (trade.seq !== null && (state.ledger.durable.get(state.self.id) ?? 0) >= trade.seq) {
    return outcomeResult(state, trade.tradeId, "committed", trade.text);
  }
  const code: RefusalCode = state.phase === "HALTED" ? "STORAGE" : "IN_DOUBT";
  const message = `The outcome of trade ${trade.tradeId} is open: ${why}`;
  return { ok: false, code, definite: false, message, tradeId: trade.tradeId };
}

/** The trade happened at its payer, and this node can't keep it. */
export function unwrittenResult(record: TradeRecord, reason: string): CommandResult {
  const message = `Trade ${record.trade_id} was paid, but the store of this node failed (${reason}): restart it when the disk is repaired`;
  return { ok: false, code: "STORAGE", definite: false, message, tradeId: record.trade_id };
}
