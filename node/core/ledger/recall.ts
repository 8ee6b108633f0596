/**
 * Names the record that an input needs from the store: a trade or a request of long ago must not be executed a second time either.
 *
 * The core reads no disk. The shell asks before each step which record it needs, if any, and brings it with the input.
 */
import type { NodeId } from "../../wire/ids.ts";
import type { MessageOf, TradeRecord } from "../../wire/message.ts";
import type { Input } from "../kernel/types.ts";
import type { NodeState } from "../state.ts";
import { parseTradeId } from "./trade-id.ts";

export type RecallKey =
  /** A debit of this node, by the trade that it executed, else by the payee's request. */
  | { readonly kind: "trade"; readonly tradeId: string; readonly payee: NodeId; readonly requestId: string | null }
  /** A debit of any account. */
  | { readonly kind: "debit"; readonly origin: NodeId; readonly seq: number }
  /** The trade that this node made for a control request. */
  | { readonly kind: "request"; readonly requestId: string };

/** Where records are looked up; null: it never had that one. */
export type Recall = (key: RecallKey) => TradeRecord | null;

/** All records that are on disk, also those that memory no longer holds. Throws what the disk throws. */
export interface Archive {
  readonly recall: Recall;
  /** The record of a trade of any two nodes. */
  trade(tradeId: string): TradeRecord | null;
  /** Records `offset` (0: the first that was delivered here) and following, and how many there are in all. */
  page(offset: number, limit: number): { readonly total: number; readonly records: readonly TradeRecord[] };
  /** The newest records in which this node pays or is paid, oldest first. */
  newestOfOwn(limit: number): readonly TradeRecord[];
}

/** The record that has to come with `input`; null: none, as nearly always. */
export function recallOf(state: NodeState, input: Input): RecallKey | null {
  if (input.type === "message") {
    const { message, from } = input;
    if (message.message_type === "NAK") return compactedDebit(state, message.payload.ranges);
    const isAsked =
      (message.message_type === "TRADE_REQUEST" && message.payload.trade_type === "buy") ||
      (message.message_type === "TRADE_RESPONSE" && !message.payload.accepted);
    if (!isAsked || !hasCompacted(state)) return null;
    const tradeId = message.payload.trade_id;
    const isToUs = parseTradeId(tradeId)?.from === from.sender;
    if (!isToUs || state.ledger.byTrade.has(tradeId)) return null;
    const requestId = message.message_type === "TRADE_REQUEST" ? (message.payload.request_id ?? null) : null;
    return { kind: "trade", tradeId, payee: from.sender, requestId };
  }
  if (input.type !== "command" || input.command.op === "election" || !isAnyCompacted(state)) return null;
  const { requestId } = input.command;
  const { byRequest, answers } = state.trading;
  const isKnown = byRequest.has(requestId) || answers.has(requestId);
  return isKnown || state.ledger.byRequest.has(`${state.self.id}/${requestId}`) ? null : { kind: "request", requestId };
}

/** The input with the record that it needs from the store. Throws what `recall` throws. */
export function withRecalled(state: NodeState, input: Input, recall: Recall): Input {
  const key = recallOf(state, input);
  return key === null ? input : ({ ...input, recalled: recall(key) } as Input);
}

/** The input needs a record of the store and came without it: the store can't be read, so earlier executions are unknown. */
export function isUnanswerable(state: NodeState, input: Input): boolean {
  const { config } = state;
  return config.durable && recallOf(state, input) !== null && (input as { recalled?: unknown }).recalled === undefined;
}

/** A single debit that somebody wants to see is a proof: a fence, or what a diverged log has under a number. However old it is. */
function compactedDebit(state: NodeState, ranges: MessageOf<"NAK">["payload"]["ranges"]): RecallKey | null {
  for (const { origin, from, to } of ranges) {
    const base = state.ledger.accounts.get(origin)?.base;
    if (from === to && base !== undefined && from <= base.seq) return { kind: "debit", origin, seq: from };
  }
  return null;
}

/** Whether any own debit is compacted. */
function hasCompacted(state: NodeState): boolean {
  return (state.ledger.accounts.get(state.self.id)?.base.seq ?? 0) > 0;
}

function isAnyCompacted(state: NodeState): boolean {
  for (const { base } of state.ledger.accounts.values()) if (base.seq > 0) return true;
  return false;
}
