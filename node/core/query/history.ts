/**
 * The history of trades, a page at a time for the control channel and as the original's text.
 */
import type { HistoryData } from "../../wire/control.ts";
import type { NodeId } from "../../wire/ids.ts";
import type { TradeRecord } from "../../wire/message.ts";
import type { NodeState } from "../state.ts";

/** A page of trades that begins with number `offset` of all `total` that were delivered here. */
export function historyData(offset: number, records: readonly TradeRecord[], total: number): HistoryData {
  return { total, offset, entries: records.map(entryOf) };
}

/** The part of the history in memory: entries `offset` (0: the oldest ever) and following, at most `limit`. Compacted ones are left out. */
export function historyPage(state: NodeState, offset: number, limit: number): HistoryData {
  const { log, dropped } = state.ledger;
  const first = Math.max(offset, dropped);
  return historyData(first, log.slice(first - dropped, first - dropped + limit), dropped + log.length);
}

/** The newest trades of this node that memory has, oldest first. */
export function newestOfOwn(state: NodeState, limit: number): TradeRecord[] {
  const own = state.self.id;
  const isOwn = ({ seller_id, buyer_id }: TradeRecord) => seller_id === own || buyer_id === own;
  return state.ledger.log.filter(isOwn).slice(-limit);
}

/** Trades that the text shows. */
export const HISTORY_LINES = 20;

/**
 * The text of the command `history` at node `own`: its newest trades.
 * @param records oldest first, and one more than is shown if there are more
 * @param isShort earlier trades are not known any more
 */
export function historyText(own: NodeId, records: readonly TradeRecord[], isShort: boolean): string {
  if (records.length === 0) return isShort ? "No transactions in memory." : "No transactions yet.";
  const shown = records.slice(-HISTORY_LINES);
  const earlier =
    records.length > shown.length
      ? [`  (the newest ${shown.length}; there are earlier ones)`]
      : isShort
        ? ["  (earlier ones are not in memory any more)"]
        : [];
  return ["Transaction History:", ...earlier, ...shown.map((record) => `  ${lineOf(own, record)}`)].join("\n");
}

function lineOf(own: NodeId, { buyer_id, seller_id, amount, trade_id }: TradeRecord): string {
  if (seller_id === own && buyer_id === own)
    return "(the disk was lost here; debits that were not known to others don't count)";
  if (seller_id === own) return `SELL ${amount} credits to Node ${buyer_id} (trade_id=${trade_id})`;
  return `BUY ${amount} credits from Node ${seller_id} (trade_id=${trade_id})`;
}

function entryOf(record: TradeRecord): HistoryData["entries"][number] {
  const { trade_id, seller_id, buyer_id, amount, seq, request_id } = record;
  return { trade_id, from: seller_id, to: buyer_id, amount, seq, request_id: request_id ?? null };
}
