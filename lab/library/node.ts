/**
 * One node of a lab: what can be done to it, what it can be told, what it says.
 *
 * A handle, not a copy: it holds the id only, and asks at each call.
 */
import { StateData } from "../../node/wire/control.ts";
import type { NodeId } from "../../node/wire/ids.ts";
import { normalizeSignal } from "../base/signals.ts";
import { kill, leave, pause, restoreDisks, resume, saveDisks, start, stop, wipe } from "../cluster/change.ts";
import type { LabHandle } from "../cluster/lab-handle.ts";
import { reportNodes } from "../cluster/node-rows.ts";
import { ask, questionOf } from "../cluster/program-lab.ts";
import { readHistory, trade } from "../cluster/trade.ts";
import { resolveFault } from "../faults/request.ts";
import { heal, setFault } from "../faults/service.ts";
import type { NodeStatus, TradeResult, Transfer } from "./public-types.ts";
import { describeStatus } from "./status.ts";

const GRACE_MS = 10_000;
const TRADE_MS = 15_000;

export interface TradeTime {
  /** How long both ends may take to have it on disk; then a LabError("timeout") that names the trade. Default: 15,000. */
  readonly withinMs?: number;
}

export class LabNode {
  readonly id: NodeId;
  readonly #lab: LabHandle;

  /** @internal */
  constructor(lab: LabHandle, id: NodeId) {
    this.#lab = lab;
    this.id = id;
  }

  /** Of a program that isn't ours: its answer to a question that `node.ask` describes. */
  async ask(name: string, ...args: readonly string[]): Promise<unknown> {
    return await ask(this.#lab, this.id, questionOf(this.#lab, "ask", name), args);
  }

  /** Gives it an order that `node.tell` describes. */
  async tell(name: string, ...args: readonly string[]): Promise<unknown> {
    return await ask(this.#lab, this.id, questionOf(this.#lab, "tell", name), args);
  }

  /** Ends it at once, as a power cut would. @param signal another signal: `SIGTERM`, `SIGINT`, … */
  async kill(signal = "SIGKILL"): Promise<void> {
    const name = normalizeSignal(signal);
    await this.#change("kill", (ids) => kill(this.#lab, ids, name));
  }

  /** Lets it leave and end (SIGTERM). @param options.graceMs after this it is killed. Default: 10,000 */
  async stop(options: { readonly graceMs?: number } = {}): Promise<void> {
    await this.#change("stop", (ids) => stop(this.#lab, ids, options.graceMs ?? GRACE_MS));
  }

  /** Starts it again with the ledger that it had. Resolves when its process runs; wait for `agree` to see it take part. */
  async start(): Promise<void> {
    await this.#change("start", (ids) => start(this.#lab, ids));
  }

  /** Replaces its disk by an empty one: started again, it has lost its ledger. @throws LabError("failed") while it runs */
  async wipe(): Promise<void> {
    await this.#change("wipe", (ids) => wipe(this.#lab, ids));
  }

  /** A copy of its disk as it is now, for `restoreDisk` of the same runtime. A node that runs is frozen for a moment. */
  async saveDisk(): Promise<Uint8Array> {
    const images = await this.#lab.locked(`disk save ${this.id}`, () => saveDisks(this.#lab, [this.id]));
    return images.get(this.id) as Uint8Array;
  }

  /** Puts a saved disk back: started again, it has forgotten what it did since. @throws LabError("failed") while it runs */
  async restoreDisk(disk: Uint8Array): Promise<void> {
    await this.#change("disk restore", (ids) => restoreDisks(this.#lab, new Map(ids.map((id) => [id, disk]))));
  }

  async restart(options: { readonly graceMs?: number } = {}): Promise<void> {
    await this.#change("restart", async (ids) => {
      await stop(this.#lab, ids, options.graceMs ?? GRACE_MS);
      await start(this.#lab, ids);
    });
  }

  /** Freezes it: it neither sends nor receives, and doesn't know it. @param options.forMs it goes on by itself then */
  async pause(options: { readonly forMs?: number } = {}): Promise<void> {
    const { forMs } = options;
    await this.#change("pause", (ids) =>
      pause(this.#lab, ids, forMs === undefined ? null : this.#lab.clock.wallMs() + forMs),
    );
  }

  async resume(): Promise<void> {
    await this.#change("resume", (ids) => resume(this.#lab, ids));
  }

  /** It says goodbye to the group and ends; the group forgets neither it nor its credits. */
  async leave(): Promise<void> {
    await this.#change("leave", () => leave(this.#lab, this.id));
  }

  /** Pulls its network cable (Docker). @throws LabError("unsupported") elsewhere */
  async unplug(): Promise<void> {
    const command = { verb: "unplug", nodes: String(this.id), forMs: null } as const;
    await setFault(this.#lab, await resolveFault(this.#lab, command));
  }

  async plug(): Promise<void> {
    await heal(this.#lab, { cables: [this.id] });
  }

  /** As the engine and the node itself describe it. */
  async status(): Promise<NodeStatus> {
    const rows = await reportNodes(this.#lab);
    this.#lab.node(this.id);
    const row = rows.find(({ id }) => id === this.id);
    if (row === undefined) throw new Error(`node ${this.id} is in the lab and not in its table`);
    return describeStatus(row);
  }

  /** All that it tells of itself: members, clock, balances, counters, as `lab status -o json`. @throws LabError when it can't answer */
  async state(): Promise<StateData> {
    return StateData.parse((await this.#lab.call(this.id, { op: "state" })).data);
  }

  /** Its own credits. @throws LabError when it can't answer */
  async balance(): Promise<number> {
    return (await this.state()).balance;
  }

  /** Its ledger, oldest first. @param options.tail only the last ones */
  async history(options: { readonly tail?: number } = {}): Promise<readonly Transfer[]> {
    const { entries } = await readHistory(this.#lab, this.id, options.tail ?? null);
    return entries.map(({ trade_id: tradeId, from, to, amount }) => ({ tradeId, from, to, amount }));
  }

  /**
   * Gives `amount` credits to node `to`. Resolves when both have it on disk.
   * @throws LabError with the node's refusal (`details.code`), or LabError("timeout") while the outcome is open
   */
  async sell(order: { readonly to: NodeId; readonly amount: number } & TradeTime): Promise<TradeResult> {
    return await this.#trade("sell", order.to, order);
  }

  /** Gets `amount` credits from node `from`; otherwise like `sell`. */
  async buy(order: { readonly from: NodeId; readonly amount: number } & TradeTime): Promise<TradeResult> {
    return await this.#trade("buy", order.from, order);
  }

  async #trade(kind: "sell" | "buy", peer: NodeId, order: { amount: number } & TradeTime): Promise<TradeResult> {
    const { trade: done, text } = await trade(
      this.#lab,
      kind,
      { from: this.id, peer, amount: order.amount },
      { until: "settled", timeoutMs: order.withinMs ?? TRADE_MS },
    );
    return { tradeId: done.trade_id, state: done.state, balance: done.balance, text };
  }

  async #change(verb: string, change: (ids: readonly NodeId[]) => Promise<void>): Promise<void> {
    await this.#lab.locked(`${verb} ${this.id}`, async () => {
      // One that isn't there is told by name, with those that are.
      this.#lab.node(this.id);
      await change([this.id]);
    });
    await this.#lab.refresh();
  }
}
