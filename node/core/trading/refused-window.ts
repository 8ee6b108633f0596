/**
 * A refused trade stays refused, with bounded memory: the last refusals of each initiator by name, all older ones by a floor.
 *
 * Trade ids of one initiator grow (incarnation, number), so what falls out of the window raises the floor, and everything below the
 * floor that isn't executed is refused. Refusing too much is safe, executing what was refused is not. The window is volatile: after a
 * restart the pinned incarnation of old requests refuses them. A payer without a disk keeps a floor of what it executed and compacted,
 * too: below it, it can't tell and says nothing.
 */
import type { NodeId } from "../../wire/ids.ts";
import type { TradeRecord } from "../../wire/message.ts";
import { parseTradeId } from "../ledger/trade-id.ts";
import type { NodeState } from "../state.ts";

export interface RefusedWindow {
  readonly reasons: Map<string, string>;
  /** Trades of the initiator up to this one are refused without being remembered one by one. */
  floor: TradeOrder;
}

/** The order in which an initiator makes its trades: (incarnation, number). */
export type TradeOrder = readonly [incarnation: number, seq: number];

const REFUSALS_PER_INITIATOR_MAX = 1_024;

/** Why this trade was refused before; null: it wasn't. */
export function refusedReason({ trading }: NodeState, initiator: NodeId, tradeId: string): string | null {
  const window = trading.refused.get(initiator);
  if (window === undefined) return null;
  return window.reasons.get(tradeId) ?? (isUpTo(window.floor, tradeId) ? "STALE" : null);
}

export function rememberRefusal(state: NodeState, initiator: NodeId, tradeId: string, reason: string): void {
  if (!state.rules.refusalsStay) return;
  const { trading } = state;
  const window = trading.refused.get(initiator) ?? { reasons: new Map(), floor: [0, 0] };
  trading.refused.set(initiator, window);
  window.reasons.set(tradeId, reason);
  for (const oldest of window.reasons.keys()) {
    if (window.reasons.size <= REFUSALS_PER_INITIATOR_MAX) return;
    window.reasons.delete(oldest);
    if (!isUpTo(window.floor, oldest)) window.floor = orderOf(oldest);
  }
}

/** These executed trades are in no memory any more. */
export function noteForgotten({ trading }: NodeState, records: readonly TradeRecord[]): void {
  for (const { trade_id } of records) {
    const initiator = parseTradeId(trade_id)?.from;
    if (initiator === undefined) continue;
    const floor = trading.forgotten.get(initiator);
    if (floor === undefined || !isUpTo(floor, trade_id)) trading.forgotten.set(initiator, orderOf(trade_id));
  }
}

/** It may have been executed: nobody knows any more. */
export function mayBeForgotten({ trading }: NodeState, initiator: NodeId, tradeId: string): boolean {
  const floor = trading.forgotten.get(initiator);
  return floor !== undefined && isUpTo(floor, tradeId);
}

function isUpTo(floor: TradeOrder, tradeId: string): boolean {
  const [incarnation, seq] = orderOf(tradeId);
  return incarnation === floor[0] ? seq <= floor[1] : incarnation < floor[0];
}

/** The last part of `<from>-<to>-<incarnation>.<number>`. */
function orderOf(tradeId: string): TradeOrder {
  const [incarnation = "0", seq = "0"] = tradeId.slice(tradeId.lastIndexOf("-") + 1).split(".");
  return [Number(incarnation), Number(seq)];
}
