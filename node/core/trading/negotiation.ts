/**
 * The datagrams of a trade: request, response and confirmation, each repeated until answered, each harmless when it comes twice.
 *
 *   sell: payer reserves, asks; payee accepts; payer commits.        buy: payee asks; payer checks and commits.
 *
 * A request names the incarnation of its receiver at the time the trade was made and is refused by any other (STALE): a copy that
 * was delayed past a restart can't start anything. A refused buy is refused for ever. A buyer that got no answer in time stops asking
 * for the trade and asks the payer to refuse it instead; the answer to that is final either way.
 */
import type { NodeId } from "../../wire/ids.ts";
import type { MessageOf, TradeRecord } from "../../wire/message.ts";
import { announce, append, confirmPayload, fieldsOf } from "../causal/broadcast.ts";
import { startPull } from "../causal/pull.ts";
import { count, journal, persist, reply, unicast, unicastTo } from "../kernel/outbox.ts";
import { cancelTimer, setTimer } from "../kernel/timers.ts";
import type { CommandResult, Origin } from "../kernel/types.ts";
import { entry } from "../kernel/vector-clock.ts";
import { accountOf, balanceOf } from "../ledger/ledger.ts";
import { detailsOf } from "../ledger/testimony.ts";
import { parseTradeId } from "../ledger/trade-id.ts";
import { recordOfTrade } from "../ledger/trade-index.ts";
import type { NodeState } from "../state.ts";
import { retryDelayMs } from "./confirmations.ts";
import { mayBeForgotten, refusedReason, rememberRefusal } from "./refused-window.ts";
import {
  addDoubt,
  addPending,
  addUnacked,
  closeRefused,
  intentRowOf,
  isConfirmed,
  isOwnLogDoubted,
  markUnknowable,
  outcomeResult,
  type PendingTrade,
  releaseReserve,
  reserve,
} from "./trade-table.ts";

const NO_CREDITS = "Insufficient credits";
const STALE = "STALE";
const EXPIRED = "EXPIRED";
/** The payer lost the disk that would know. */
const FORGOTTEN = "FORGOTTEN";

// Sending -----------------------------------------------------------------------------------------------------------------

/** Sends (again) what asks for the trade, or for its refusal once it is in doubt, and arms the next try. */
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

// Receiving ---------------------------------------------------------------------------------------------------------------

export function onTradeRequest(state: NodeState, message: MessageOf<"TRADE_REQUEST">, from: Origin): void {
  const { payload } = message;
  const name = parseTradeId(payload.trade_id);
  if (payload.target_id !== state.self.id || name === null || name.from !== from.sender || name.to !== state.self.id) {
    count(state, "requests_malformed");
    return;
  }
  if (payload.trade_type === "sell") onSellRequest(state, payload, from);
  else onBuyRequest(state, payload, from);
}

/** Meant for another process than this one, an earlier or a later one with this id. */
function isStale(state: NodeState, toIncarnation: number): boolean {
  return toIncarnation !== state.self.incarnation && state.rules.staleRefused;
}

/** Somebody wants to pay us: accepting promises nothing but to be there. */
function onSellRequest(state: NodeState, payload: MessageOf<"TRADE_REQUEST">["payload"], from: Origin): void {
  if (isStale(state, payload.to_inc)) {
    respond(state, from, payload.trade_id, false, STALE);
    return;
  }
  // A joiner will soon be able to; the request is repeated until then.
  if (state.phase === "JOINING" || state.phase === "SYNCING") return;
  const mayReceive = state.phase === "READY" || state.phase === "RECOVERING";
  const reason = mayReceive ? undefined : `Node ${state.self.id} is not ready to trade (${state.phase})`;
  respond(state, from, payload.trade_id, reason === undefined, reason);
}

/** Somebody wants to be paid by us: this node decides, once, by committing or refusing. */
function onBuyRequest(state: NodeState, payload: MessageOf<"TRADE_REQUEST">["payload"], from: Origin): void {
  const { trade_id: tradeId, amount } = payload;
  const { sender } = from;
  if (answerDecided(state, tradeId, from) || !holdsOwnLog(state)) return;
  // Asked of an earlier process, and its disk is gone: the buyer asks for the truth when it has waited long enough.
  if (hasForgotten(state, sender, tradeId, payload.to_inc)) return;
  if (isStale(state, payload.to_inc)) {
    respond(state, from, tradeId, false, STALE);
    return;
  }
  // It is asked again.
  if (!isConfirmed(state) || isOwnLogDoubted(state)) return;
  if (accountOf(state, sender) === undefined) {
    startPull(state, sender, "records");
    return;
  }
  const reason =
    state.phase !== "READY"
      ? `Node ${state.self.id} is not ready to trade (${state.phase})`
      : balanceOf(state, state.self.id) - state.trading.reserved < amount
        ? NO_CREDITS
        : null;
  if (reason !== null) {
    rememberRefusal(state, sender, tradeId, reason);
    respond(state, from, tradeId, false, reason);
    return;
  }
  const trade: PendingTrade = {
    tradeId,
    type: "buy",
    peer: sender,
    peerIncarnation: payload.to_inc,
    amount,
    requestId: null,
    until: "settled",
    answered: true,
    stage: "COMMITTED",
    attempts: 0,
    seq: null,
    writeId: null,
    text: "",
  };
  const record = commit(state, trade, payload.request_id ?? null);
  if (record === null) return;
  addPending(state.trading, trade);
  const options = { afterWrite: trade.writeId ?? undefined };
  unicastTo(state, sender, from.address, "TRADE_RESPONSE", { trade_id: tradeId, accepted: true }, options);
}

/** A buy that was decided before gets the same answer again. */
function answerDecided(state: NodeState, tradeId: string, from: Origin): boolean {
  const record = recordOfTrade(state, tradeId);
  if (record !== undefined && state.rules.tradesOnce) {
    // Not on disk yet: its confirmation leaves when it is.
    if (record.seller_id !== state.self.id || entry(state.ledger.durable, state.self.id) < record.seq) return true;
    respond(state, from, tradeId, true);
    unicastTo(state, from.sender, from.address, "TRADE_CONFIRM", confirmPayload(record), { clock: record.deps });
    return true;
  }
  const reason = refusedReason(state, from.sender, tradeId);
  if (reason === null) return false;
  respond(state, from, tradeId, false, reason);
  return true;
}

/**
 * «I never executed that» is an answer only of a node that holds all of its own log. One that is still joining may get debits back that
 * its disk had lost; one in conflict doesn't know. They say nothing, and are asked again.
 */
function holdsOwnLog(state: NodeState): boolean {
  if (!state.rules.ownLogFirst) return true;
  return state.phase === "READY" || state.phase === "LEAVING" || state.phase === "HALTED";
}

/** What got its debits back as a sum doesn't know which trades an earlier disk had executed, and never will. */
function hasForgotten(state: NodeState, initiator: NodeId, tradeId: string, toIncarnation: number): boolean {
  return toIncarnation < state.ledger.ownSince || mayBeForgotten(state, initiator, tradeId);
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
  // Committed at the payer: the record itself is on its way and repeated until we acknowledge it.
  count(state, "buys_accepted");
}

/** The buyer gave up waiting: unless the trade was executed it is refused from now on, and the answer says which. */
function onWithdrawn(state: NodeState, payload: MessageOf<"TRADE_RESPONSE">["payload"], from: Origin): void {
  const { trade_id: tradeId, to_inc = 0 } = payload;
  if (answerDecided(state, tradeId, from) || !holdsOwnLog(state)) return;
  if (hasForgotten(state, from.sender, tradeId, to_inc)) {
    respond(state, from, tradeId, false, FORGOTTEN);
    return;
  }
  rememberRefusal(state, from.sender, tradeId, EXPIRED);
  respond(state, from, tradeId, false, EXPIRED);
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

/** The trade happens here, in memory now and for good with the write; everything that others may know of it waits for that. */
function commit(state: NodeState, trade: PendingTrade, requestId: string | null): TradeRecord | null {
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

/** The payer can't tell. Who was given its debits one by one needn't ask (doubts.ts). */
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

function respond(state: NodeState, to: Origin, tradeId: string, accepted: boolean, reason?: string): void {
  unicastTo(state, to.sender, to.address, "TRADE_RESPONSE", {
    trade_id: tradeId,
    accepted,
    ...(reason === undefined ? {} : { reason }),
  });
}
