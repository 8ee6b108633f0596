/**
 * Where each line of a growing journal is in the live diagram: time runs evenly, but messages and events get the room that they need, so
 * that an election of five milliseconds can be read beside quiet seconds. Heartbeats and probes get none.
 */
import { Rows } from "../../export/diagram/event-rows.ts";
import type { Entry } from "../../journal/entry.ts";
import { kindOfMessage, type MessageKind } from "../../journal/message-kinds.ts";
import type { History } from "./history.ts";

/** Pixels above an event, and between a message's sending and its arrival, in a group of five or fewer. */
const EVENT_PX = 12;
const MESSAGE_PX = 5;
const FLIGHT_PX = 16;

export class DiagramRows {
  readonly #history: History;
  readonly #hidden: ReadonlySet<MessageKind>;
  readonly #pxPerMs: number;
  readonly #rows: Rows;
  /** Larger groups have less room for each node. */
  readonly #unit: number;
  /** Rising; the first one is of entry number `#base`. */
  readonly #ys: number[] = [];
  #base: number;

  constructor(history: History, pxPerMs: number, nodes: number, hidden: ReadonlySet<MessageKind>) {
    this.#history = history;
    this.#hidden = new Set(hidden);
    this.#pxPerMs = pxPerMs;
    this.#unit = Math.min(1, 5 / Math.max(1, nodes));
    this.#base = history.begin;
    const spanPx = (ms: number): number => ms * pxPerMs;
    this.#rows = new Rows({ top: 0, fromMs: history.beginMs, spanPx, slackPx: 0 });
  }

  /** Takes in what has been written since. */
  extend(): void {
    const { begin, end } = this.#history;
    for (let index = this.#base + this.#ys.length; index < end; index++)
      this.#ys.push(this.#place(this.#history.entry(index), index));
    if (begin > this.#base) this.#ys.splice(0, begin - this.#base);
    this.#base = begin;
  }

  yOf(index: number): number {
    return this.#ys[index - this.#base] ?? Number.NaN;
  }

  /** Any instant; between two entries evenly. */
  yAt(atMs: number): number {
    const after = this.#history.countAt(atMs);
    const [y, next] = [this.#ys[after - 1 - this.#base], this.#ys[after - this.#base]];
    if (y === undefined) return (next ?? 0) - (this.#history.beginMs - atMs) * this.#pxPerMs;
    const sinceMs = atMs - this.#history.atMs(after - 1);
    if (next === undefined) return y + sinceMs * this.#pxPerMs;
    return y + ((next - y) * sinceMs) / Math.max(1e-9, this.#history.atMs(after) - this.#history.atMs(after - 1));
  }

  timeAt(y: number): number {
    const after = this.countAt(y);
    const [above, below] = [this.yOf(after - 1), this.yOf(after)];
    if (Number.isNaN(above)) return this.#history.beginMs - ((this.#ys[0] ?? 0) - y) / this.#pxPerMs;
    const fromMs = this.#history.atMs(after - 1);
    if (Number.isNaN(below)) return fromMs + (y - above) / this.#pxPerMs;
    return fromMs + ((y - above) / Math.max(1e-9, below - above)) * (this.#history.atMs(after) - fromMs);
  }

  /** How many entries there are down to this height, as an absolute number. */
  countAt(y: number): number {
    let [low, high] = [0, this.#ys.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ys[middle] as number) <= y) low = middle + 1;
      else high = middle;
    }
    return this.#base + low;
  }

  #place(entry: Entry | undefined, index: number): number {
    const [node, atMs] = [entry?.node ?? 0, this.#history.atMs(index)];
    const px = entry === undefined || node === 0 ? 0 : this.#roomFor(entry);
    const cause = px === 0 ? -1 : this.#history.causeOf(index);
    const sentPx = cause < 0 ? Number.NaN : this.yOf(cause);
    const room = px * this.#unit;
    return this.#rows.add({ node, atMs, room }, Number.isNaN(sentPx) ? 0 : sentPx + FLIGHT_PX * this.#unit);
  }

  #roomFor({ kind, type, state }: Entry): number {
    if (kind === "send" || kind === "recv" || kind === "duplicate") {
      const message = kindOfMessage(type);
      return message === "heartbeat" || message === "probe" || this.#hidden.has(message) ? 0 : MESSAGE_PX;
    }
    if (kind === "member") return state === "SUSPECTED" || state === "FAILED" ? EVENT_PX : 0;
    return kind === "election" || kind === "trade" || kind === "deliver" || kind === "hold" ? EVENT_PX : 0;
  }
}
