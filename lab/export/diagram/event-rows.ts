/**
 * The heights of events in a space-time diagram, one event after the other: as far down as time says, and further where a node's events
 * or a message's two ends would lie too close together. So busy spans are stretched, on the page as in files.
 */
import type { NodeId } from "../../../node/wire/ids.ts";

/** Something that needs a place of its own. */
export interface Placed {
  /** Column; 0: the lab. */
  readonly node: NodeId | 0;
  readonly atMs: number;
  /** Pixels that its node has to be free above it. */
  readonly room: number;
}

export interface RowOptions {
  readonly top: number;
  readonly fromMs: number;
  /** Pixels that a span without events takes. */
  readonly spanPx: (ms: number) => number;
  /** How far events may lag behind the clock before it waits for them. 0: never, so that heights rise from event to event. */
  readonly slackPx: number;
}

export class Rows {
  readonly #options: RowOptions;
  /** Where each node's last event is. */
  readonly #last = new Map<number, number>();
  #latestMs: number;
  /** Where the clock alone would put what happens now. */
  #clockPx: number;

  constructor(options: RowOptions) {
    this.#options = options;
    this.#latestMs = options.fromMs;
    this.#clockPx = options.top;
  }

  get latestMs(): number {
    return this.#latestMs;
  }

  get clockPx(): number {
    return this.#clockPx;
  }

  /** Goes on at this instant and height. */
  jump(atMs: number, px: number): void {
    this.#latestMs = atMs;
    this.#clockPx = px;
  }

  /**
   * @param event not earlier in causal order than the one before; it may be a little earlier by the clock
   * @param belowPx what it must be below: its sending, with the room between them; 0: nothing
   */
  add({ node, atMs, room }: Placed, belowPx: number): number {
    const { top, spanPx, slackPx } = this.#options;
    this.#clockPx += spanPx(Math.max(0, atMs - this.#latestMs));
    this.#latestMs = Math.max(this.#latestMs, atMs);
    const y = Math.max(this.#clockPx, (this.#last.get(node) ?? top) + room, belowPx);
    this.#last.set(node, y);
    // An arrival that lies far below its sending doesn't hold up the others, unless heights must rise.
    if (belowPx === 0 || slackPx === 0) this.#clockPx = Math.max(this.#clockPx, y - slackPx);
    return y;
  }
}
