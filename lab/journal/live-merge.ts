/**
 * Lines of many nodes as they come, in one order as far as that can be known: each line is kept for a short while, in which the cause of
 * it, or an earlier line of a slower node, may still arrive. What comes later than that is shown where it comes.
 */
import { type Entry, processOf } from "./entry.ts";
import { orderCausally } from "./order.ts";

export class LiveMerge {
  readonly #windowMs: number;
  #waiting: { readonly entry: Entry; readonly arrivedAtMs: number }[] = [];
  /** The last line that came of each process: a stream that is opened anew repeats some. */
  readonly #seen = new Map<string, number>();

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  push(entry: Entry, nowMs: number): void {
    const process = processOf(entry);
    if (entry.seq <= (this.#seen.get(process) ?? 0)) return;
    this.#seen.set(process, entry.seq);
    this.#waiting.push({ entry, arrivedAtMs: nowMs });
  }

  /** What has waited long enough, and whatever comes before it. `Infinity` empties it. */
  take(nowMs: number): readonly Entry[] {
    const dueUntilMs = nowMs - this.#windowMs;
    const arrived = new Map(this.#waiting.map(({ entry, arrivedAtMs }) => [entry, arrivedAtMs]));
    const isDue = (entry: Entry): boolean => (arrived.get(entry) ?? 0) <= dueUntilMs;
    if (!this.#waiting.some(({ entry }) => isDue(entry))) return [];
    const ordered = orderCausally(this.#waiting.map(({ entry }) => entry));
    const due = ordered.slice(0, ordered.findLastIndex(isDue) + 1);
    const taken = new Set(due);
    this.#waiting = this.#waiting.filter(({ entry }) => !taken.has(entry));
    return due;
  }
}
