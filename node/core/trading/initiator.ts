/**
 * The side that asked for a trade. It repeats its request until it is answered; a copy is harmless.
 *
 *   sell: payer reserves, asks; payee accepts; payer commits.        buy: payee asks; payer checks and commits.
 *
 * A request names the incarnation of its receiver at the time the trade was made and is refused by any other (STALE): a copy that
 * was delayed past a restart can't start anything. A refused buy is refused for ever. A buyer that got no answer in time stops asking
 * for the trade and asks the payer to refuse it instead; the answer to that is final either way.
 */

import type { MessageOf } from "../../wire/message.ts";
import { startPull } from "../causal/pull.ts";
import { count, journal, persist, reply, unicast } from "../kernel/outbox.ts";
import { cancelTimer, setTimer } from "../kernel/timers.ts";
import type { CommandResult, Origin } from "../kernel/types.ts";
import { accountOf } from "../ledger/ledger.ts";
import { parseTradeId } from "../ledger/trade-id.ts";
import type { NodeState } from "../state.ts";
import { commit, EXPIRED, FORGOTTEN, NO_CREDITS, STALE } from "./commit.ts";
import { retryDelayMs } from "./confirmations.ts";
import { onWithdrawn } from "./counterparty.ts";
import {
  addDoubt,
  closeRefused,
  intentRowOf,
  isOwnLogDoubted,
  markUnknowable,
  type PendingTrade,
  releaseReserve,
  reserve,
} from "./trade-table.ts";

/** Asks for the trade, or for its refusal once it is in doubt, and sets the timer for the next try. */
export function sendRequest(state: NodeState, trade: PendingTrade): void {
  const { tradeId, peer, amount, type } = trade;
  if (trade.stage === "IN_DOUBT") {
    unicast(state, peer, "TRADE_RESPONSE", {
      trade_id: tradeId,
      accepted: false,
      reason: EXPIRED,
      to_inc: trade.peerIncarnation,
    });
  } else {
    const to_inc = state.rules.pinnedIncarnation
      ? trade.peerIncarnation
      : (state.members.get(peer)?.incarnation ?? trade.peerIncarnation);
    const payload = { target_id: peer, amount, trade_type: type, trade_id: tradeId, to_inc };
    const request = type === "buy" && trade.requestId !== null ? { request_id: trade.requestId } : {};
    unicast(state, peer, "TRADE_REQUEST", { ...payload, ...request }, { afterWrite: trade.writeId ?? undefined });
  }
  setTimer(state.timers, "request", tradeId, state.nowMs + retryDelayMs(state, peer, trade.attempts));
  trade.attempts += 1;
}

export function onRequestTimer(state: NodeState, tradeId: string): void {
  const trade = state.trading.pending.get(tradeId);
  if (trade === undefined || trade.stage === "COMMITTED" || state.phase === "HALTED") return;
  if (trade.stage === "IN_DOUBT" && !state.rules.doubtResolution) return;
  count(state, "requests_repeated");
  sendRequest(state, trade);
}

/** The initiator's patience is over. A sell was never committed, so it never happened; a buy may have been. */
export function onOfferTimer(state: NodeState, tradeId: string): void {
  const trade = state.trading.pending.get(tradeId);
  if (trade === undefined) return;
  if (trade.stage === "OFFERED") {
    const message = `Node ${trade.peer} did not answer within ${state.config.timing.offerTimeoutMs / 1000} s: trade ${tradeId} expired`;
    closeRefused(state, trade, "expired", { ok: false, code: "EXPIRED", definite: true, message, tradeId });
    return;
  }
  if (trade.stage !== "REQUESTED") return;
  trade.stage = "IN_DOUBT";
  addDoubt(state.trading, trade.peer, tradeId);
  const message = `Node ${trade.peer} did not answer: it is open whether trade ${tradeId} happened`;
  journal(state, {
    kind: "trade",
    level: "warn",
    msg: message,
    id: tradeId,
    from: trade.peer,
    to: state.self.id,
    outcome: "in_doubt",
  });
  if (trade.requestId !== null && !trade.answered) {
    trade.answered = true;
    reply(state, trade.requestId, true, { ok: false, code: "IN_DOUBT", definite: false, message, tradeId });
  }
  if (state.phase !== "HALTED" && state.rules.doubtResolution) sendRequest(state, trade);
}

export function onTradeResponse(state: NodeState, message: MessageOf<"TRADE_RESPONSE">, from: Origin): void {
  const { trade_id: tradeId, accepted, reason } = message.payload;
  const name = parseTradeId(tradeId);
  if (name === null) {
    count(state, "responses_malformed");
    return;
  }
  if (name.from === from.sender && name.to === state.self.id) {
    if (!accepted) onWithdrawn(state, message.payload, from);
    return;
  }
  const trade = state.trading.pending.get(tradeId);
  if (trade === undefined || trade.peer !== from.sender || trade.stage === "COMMITTED") return;
  if (!accepted && reason === FORGOTTEN) {
    onForgotten(state, trade);
    return;
  }
  if (!accepted) {
    onRefused(state, trade, reason ?? "rejected");
    return;
  }
  if (trade.type === "sell" && trade.stage === "OFFERED") {
    onAccepted(state, trade);
    return;
  }
  // The payer has committed: it sends the record until this node acknowledges it.
  count(state, "buys_accepted");
}

function onAccepted(state: NodeState, trade: PendingTrade): void {
  if (state.phase !== "READY" || isOwnLogDoubted(state)) return;
  if (state.ledger.byTrade.has(trade.tradeId)) {
    const message = `Node ${trade.peer} used the trade id ${trade.tradeId} for a debit of its own`;
    const result: CommandResult = { ok: false, code: "REJECTED", definite: true, message, tradeId: trade.tradeId };
    closeRefused(state, trade, "rejected", result);
    return;
  }
  // The payee's account is needed to book the credit; its acceptance comes again meanwhile.
  if (accountOf(state, trade.peer) === undefined) {
    startPull(state, trade.peer, "records");
    return;
  }
  releaseReserve(state, trade);
  trade.stage = "COMMITTED";
  if (commit(state, trade, trade.requestId) !== null) {
    cancelTimer(state.timers, "request", trade.tradeId);
    cancelTimer(state.timers, "offer", trade.tradeId);
    return;
  }
  trade.stage = "OFFERED";
  reserve(state, trade);
}

/** The payer doesn't know. A node that has each of the payer's debits needn't ask (doubts.ts). */
function onForgotten(state: NodeState, trade: PendingTrade): void {
  const isNewProcess = (state.members.get(trade.peer)?.incarnation ?? 0) > trade.peerIncarnation;
  if (isNewProcess && accountOf(state, trade.peer)?.base.taken === 0) return;
  markUnknowable(state, trade);
}

function onRefused(state: NodeState, trade: PendingTrade, reason: string): void {
  const { tradeId, peer } = trade;
  if (trade.type === "buy" && state.phase !== "HALTED") persist(state, [intentRowOf(trade, true)]);
  const code =
    reason === NO_CREDITS
      ? "INSUFFICIENT_CREDITS"
      : reason === STALE
        ? "STALE"
        : reason === EXPIRED
          ? "EXPIRED"
          : "REJECTED";
  const message = `Node ${peer} rejected trade ${tradeId}: ${reason}`;
  const result: CommandResult = { ok: false, code, definite: true, message, tradeId };
  closeRefused(state, trade, code === "EXPIRED" ? "expired" : "rejected", result);
}
