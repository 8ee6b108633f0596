/**
 * Puts the lines of many nodes, which arrive with different delays, into one causal order while they still come.
 *
 * Idea: every line waits for one turn, and leaves with whatever precedes it among all that has arrived by then. So a cause that comes up
 * to one turn later than its effect still leaves before it.
 */
import type { Entry } from "./entry.ts";
import { orderCausally } from "./order.ts";

export class TimeOrder {
  #held: readonly Entry[] = [];
  #arrived: Entry[] = [];

  add(entry: Entry): void {
    this.#arrived.push(entry);
  }

  get isEmpty(): boolean {
    return this.#held.length + this.#arrived.length === 0;
  }

  /** What has waited long enough, and what precedes it. Called once a turn. */
  turn(): readonly Entry[] {
    const waited = new Set(this.#held);
    const all = orderCausally([...this.#held, ...this.#arrived]);
    const end = all.findLastIndex((entry) => waited.has(entry)) + 1;
    this.#held = all.slice(end);
    this.#arrived = [];
    return all.slice(0, end);
  }
}
