/**
 * The history of trades that this node took part in, a page at a time for the control channel and as the original's text.
 */
import type { HistoryData } from "../wire/control.ts";
import type { TradeRecord } from "../wire/message.ts";
import type { NodeState } from "./types.ts";

/** Entries `offset` (0: the oldest) and following, at most `limit`, of all trades delivered here. */
export function historyPage(state: NodeState, offset: number, limit: number): HistoryData {
  const { log } = state.ledger;
  return { total: log.length, offset, entries: log.slice(offset, offset + limit).map(entryOf) };
}

/** What `history` prints at the prompt: the newest trades of this node, oldest first. */
export function historyText(state: NodeState, limit = 20): string {
  const own = state.self.id;
  const lines: string[] = [];
  const { log } = state.ledger;
  for (let at = log.length - 1; at >= 0 && lines.length < limit; at--) {
    const { buyer_id, seller_id, amount, trade_id } = log[at] as TradeRecord;
    if (seller_id === own && buyer_id === own)
      lines.push("  (the disk was lost here; debits that were not known to others don't count)");
    else if (seller_id === own) lines.push(`  SELL ${amount} credits to Node ${buyer_id} (trade_id=${trade_id})`);
    else if (buyer_id === own) lines.push(`  BUY ${amount} credits from Node ${seller_id} (trade_id=${trade_id})`);
  }
  if (lines.length === 0) return "No transactions yet.";
  return ["Transaction History:", ...lines.reverse()].join("\n");
}

function entryOf(record: TradeRecord): HistoryData["entries"][number] {
  const { trade_id, seller_id, buyer_id, amount, seq, request_id } = record;
  return { trade_id, from: seller_id, to: buyer_id, amount, seq, request_id: request_id ?? null };
}
