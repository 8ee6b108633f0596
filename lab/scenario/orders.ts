/**
 * Orders to trade, as steps and loads give them: each with a name, written down with what came of it, so that checkers can hold the
 * nodes' books against what was promised to whom ordered it.
 */
import type { NodeId } from "../../node/wire/ids.ts";
import { LabError } from "../base/lab-error.ts";
import type { LabHandle } from "../cluster/lab-handle.ts";
import { trade } from "../cluster/trade.ts";
import { newRequestId } from "../control/world.ts";

export interface Order {
  readonly op: "sell" | "buy";
  readonly node: NodeId;
  readonly peer: NodeId;
  readonly amount: number;
}

/** `open`: no final answer in time; it may still be decided. */
export type OrderResult =
  | { readonly result: "settled"; readonly tradeId: string; readonly text: string }
  | { readonly result: "refused"; readonly code: string; readonly definite: boolean; readonly text: string }
  | { readonly result: "open"; readonly text: string };

export interface OrderOptions {
  readonly timeoutMs: number;
  /** Incarnation of the node; default: it is asked first. */
  readonly inc?: number;
}

/** @throws LabError when somebody interrupts it, or the world ends; whatever comes of the order is a result */
export async function placeOrder(lab: LabHandle, order: Order, { timeoutMs, inc }: OrderOptions): Promise<OrderResult> {
  const { op, node, peer, amount } = order;
  const request = newRequestId(lab.engine.world);
  const note = (fields: {
    result: "begin" | OrderResult["result"];
    trade?: string;
    code?: string;
    definite?: boolean;
  }) =>
    lab.note(
      { action: "order", request, op, by: node, peer, amount, ...fields },
      `${op} ${node} ${peer} ${amount}: ${fields.result}`,
    );
  await note({ result: "begin" });
  try {
    const options = { until: "settled", timeoutMs, requestId: request, ...(inc !== undefined && { inc }) } as const;
    const { trade: done, text } = await trade(lab, op, { from: node, peer, amount }, options);
    await note({ result: "settled", trade: done.trade_id });
    return { result: "settled", tradeId: done.trade_id, text: text.trimEnd() };
  } catch (error) {
    if (!(error instanceof LabError) || (error.exit !== "failed" && error.exit !== "timeout")) throw error;
    const { code, definite } = error.details;
    if (typeof code === "string" && error.exit !== "timeout") {
      await note({ result: "refused", code, definite: definite === true });
      return { result: "refused", code, definite: definite === true, text: error.message };
    }
    // A node that doesn't run can't have taken it up.
    const isAway = error.details.status !== undefined;
    await note(isAway ? { result: "refused", code: "NOT_RUNNING", definite: true } : { result: "open" });
    return isAway
      ? { result: "refused", code: "NOT_RUNNING", definite: true, text: error.message }
      : { result: "open", text: error.message };
  }
}
