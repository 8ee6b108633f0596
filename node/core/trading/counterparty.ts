/**
 * The other side of a trade: what this node answers to a peer that wants to pay it (sell) or to be paid by it (buy).
 *
 * A request names the incarnation of its receiver and is refused by any other one (STALE): a copy that was delayed past a restart starts
 * nothing. A buy that was refused stays refused. Every answer is the same each time that the request comes.
 */

import type { NodeId } from "../../wire/ids.ts";
import type { MessageOf } from "../../wire/message.ts";
import { confirmPayload } from "../causal/broadcast.ts";
import { startPull } from "../causal/pull.ts";
import { count, unicast } from "../kernel/outbox.ts";
import type { Origin } from "../kernel/types.ts";
import { entry } from "../kernel/vector-clock.ts";
import { accountOf, balanceOf } from "../ledger/ledger.ts";
import { parseTradeId } from "../ledger/trade-id.ts";
import { recordOfRequest, recordOfTrade } from "../ledger/trade-index.ts";
import type { NodeState } from "../state.ts";
import { commit, EXPIRED, FORGOTTEN, NO_CREDITS, respond, STALE } from "./commit.ts";
import { mayBeForgotten, refusedReason, rememberRefusal } from "./refused-window.ts";
import { addPending, createTrade, isConfirmed, isOwnLogDoubted } from "./trade-table.ts";

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

/** A peer wants to pay this node. Accepting promises nothing but to be there. */
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

/** A peer wants to be paid. This node decides once, by committing or refusing. */
function onBuyRequest(state: NodeState, payload: MessageOf<"TRADE_REQUEST">["payload"], from: Origin): void {
  const { trade_id: tradeId, amount } = payload;
  const { sender } = from;
  if (answerDecided(state, tradeId, from) || !holdsOwnLog(state)) return;
  // The request was meant for an earlier process whose disk is gone. The buyer will ask what happened when it has waited long enough.
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
  const reason = reasonAgainst(state, sender, payload);
  if (reason !== null) {
    rememberRefusal(state, sender, tradeId, reason);
    respond(state, from, tradeId, false, reason);
    return;
  }
  const asked = {
    tradeId,
    type: "buy",
    peer: sender,
    peerIncarnation: payload.to_inc,
    amount,
    requestId: null,
  } as const;
  const trade = createTrade({ ...asked, stage: "COMMITTED", answered: true });
  const record = commit(state, trade, payload.request_id ?? null);
  if (record === null) return;
  addPending(state.trading, trade);
  const options = { afterWrite: trade.writeId ?? undefined };
  unicast(state, sender, "TRADE_RESPONSE", { trade_id: tradeId, accepted: true }, options);
}

function reasonAgainst(
  state: NodeState,
  buyer: NodeId,
  { amount, request_id: requestId }: MessageOf<"TRADE_REQUEST">["payload"],
): string | null {
  const { id } = state.self;
  // One request of a client makes one debit, whatever name the buyer gives to the trade; the store takes no second one.
  const mayLook = requestId !== undefined && state.rules.requestsPaidOnce;
  const paid = mayLook ? recordOfRequest(state, requestId, buyer) : undefined;
  if (paid?.seller_id === id) return `Node ${id} has paid for this request in ${paid.trade_id}`;
  if (state.phase !== "READY") return `Node ${id} is not ready to trade (${state.phase})`;
  return balanceOf(state, id) - state.trading.reserved < amount ? NO_CREDITS : null;
}

/** A buy that was decided before gets the same answer again. */
function answerDecided(state: NodeState, tradeId: string, from: Origin): boolean {
  const record = recordOfTrade(state, tradeId);
  if (record !== undefined && state.rules.tradesOnce) {
    // Not on disk yet: its confirmation leaves when it is.
    if (record.seller_id !== state.self.id || entry(state.ledger.durable, state.self.id) < record.seq) return true;
    respond(state, from, tradeId, true);
    unicast(state, from.sender, "TRADE_CONFIRM", confirmPayload(record), { clock: record.deps });
    return true;
  }
  const reason = refusedReason(state, from.sender, tradeId);
  if (reason === null) return false;
  respond(state, from, tradeId, false, reason);
  return true;
}

/**
 * Only a node that holds all of its own log may say "I never executed that". One that is joining may still get back debits that its disk
 * had lost; one in conflict doesn't know. They say nothing, and are asked again.
 */
function holdsOwnLog(state: NodeState): boolean {
  if (!state.rules.ownLogFirst) return true;
  return state.phase === "READY" || state.phase === "LEAVING" || state.phase === "HALTED";
}

/** A node that got its debits back as a sum doesn't know which trades its earlier disk had executed, and never will. */
function hasForgotten(state: NodeState, initiator: NodeId, tradeId: string, toIncarnation: number): boolean {
  return toIncarnation < state.ledger.ownSince || mayBeForgotten(state, initiator, tradeId);
}

/** The buyer gave up waiting: unless the trade was executed it is refused from now on, and the answer says which. */
export function onWithdrawn(state: NodeState, payload: MessageOf<"TRADE_RESPONSE">["payload"], from: Origin): void {
  const { trade_id: tradeId, to_inc = 0 } = payload;
  if (answerDecided(state, tradeId, from) || !holdsOwnLog(state)) return;
  if (hasForgotten(state, from.sender, tradeId, to_inc)) {
    respond(state, from, tradeId, false, FORGOTTEN);
    return;
  }
  rememberRefusal(state, from.sender, tradeId, EXPIRED);
  respond(state, from, tradeId, false, EXPIRED);
}
