/**
 * Trades at a steady rate among nodes that run, in the background or for a while.
 *
 * Idea: an order is given when its time has come, whether or not those before were answered (an open loop), so that a slow cluster
 * isn't spared. What is refused or gets no answer is counted, not an error: a scenario that wants more says `settled: 90%`.
 */

import type { NodeId } from "../../node/wire/ids.ts";
import { sleep } from "../base/lab-clock.ts";
import { LabError } from "../base/lab-error.ts";
import type { LabHandle } from "../cluster/lab-handle.ts";
import { Draw } from "../sim/world/draw.ts";
import type { Order } from "./orders.ts";
import { placeOrder } from "./orders.ts";
import type { LoadSummary } from "./result.ts";

export interface LoadPlan {
  readonly path: string;
  /** Trades a second. */
  readonly rate: number;
  /** Null: until it is stopped. */
  readonly forMs: number | null;
  /** Told to trade in turn; null: random pairs of nodes that run. */
  readonly pairs: readonly (readonly [NodeId, NodeId])[] | null;
  readonly amount: readonly [least: number, most: number];
  /** The least share of its trades that must settle: `90%`. */
  readonly settled?: string | undefined;
}

/** How long an order of a load waits for its answer. */
const ORDER_MS_MAX = 15_000;
/** Orders without an answer that may be under way at once: an open loop must end somewhere. */
const IN_FLIGHT_MAX = 500;

interface Running {
  readonly plan: LoadPlan;
  readonly stop: AbortController;
  readonly counts: { offered: number; settled: number; refused: number; open: number };
  readonly done: Promise<void>;
}

/** The loads of one run. */
export class Loads {
  readonly #lab: LabHandle;
  readonly #seed: number;
  readonly #loads: Running[] = [];
  #failure: unknown = null;

  constructor(lab: LabHandle, seed: number) {
    this.#lab = lab;
    this.#seed = seed;
  }

  /** Begins at once; `finish` waits for its end. */
  begin(plan: LoadPlan): { finish: () => Promise<LoadSummary> } {
    const stop = new AbortController();
    const counts = { offered: 0, settled: 0, refused: 0, open: 0 };
    const draw = new Draw(this.#seed, `load ${plan.path}`);
    const done = this.#run(plan, counts, draw, stop.signal).catch((error: unknown) => this.#note(error));
    const running = { plan, stop, counts, done };
    this.#loads.push(running);
    return {
      finish: async () => {
        await done;
        this.assertSound();
        return summarise(running);
      },
    };
  }

  /** Ends all, and waits for the answers that are still to come. */
  async stop(): Promise<readonly LoadSummary[]> {
    for (const { stop } of this.#loads) stop.abort();
    await Promise.all(this.#loads.map(({ done }) => done));
    this.assertSound();
    return this.summaries();
  }

  /** Ends all without waiting for answers. */
  abandon(): void {
    for (const { stop } of this.#loads) stop.abort();
  }

  summaries(): readonly LoadSummary[] {
    return this.#loads.map(summarise);
  }

  /** Those of which a share must settle, with what came of them so far. */
  demanding(): readonly { readonly summary: LoadSummary; readonly settled: string | undefined }[] {
    return this.#loads.map((load) => ({ summary: summarise(load), settled: load.plan.settled }));
  }

  /** @throws what broke a load: the simulated world, the engine */
  assertSound(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  #note(error: unknown): void {
    if (!(error instanceof LabError) || error.exit !== "interrupted") this.#failure ??= error;
  }

  async #run(plan: LoadPlan, counts: Running["counts"], draw: Draw, signal: AbortSignal): Promise<void> {
    const { clock } = this.#lab;
    const startedMs = clock.nowMs();
    const gapMs = 1_000 / plan.rate;
    const flights = new Set<Promise<void>>();
    for (let number = 0; !signal.aborted; number++) {
      const dueMs = startedMs + number * gapMs;
      if (plan.forMs !== null && dueMs - startedMs >= plan.forMs) break;
      try {
        await sleep(clock, Math.max(0, dueMs - clock.nowMs()), signal);
      } catch (error) {
        if (error instanceof LabError && error.exit === "interrupted") break;
        throw error;
      }
      const order = this.#nextOrder(plan, number, draw);
      if (order === null || flights.size >= IN_FLIGHT_MAX) continue;
      const flight = this.#place(order, counts)
        .catch((error: unknown) => this.#note(error))
        .finally(() => flights.delete(flight));
      flights.add(flight);
    }
    await Promise.all(flights);
  }

  async #place(order: Order, counts: Running["counts"]): Promise<void> {
    counts.offered++;
    const { result } = await placeOrder(this.#lab, order, { timeoutMs: ORDER_MS_MAX });
    counts[result]++;
  }

  /** Null: fewer than two nodes run. */
  #nextOrder(plan: LoadPlan, number: number, draw: Draw): Order | null {
    const amount = draw.integer(...plan.amount);
    const op = draw.chance(0.5) ? "sell" : "buy";
    if (plan.pairs !== null) {
      const [node, peer] = plan.pairs[number % plan.pairs.length] as readonly [NodeId, NodeId];
      return { op: "sell", node, peer, amount };
    }
    const { running } = this.#lab;
    if (running.length < 2) return null;
    const node = draw.pick(running);
    return { op, node, peer: draw.pick(running.filter((id) => id !== node)), amount };
  }
}

function summarise({ plan, counts }: Running): LoadSummary {
  return { path: plan.path, ...counts };
}
