/**
 * Trades from outside: `sell` and `buy` with their three possible endings (done, refused, open), and the ledger's history.
 *
 * At most once: the request keeps its id over all repetitions, and carries the incarnation of the node that it was made for, so a
 * node that restarted in between refuses it instead of trading twice (node/protocol/control.md#once-only).
 */
import { HistoryData, StateData, TradeData } from "../../node/wire/control.ts";
import { AMOUNT_MAX, type NodeId } from "../../node/wire/ids.ts";
import { LabError } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";
import { newRequestId } from "../control/world.ts";
import type { LabHandle } from "./lab-handle.ts";

/** A page is many datagrams, of a node that may be busy with others' trades. */
const HISTORY_TIMEOUT_MS = 20_000;
const HISTORY_PAGE = 200;

export interface TradeOptions {
  /** `settled`: both disks have it; `accepted`: the node took it up. */
  readonly until: "settled" | "accepted";
  readonly timeoutMs: number;
  /** The request's id; default: a new one. */
  readonly requestId?: string;
  /** Incarnation of the node that is meant; default: it is asked first. */
  readonly inc?: number;
  readonly onAccepted?: () => void;
}

export interface TradeOutcome {
  readonly trade: TradeData;
  /** The node's own words. */
  readonly text: string;
}

/** Whole credits. Throws LabError("usage"). */
export function parseAmount(text: string): number {
  const amount = Number(text);
  if (/^[+-]?\d+(\.\d+)?$/.test(text) && Number.isInteger(amount) && amount >= 1 && amount <= AMOUNT_MAX) return amount;
  const why = !/^[+-]?\d+(\.\d+)?$/.test(text)
    ? "isn't a number"
    : !Number.isInteger(amount)
      ? "isn't a whole number"
      : amount < 1
        ? "is less than 1"
        : "is too large";
  throw new LabError("usage", `the amount "${text}" ${why}`, `trade 1 to ${AMOUNT_MAX} whole credits`);
}

/**
 * Node `from` sells to, or buys from, node `peer`.
 * @throws LabError("failed") with the node's refusal; LabError("timeout") when the outcome is open: `details.trade_id` names it
 */
export async function trade(
  lab: LabHandle,
  kind: "sell" | "buy",
  order: { readonly from: NodeId; readonly peer: NodeId; readonly amount: number },
  options: TradeOptions,
): Promise<TradeOutcome> {
  const { from, peer, amount } = order;
  if (from === peer) {
    const details = { code: "SELF_TRADE", definite: true };
    throw new LabError("failed", "Cannot trade with yourself", "name two different nodes", { details });
  }
  const requestId = options.requestId ?? newRequestId(lab.engine.world);
  const inc = options.inc ?? StateOrPing.parse((await lab.call(from, { op: "ping" })).data).inc;
  try {
    const body = { op: kind, peer, amount, inc, until: options.until } as const;
    const { data, text } = await lab.call(from, body, {
      requestId,
      timeoutMs: options.timeoutMs,
      ...(options.onAccepted === undefined ? {} : { onAccepted: options.onAccepted }),
    });
    return { trade: TradeData.parse(data), text };
  } catch (error) {
    if (!(error instanceof LabError) || error.exit !== "timeout") throw error;
    throw await explainOpen(lab, kind, order, requestId, error);
  }
}

/** Entries of node `id`'s ledger, oldest first; the last `tail` of them. */
export async function readHistory(lab: LabHandle, id: NodeId, tail: number | null): Promise<HistoryData> {
  const ask = async (offset: number, limit: number): Promise<HistoryData> =>
    HistoryData.parse((await lab.call(id, { op: "history", offset, limit }, { timeoutMs: HISTORY_TIMEOUT_MS })).data);
  const probe = await ask(0, tail === null ? HISTORY_PAGE : 1);
  const begin = tail === null ? 0 : Math.max(0, probe.total - tail);
  const entries = tail === null ? [...probe.entries] : [];
  while (begin + entries.length < probe.total) {
    const page = await ask(begin + entries.length, HISTORY_PAGE);
    if (page.entries.length === 0) break;
    entries.push(...page.entries);
  }
  return { total: probe.total, offset: begin, entries };
}

/** The one node that a selector means. @throws LabError("usage") when it means several */
export async function resolveOne(lab: LabHandle, selector: string): Promise<NodeId> {
  const chosen = await lab.resolve(selector);
  const [first, second] = chosen;
  if (first !== undefined && second === undefined) return first.id;
  throw new LabError(
    "usage",
    `"${selector}" means ${chosen.length} nodes (${chosen.map((node) => node.id).join(", ")})`,
    "name one",
  );
}

const StateOrPing = StateData.pick({ inc: true });

/** The answer didn't come: what is known of the trade, and how to see later what became of it. */
async function explainOpen(
  lab: LabHandle,
  kind: "sell" | "buy",
  order: { readonly from: NodeId; readonly peer: NodeId; readonly amount: number },
  requestId: string,
  error: LabError,
): Promise<LabError> {
  const tradeId =
    typeof error.details.trade_id === "string"
      ? error.details.trade_id
      : await findTradeId(lab, kind, order, requestId);
  const details = { ...error.details, request_id: requestId, ...(tradeId === null ? {} : { trade_id: tradeId }) };
  if (tradeId === null) {
    const message = `${error.message}; whether it traded is not known`;
    return new LabError("timeout", message, NEXT.readHistory(order.from), {
      cause: error,
      details,
    });
  }
  return new LabError(
    "timeout",
    `trade ${tradeId} is open: ${kind} of ${order.amount} between node ${order.from} and node ${order.peer} isn't settled yet`,
    ["it is decided when both can talk", NEXT.readHistory(order.from)],
    { cause: error, details },
  );
}

async function findTradeId(
  lab: LabHandle,
  kind: "sell" | "buy",
  order: { readonly from: NodeId; readonly peer: NodeId; readonly amount: number },
  requestId: string,
): Promise<string | null> {
  try {
    const state = StateData.parse((await lab.call(order.from, { op: "state" }, { timeoutMs: 1_500 })).data);
    const pending = state.pending_trades.filter(
      (item) => item.type === kind && item.peer === order.peer && item.amount === order.amount,
    );
    const last = pending.at(-1);
    if (last !== undefined) return last.trade_id;
    const { entries } = await readHistory(lab, order.from, 50);
    return entries.find((entry) => entry.request_id === requestId)?.trade_id ?? null;
  } catch {
    return null;
  }
}
