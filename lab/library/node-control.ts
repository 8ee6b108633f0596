/**
 * The control channel of one node in a container: by datagram through its published port, with its token; where that doesn't get
 * through (it was stopped, a firewall), by a command inside the container.
 */
import { HistoryData, type PingData, StateData, TradeData } from "../../node/wire/control.ts";
import type { NodeId } from "../../node/wire/ids.ts";
import { type ControlBody, ControlClient, type ControlTarget } from "../control/control-client.ts";
import { REAL_WORLD } from "../control/real-world.ts";
import { newRequestId } from "../control/world.ts";
import type { TradeResult, Transfer } from "./public-types.ts";

const TRADE_MS = 15_000;
const PING_MS = 1_000;
const HISTORY_PAGE = 1_000;

export class NodeControl implements AsyncDisposable {
  readonly #client: ControlClient;
  readonly #target: ControlTarget;

  /** @internal */
  constructor(token: string, target: ControlTarget) {
    this.#client = new ControlClient(token, REAL_WORLD);
    this.#target = target;
  }

  /** All that the node tells of itself: role, coordinator, term, members, clock, balances, counters. @throws LabError */
  async status(): Promise<StateData> {
    return StateData.parse(await this.#call({ op: "state" }));
  }

  /** The same in the words of the original's prompt. */
  async describe(): Promise<string> {
    return (await this.#client.call(this.#target, { op: "status" })).text;
  }

  /** Null: no answer within a second. */
  async ping(): Promise<PingData | null> {
    return await this.#client.ping(this.#target, { timeoutMs: PING_MS });
  }

  /** Gives `amount` credits to node `to`; resolves when both have it on disk. @throws LabError with the refusal, or "timeout" */
  async sell(order: {
    readonly to: NodeId;
    readonly amount: number;
    readonly withinMs?: number;
  }): Promise<TradeResult> {
    return await this.#trade("sell", order.to, order);
  }

  /** Gets `amount` credits from node `from`; otherwise like `sell`. */
  async buy(order: {
    readonly from: NodeId;
    readonly amount: number;
    readonly withinMs?: number;
  }): Promise<TradeResult> {
    return await this.#trade("buy", order.from, order);
  }

  async balance(): Promise<number> {
    return (await this.status()).balance;
  }

  /** Its ledger, oldest first. */
  async history(): Promise<readonly Transfer[]> {
    const entries: Transfer[] = [];
    for (;;) {
      const page = HistoryData.parse(await this.#call({ op: "history", offset: entries.length, limit: HISTORY_PAGE }));
      entries.push(...page.entries.map(({ trade_id: tradeId, from, to, amount }) => ({ tradeId, from, to, amount })));
      if (page.entries.length === 0 || entries.length >= page.total) return entries;
    }
  }

  /** Makes it stand for election. */
  async elect(): Promise<void> {
    await this.#call({ op: "election" });
  }

  /** It says goodbye to the group and ends. */
  async leave(): Promise<void> {
    await this.#call({ op: "leave" });
  }

  /** Closes its socket; the next question opens another. */
  async close(): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #trade(op: "sell" | "buy", peer: NodeId, order: { amount: number; withinMs?: number }): Promise<TradeResult> {
    // Made for the process that runs now: one that restarted meanwhile refuses it instead of trading twice.
    const { inc } = await this.status();
    const body = { op, peer, amount: order.amount, inc, until: "settled" } as const;
    const options = { requestId: newRequestId(REAL_WORLD), timeoutMs: order.withinMs ?? TRADE_MS };
    const { data, text } = await this.#client.call(this.#target, body, options);
    const done = TradeData.parse(data);
    return { tradeId: done.trade_id, state: done.state, balance: done.balance, text };
  }

  async #call(body: ControlBody): Promise<unknown> {
    return (await this.#client.call(this.#target, body)).data;
  }
}
