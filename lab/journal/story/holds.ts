/** Records that came before their causes and waited for them. */
import type { NodeId } from "../../../node/wire/ids.ts";
import type { Entry } from "../entry.ts";
import type { Life } from "./lives.ts";
import type { Growing, Span } from "./span.ts";

export interface Hold extends Span {
  readonly node: NodeId;
  readonly life: Life;
  /** `3/17`: the seventeenth debit of node 3. */
  readonly record: string;
  readonly entry: Entry;
  /** The line that ended it; null: nothing did, as far as the journal goes. */
  readonly released: Entry | null;
}

export class Holds {
  readonly all: Hold[] = [];
  readonly #open = new Map<string, Growing<Hold> & { released: Entry | null }>();

  addLine(entry: Entry, life: Life): void {
    if (entry.record_seq === undefined) return;
    const record = `${entry.from}/${entry.record_seq}`;
    const key = `${entry.node}.${life.number} ${record}`;
    const open = this.#open.get(key);
    if (entry.kind === "hold" && entry.released !== true && open === undefined) {
      const span = { fromMs: entry.time, toMs: Number.POSITIVE_INFINITY };
      const hold = { ...span, node: entry.node, life, record, entry, released: null };
      this.all.push(hold);
      this.#open.set(key, hold);
    } else if (open !== undefined && (entry.kind === "deliver" || entry.released === true)) {
      Object.assign(open, { toMs: entry.time, released: entry });
      this.#open.delete(key);
    }
  }
}
