/** Trade ids, `<from>-<to>-<incarnation>.<number>`: who made the trade, with whom, in which life, and its number in that life. */
import type { NodeId } from "../../wire/ids.ts";
import type { TradeRecord } from "../../wire/message.ts";

/** The parts of a trade id, or null. */
export function parseTradeId(tradeId: string): { from: NodeId; to: NodeId; incarnation: number; seq: number } | null {
  const match = /^(\d{1,5})-(\d{1,5})-(\d{1,10})\.(\d{1,15})$/.exec(tradeId);
  if (match === null) return null;
  return { from: Number(match[1]), to: Number(match[2]), incarnation: Number(match[3]), seq: Number(match[4]) };
}

/** A record's id must name its own two parties: else one member could use up the ids of others' trades. */
export function namesItsParties({ trade_id, buyer_id, seller_id }: TradeRecord): boolean {
  const name = parseTradeId(trade_id);
  if (name === null) return false;
  return (name.from === buyer_id && name.to === seller_id) || (name.from === seller_id && name.to === buyer_id);
}
