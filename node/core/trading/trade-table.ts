/**
 * The table of pending trades, and the answers that were given.
 *
 * Idea: a control request gets one final answer, however often it is repeated. An executed trade answers from the ledger for ever (the
 * record carries the request), a refused one from a bounded memory; what was pending across a restart from the stored intents.
 * Sources: TigerBeetle, client-made ids that make repetition harmless; node/protocol/trading.md.
 */

import type { TradeData } from "../../wire/control.ts";
import type { NodeId } from "../../wire/ids.ts";
import type { TradeRecord } from "../../wire/message.ts";
import { journal, reply } from "../kernel/outbox.ts";
import type { Row } from "../kernel/rows.ts";
import { cancelTimer, hasTimer, setTimer } from "../kernel/timers.ts";
import type { CommandResult } from "../kernel/types.ts";
import { entry } from "../kernel/vector-clock.ts";
import { assert, balanceOf } from "../ledger/ledger.ts";
import { durableAt } from "../membership/members.ts";
import type { NodeState } from "../state.ts";
import type { RefusedWindow, TradeOrder } from "./refused-window.ts";

export interface TradingState {
  nextTradeSeq: number;
  /** Credits promised to open sell offers: available = balance - reserved. */
  reserved: number;
  readonly pending: Map<string, PendingTrade>;
  /** Pending trades by control request. */
  readonly byRequest: Map<string, string>;
  /** Committed debits that the payee is not known to have on disk, by payee; ascending by number. */
  readonly unacked: Map<NodeId, UnackedQueue>;
  /** Buys that this node, as payer, refused: they stay refused. */
  readonly refused: Map<NodeId, RefusedWindow>;
  /** Without a disk: up to where buys of each initiator may have been executed and forgotten. */
  readonly forgotten: Map<NodeId, TradeOrder>;
  /** Final refusals by control request, and outcomes of trades that were not executed, oldest first, bounded. */
  readonly answers: Map<string, CommandResult>;
  readonly closed: Map<string, TradeData["state"]>;
  /** Buys whose outcome is lost with their payer's disk: they stay in doubt. */
  readonly unknowable: Set<string>;
  /** Buys in doubt by payer. */
  readonly doubts: Map<NodeId, string[]>;
}

export interface PendingTrade {
  readonly tradeId: string;
  readonly type: "sell" | "buy";
  readonly peer: NodeId;
  /** The peer's boot incarnation when the trade was made; never refreshed. */
  readonly peerIncarnation: number;
  readonly amount: number;
  /** Null: the peer asked (this node is the payer of a buy). */
  readonly requestId: string | null;
  until: "settled" | "accepted";
  /** The final reply has been given. */
  answered: boolean;
  stage: TradeStage;
  attempts: number;
  /** The debit's number once committed. */
  seq: number | null;
  /** Write that makes the present stage durable; null: nothing to wait for, or done. */
  writeId: number | null;
  text: string;
}

export type TradeStage = "OFFERED" | "COMMITTED" | "REQUESTED" | "IN_DOUBT";

export interface UnackedQueue {
  readonly entries: Map<number, { readonly tradeId: string; sentAtMs: number }>;
  attempts: number;
}

/** Refusals that are remembered, so that a late copy of a refused request isn't executed. */
const ANSWERS_MAX = 4_096;

/** A trade of which nothing has been sent or written yet. */
export function createTrade(
  trade: Pick<
    PendingTrade,
    "tradeId" | "type" | "peer" | "peerIncarnation" | "amount" | "requestId" | "stage" | "answered"
  >,
): PendingTrade {
  return { ...trade, until: "settled", attempts: 0, seq: null, writeId: null, text: "" };
}

export function addPending(trading: TradingState, trade: PendingTrade): void {
  assert(!trading.pending.has(trade.tradeId), `trade ${trade.tradeId} is pending already`);
  trading.pending.set(trade.tradeId, trade);
  if (trade.requestId !== null) trading.byRequest.set(trade.requestId, trade.tradeId);
}

/** The trade is over: its timers and reservation go, the outcome stays. */
export function removePending(state: NodeState, trade: PendingTrade): void {
  const { trading, timers } = state;
  assert(trading.pending.delete(trade.tradeId), `trade ${trade.tradeId} is not pending`);
  if (trade.requestId !== null) trading.byRequest.delete(trade.requestId);
  if (trade.stage === "OFFERED") releaseReserve(state, trade);
  trading.unknowable.delete(trade.tradeId);
  if (trade.stage === "IN_DOUBT") removeDoubt(trading, trade.peer, trade.tradeId);
  cancelTimer(timers, "request", trade.tradeId);
  cancelTimer(timers, "offer", trade.tradeId);
}

/** An open offer reserves its amount: no other trade may spend it. */
export function reserve(state: NodeState, trade: PendingTrade): void {
  if (state.rules.reservation) state.trading.reserved += trade.amount;
}

export function releaseReserve(state: NodeState, trade: PendingTrade): void {
  if (!state.rules.reservation) return;
  state.trading.reserved -= trade.amount;
  assert(state.trading.reserved >= 0, "more released than reserved");
}

/** Ends a trade that was not and will not be executed (or, with `definite` false, isn't known to be). */
export function closeRefused(
  state: NodeState,
  trade: PendingTrade,
  outcome: TradeData["state"],
  result: CommandResult,
): void {
  removePending(state, trade);
  remember(state.trading.closed, trade.tradeId, outcome);
  journal(state, {
    kind: "trade",
    level: "info",
    msg: `Trade ${trade.tradeId} ${outcome}: ${result.ok ? "" : result.message}`,
    id: trade.tradeId,
    ...endsOf(state, trade),
    amount: trade.amount,
    outcome,
  });
  if (trade.requestId === null) return;
  remember(state.trading.answers, trade.requestId, result);
  if (!trade.answered) reply(state, trade.requestId, true, result);
}

/** The record of a buy came in: it is credited, and the buyer's answer follows when the write is durable. */
export function takeCredited(state: NodeState, record: TradeRecord): PendingTrade | null {
  const trade = state.trading.pending.get(record.trade_id);
  if (trade === undefined || trade.type !== "buy" || trade.peer !== record.seller_id || trade.stage === "COMMITTED")
    return null;
  removePending(state, trade);
  return trade;
}

export function closeCredited(state: NodeState, trade: PendingTrade, writeId: number): void {
  if (trade.requestId === null || trade.answered) return;
  const after = balanceOf(state, state.self.id);
  const text = `BUY ${trade.amount} credits from Node ${trade.peer} [${after - trade.amount} -> ${after}]`;
  reply(state, trade.requestId, true, outcomeResult(state, trade.tradeId, "settled", text), writeId);
}

/** The row that keeps a buy over a restart of the buyer, or marks it as decided. */
export function intentRowOf(trade: PendingTrade, done: boolean): Row {
  const { tradeId, requestId, peer, peerIncarnation, amount } = trade;
  return {
    table: "intent",
    intent: { tradeId, requestId, payer: peer, payerIncarnation: peerIncarnation, amount },
    done,
  };
}

/** A committed debit waits for its payee's disk. */
export function addUnacked(state: NodeState, record: TradeRecord): void {
  const { unacked } = state.trading;
  const queue = unacked.get(record.buyer_id) ?? { entries: new Map(), attempts: 0 };
  unacked.set(record.buyer_id, queue);
  queue.entries.set(record.seq, { tradeId: record.trade_id, sentAtMs: state.nowMs });
}

/** Own debits up to `seq` are on the disk of `peer`: the trades with it up to there are settled. */
export function noteSettled(state: NodeState, peer: NodeId, seq: number): void {
  const queue = state.trading.unacked.get(peer);
  if (queue === undefined) return;
  for (const [number, { tradeId }] of queue.entries) {
    if (number > seq || number > entry(state.ledger.durable, state.self.id)) break;
    queue.entries.delete(number);
    queue.attempts = 0;
    const trade = state.trading.pending.get(tradeId);
    if (trade !== undefined) closeSettled(state, trade);
  }
  if (queue.entries.size > 0) return;
  state.trading.unacked.delete(peer);
  cancelTimer(state.timers, "confirm", peer);
}

function closeSettled(state: NodeState, trade: PendingTrade): void {
  removePending(state, trade);
  if (trade.requestId === null || trade.answered) return;
  reply(state, trade.requestId, true, outcomeResult(state, trade.tradeId, "settled", trade.text));
}

/** `settled` needs both disks: what isn't on ours yet counts as accepted only. */
export function stateOfRecord(state: NodeState, record: TradeRecord): TradeData["state"] {
  const { seller_id: payer, buyer_id: payee, seq } = record;
  if (entry(state.ledger.durable, payer) < seq) return "accepted";
  if (payee === state.self.id) return "settled";
  const member = state.members.get(payee);
  return member !== undefined && durableAt(member, payer) >= seq ? "settled" : "committed";
}

export function outcomeResult(
  state: NodeState,
  tradeId: string,
  outcome: TradeData["state"],
  text: string,
): CommandResult {
  return { ok: true, data: { trade_id: tradeId, state: outcome, balance: balanceOf(state, state.self.id) }, text };
}

/** Adds an entry to a bounded memory, which drops its oldest ones. */
export function remember<K, V>(memory: Map<K, V>, key: K, value: V): void {
  memory.delete(key);
  memory.set(key, value);
  for (const oldest of memory.keys()) {
    if (memory.size <= ANSWERS_MAX) return;
    memory.delete(oldest);
  }
}

export function addDoubt(trading: TradingState, payer: NodeId, tradeId: string): void {
  const doubts = trading.doubts.get(payer);
  if (doubts === undefined) trading.doubts.set(payer, [tradeId]);
  else doubts.push(tradeId);
}

function removeDoubt(trading: TradingState, payer: NodeId, tradeId: string): void {
  const doubts = trading.doubts.get(payer)?.filter((id) => id !== tradeId) ?? [];
  if (doubts.length > 0) trading.doubts.set(payer, doubts);
  else trading.doubts.delete(payer);
}

/** Nobody will ever know whether this buy happened. It stays in doubt, the questions end, and its request is never executed again. */
export function markUnknowable(state: NodeState, trade: PendingTrade): void {
  const { trading } = state;
  if (trade.type !== "buy" || trading.unknowable.has(trade.tradeId)) return;
  trading.unknowable.add(trade.tradeId);
  cancelTimer(state.timers, "request", trade.tradeId);
  const msg = `Node ${trade.peer} lost the disk that knew about trade ${trade.tradeId}: whether it happened stays open (balances are right)`;
  journal(state, {
    kind: "trade",
    level: "warn",
    msg,
    id: trade.tradeId,
    ...endsOf(state, trade),
    outcome: "in_doubt",
  });
}

/** The payer of buys in doubt is back: ask it about them. */
export function wakeDoubts(state: NodeState, payer: NodeId): void {
  for (const tradeId of state.trading.doubts.get(payer) ?? []) {
    if (state.trading.unknowable.has(tradeId)) continue;
    if (!hasTimer(state.timers, "request", tradeId)) setTimer(state.timers, "request", tradeId, state.nowMs);
  }
}

/** Another node may know later debits of this node than its own disk has (repair.ts): a new debit could get the number of one of those. */
export function isOwnLogDoubted(state: NodeState): boolean {
  return hasTimer(state.timers, "own-log-doubt", "");
}

/** Payer and payee of a pending trade. */
function endsOf(state: NodeState, trade: PendingTrade): { from: NodeId; to: NodeId } {
  const own = state.self.id;
  const paidByUs = trade.type === "sell" || trade.stage === "COMMITTED";
  return paidByUs ? { from: own, to: trade.peer } : { from: trade.peer, to: own };
}

/** May the account be traded with? */
export function isConfirmed(state: NodeState): boolean {
  return state.join.confirmed || !state.rules.confirmedAccount;
}
