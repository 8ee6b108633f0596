/**
 * Trades as this node's user asks for them: `sell N A` pays A credits to N, `buy N A` asks N to pay A.
 *
 * The payer alone decides, and a trade happens at one point: the payer's write of the debit. Before it everything is volatile and may
 * be dropped; after it nothing is ever taken back. A control request is executed at most once, however often it is repeated, across
 * restarts too. Sources: Guerraoui et al., PODC 2019; FastPay, arXiv 2003.11506 (per-account numbers make repetition harmless);
 * TigerBeetle (two-phase transfers: reserve, then post or void).
 */

import type { RefusalCode } from "../../wire/control.ts";
import { AMOUNT_MAX, type NodeId } from "../../wire/ids.ts";
import type { TradeRecord } from "../../wire/message.ts";
import { journal, persist, reply } from "../kernel/outbox.ts";
import type { Recovered } from "../kernel/rows.ts";
import { setTimer } from "../kernel/timers.ts";
import type { Command, CommandResult, Self } from "../kernel/types.ts";
import { accountOf, balanceOf } from "../ledger/ledger.ts";
import { recordOfRequest } from "../ledger/trade-index.ts";
import { aliveIds, isLive } from "../membership/members.ts";
import { waitingText } from "../recovery/awaited.ts";
import type { NodeState } from "../state.ts";
import { rearmConfirm } from "./confirmations.ts";
import { sendRequest } from "./initiator.ts";
import { openResult, tradeOutcome, unwrittenResult } from "./outcomes.ts";
import {
  addDoubt,
  addPending,
  addUnacked,
  closeRefused,
  createTrade,
  intentRowOf,
  isConfirmed,
  isOwnLogDoubted,
  outcomeResult,
  type PendingTrade,
  remember,
  reserve,
  stateOfRecord,
  type TradingState,
} from "./trade-table.ts";

type TradeCommand = Extract<Command, { op: "sell" | "buy" }>;
type Refusal = Extract<CommandResult, { ok: false }>;

export function createTrading(recovered: Recovered | undefined, self: Self): TradingState {
  const trading: TradingState = {
    nextTradeSeq: 1,
    reserved: 0,
    pending: new Map(),
    byRequest: new Map(),
    unacked: new Map(),
    refused: new Map(),
    forgotten: new Map(),
    unknowable: new Set(),
    answers: new Map(),
    closed: new Map(),
    doubts: new Map(),
  };
  const executed = new Set(recovered?.records.map((record) => record.trade_id));
  for (const intent of recovered?.intents ?? []) {
    if (executed.has(intent.tradeId) || intent.payer === self.id) continue;
    const { tradeId, requestId, payer: peer, payerIncarnation: peerIncarnation, amount } = intent;
    const asked = { tradeId, type: "buy", peer, peerIncarnation, amount, requestId } as const;
    addPending(trading, createTrade({ ...asked, stage: "IN_DOUBT", answered: true }));
    addDoubt(trading, intent.payer, intent.tradeId);
  }
  return trading;
}

/** Takes up a sell or a buy, refuses it without any change, or answers a repeated request. */
export function onTradeCommand(state: NodeState, command: TradeCommand): void {
  if (answerRepeated(state, command)) return;
  const refusal = refusalOf(state, command);
  if (refusal !== null) {
    remember(state.trading.answers, command.requestId, refusal);
    reply(state, command.requestId, true, refusal);
    return;
  }
  const trade = newTrade(state, command);
  addPending(state.trading, trade);
  if (command.op === "sell") {
    reserve(state, trade);
  } else if (state.rules.persistedIntents) {
    // On disk before the request leaves: after a restart the buyer still knows which trades may have happened.
    trade.writeId = persist(state, [intentRowOf(trade, false)]);
  }
  journal(state, {
    kind: "trade",
    level: "debug",
    msg: `Trade ${trade.tradeId}: ${command.op} ${trade.amount} credits, asking Node ${trade.peer}`,
    id: trade.tradeId,
    from: command.op === "sell" ? state.self.id : trade.peer,
    to: command.op === "sell" ? trade.peer : state.self.id,
    amount: trade.amount,
  });
  setTimer(state.timers, "offer", trade.tradeId, state.nowMs + state.config.timing.offerTimeoutMs);
  sendRequest(state, trade);
  acknowledge(state, trade, command.until);
}

/** Before a graceful leave: offers that weren't committed are void; buys may still be executed by their payers. */
export function cancelAll(state: NodeState): void {
  for (const trade of [...state.trading.pending.values()]) {
    if (trade.stage === "OFFERED") {
      const message = `Trade ${trade.tradeId} cancelled: this node is leaving`;
      closeRefused(state, trade, "rejected", refuse("NOT_READY", message, trade.tradeId));
    } else if (trade.requestId !== null && !trade.answered) {
      trade.answered = true;
      reply(state, trade.requestId, true, openResult(state, trade, "this node is leaving"));
    }
  }
}

/** A write failed: what it should have made durable is unknown for good, and nothing new may be promised. */
export function failPending(state: NodeState, reason: string): void {
  for (const trade of [...state.trading.pending.values()]) {
    if (trade.requestId === null || trade.answered) continue;
    if (trade.stage === "OFFERED") continue;
    trade.answered = true;
    reply(state, trade.requestId, true, openResult(state, trade, `the store of this node failed (${reason})`));
  }
}

/** Buys of ours in a write that failed: their answers waited for it, and are gone. */
export function failCredited(state: NodeState, records: readonly TradeRecord[], reason: string): void {
  for (const record of records) {
    if (record.buyer_id !== state.self.id || record.request_id === undefined) continue;
    if (recordOfRequest(state, record.request_id)?.trade_id !== record.trade_id) continue;
    reply(state, record.request_id, true, unwrittenResult(record, reason));
  }
}

function newTrade(state: NodeState, command: TradeCommand): PendingTrade {
  const { self, trading } = state;
  const tradeId = `${self.id}-${command.peer}-${self.incarnation}.${trading.nextTradeSeq++}`;
  const { op: type, peer, amount, requestId } = command;
  const peerIncarnation = state.members.get(peer)?.incarnation ?? 0;
  const stage = type === "sell" ? "OFFERED" : "REQUESTED";
  return createTrade({ tradeId, type, peer, peerIncarnation, amount, requestId, stage, answered: false });
}

/** The client learns the trade id at once; with `accepted` that is all it wants. */
function acknowledge(state: NodeState, trade: PendingTrade, until: "settled" | "accepted"): void {
  if (trade.requestId === null) return;
  trade.until = until;
  trade.answered = until === "accepted";
  const text = trade.text || `Trade ${trade.tradeId} with Node ${trade.peer} is under way`;
  const { state: outcome } = tradeOutcome(state, trade.tradeId);
  const afterWrite = trade.stage === "REQUESTED" && trade.writeId !== null ? trade.writeId : undefined;
  reply(state, trade.requestId, trade.answered, outcomeResult(state, trade.tradeId, outcome, text), afterWrite);
}

/** True when the request was known: it is answered, or answered later by the trade that it stands for. */
function answerRepeated(state: NodeState, command: TradeCommand): boolean {
  if (!state.rules.requestsOnce) return false;
  const { trading } = state;
  const { requestId } = command;
  const pending = trading.pending.get(trading.byRequest.get(requestId) ?? "");
  if (pending !== undefined && state.phase === "HALTED" && pending.stage !== "OFFERED") {
    reply(state, requestId, true, openResult(state, pending, "the store of this node failed"));
    return true;
  }
  if (pending !== undefined && trading.unknowable.has(pending.tradeId)) {
    reply(state, requestId, true, openResult(state, pending, `Node ${pending.peer} lost the disk that knew`));
    return true;
  }
  if (pending !== undefined) {
    acknowledge(state, pending, command.until);
    return true;
  }
  const answer = trading.answers.get(requestId);
  if (answer !== undefined) {
    reply(state, requestId, true, answer);
    return true;
  }
  const record = recordOfRequest(state, requestId);
  if (record === undefined) return false;
  answerExecuted(state, command, record);
  return true;
}

/** The request was executed, perhaps by an earlier run of this node: report it, and make sure that the payee gets the record. */
function answerExecuted(state: NodeState, command: TradeCommand, record: TradeRecord): void {
  const outcome = stateOfRecord(state, record);
  const text = `Trade ${record.trade_id} of ${record.amount} credits was executed`;
  const isFinal = outcome === "settled" || command.until === "accepted";
  if (!isFinal && record.seller_id !== state.self.id) {
    // A buy whose record is being written at this moment: nothing else will remember this request.
    const settled = outcomeResult(state, record.trade_id, "settled", text);
    if (state.phase === "HALTED") reply(state, command.requestId, true, unwrittenResult(record, "the store failed"));
    else reply(state, command.requestId, true, settled, writeOf(state, record));
    return;
  }
  reply(state, command.requestId, isFinal, outcomeResult(state, record.trade_id, outcome, text));
  if (isFinal || state.phase === "HALTED") return;
  const { trade_id: tradeId, buyer_id: peer, amount, seq } = record;
  const sale = { tradeId, type: "sell", peer, peerIncarnation: 0, amount, requestId: command.requestId } as const;
  addPending(state.trading, { ...createTrade({ ...sale, stage: "COMMITTED", answered: false }), seq, text });
  addUnacked(state, record);
  rearmConfirm(state, record.buyer_id);
}

/** The write that makes a delivered record durable. */
function writeOf(state: NodeState, record: TradeRecord): number | undefined {
  for (const [writeId, { records }] of state.ledger.writes) if (records.includes(record)) return writeId;
  return undefined;
}

/** Why the command isn't taken up; nothing has been changed by then. */
function refusalOf(state: NodeState, command: TradeCommand): Refusal | null {
  const { self, config, phase } = state;
  const { op, peer, amount } = command;
  if (!Number.isSafeInteger(amount) || amount < 1 || amount > AMOUNT_MAX) {
    return refuse("BAD_REQUEST", `Invalid amount: ${amount} (a whole number from 1 to ${AMOUNT_MAX})`);
  }
  if (command.inc !== null && command.inc !== self.incarnation) {
    const message = `Node ${self.id} restarted meanwhile (incarnation ${self.incarnation}, not ${command.inc}) and has no such trade`;
    // Without a disk, or with one that is younger, the trade may have been made and survive at other nodes only.
    return { ...refuse("STALE", message), definite: config.durable && command.inc >= state.ledger.ownSince };
  }
  if (phase === "HALTED")
    return refuse("STORAGE", `Node ${self.id} can't trade: its store failed, restart it when the disk is repaired`);
  if (peer === self.id) return refuse("SELF_TRADE", "Cannot trade with yourself");
  if (phase !== "READY" || accountOf(state, self.id) === undefined) {
    const waiting = waitingText(state);
    const why = waiting === "" ? phase : `${phase}: ${waiting}`;
    return refuse("NOT_READY", `Node ${self.id} is not ready to trade (${why})`);
  }
  const unavailable = tradeRefusal(state, peer);
  if (unavailable !== null) return refuse(unavailable.code, unavailable.message);
  if (!isConfirmed(state)) {
    return refuse("NOT_READY", `Node ${self.id} is not ready to trade (no other node has confirmed its account yet)`);
  }
  if (op === "sell" && isOwnLogDoubted(state)) {
    return refuse(
      "NOT_READY",
      `Node ${self.id} is not ready to pay (another node says that it knows later debits; asking it)`,
    );
  }
  if (op === "sell" && balanceOf(state, self.id) - state.trading.reserved < amount) {
    return refuse("INSUFFICIENT_CREDITS", `Cannot sell ${amount} energy credits - insufficient balance`);
  }
  return null;
}

function refuse(code: RefusalCode, message: string, tradeId?: string): Refusal {
  return { ok: false, code, definite: true, message, ...(tradeId === undefined ? {} : { tradeId }) };
}

/** Why no trade can be made with this peer now; null: it can (a SUSPECTED peer is no reason to refuse). */
export function tradeRefusal(state: NodeState, peer: NodeId): { code: RefusalCode; message: string } | null {
  const member = state.members.get(peer);
  if (member !== undefined && isLive(member)) return null;
  const active = [...aliveIds(state), state.self.id].sort((a, b) => a - b).join(", ");
  const message = `Node ${peer} is not available in the system. Active nodes: [${active}]`;
  if (member?.state === "LEFT") return { code: "NODE_LEFT", message };
  if (member?.state === "FAILED") return { code: "NODE_FAILED", message };
  return { code: "UNKNOWN_NODE", message };
}
