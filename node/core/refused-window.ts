/**
 * What a payer refused stays refused, with bounded memory: the last refusals of each initiator by name, all older ones by a floor.
 *
 * Trade ids of one initiator grow (incarnation, number), so what falls out of the window raises the floor, and everything below the
 * floor that isn't executed is refused. Refusing too much is safe, executing what was refused is not. The window is volatile: after a
 * restart the pinned incarnation of old requests refuses them.
 */
import type { NodeId } from "../wire/ids.ts";
import type { NodeState, RefusedWindow, TradingState } from "./types.ts";

const REFUSALS_PER_INITIATOR_MAX = 1_024;

/** Why this trade was refused before; null: it wasn't. */
export function refusedReason(trading: TradingState, initiator: NodeId, tradeId: string): string | null {
  const window = trading.refused.get(initiator);
  if (window === undefined) return null;
  return window.reasons.get(tradeId) ?? (isBelowFloor(window, tradeId) ? "STALE" : null);
}

export function rememberRefusal(state: NodeState, initiator: NodeId, tradeId: string, reason: string): void {
  if (!state.rules.refusalsStay) return;
  const { trading } = state;
  const window = trading.refused.get(initiator) ?? { reasons: new Map(), floorIncarnation: 0, floorSeq: 0 };
  trading.refused.set(initiator, window);
  window.reasons.set(tradeId, reason);
  for (const oldest of window.reasons.keys()) {
    if (window.reasons.size <= REFUSALS_PER_INITIATOR_MAX) return;
    window.reasons.delete(oldest);
    if (isBelowFloor(window, oldest)) continue;
    [window.floorIncarnation, window.floorSeq] = orderOf(oldest);
  }
}

function isBelowFloor(window: RefusedWindow, tradeId: string): boolean {
  const [incarnation, seq] = orderOf(tradeId);
  if (incarnation !== window.floorIncarnation) return incarnation < window.floorIncarnation;
  return seq <= window.floorSeq;
}

/** The order of an initiator's trades: the last part of `<from>-<to>-<incarnation>.<number>`. */
function orderOf(tradeId: string): [number, number] {
  const [incarnation = "0", seq = "0"] = tradeId.slice(tradeId.lastIndexOf("-") + 1).split(".");
  return [Number(incarnation), Number(seq)];
}
