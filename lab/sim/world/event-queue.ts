/**
 * Virtual time: a heap of things to do, ordered by instant, then by the order in which they were scheduled.
 *
 * Idea (FoundationDB, TigerBeetle's VOPR): time is what the queue says, so a minute of a cluster costs milliseconds and the same
 * seed gives the same run. Instants are milliseconds since the start of the simulation, in steps of 1/1024 ms: exact in binary, so
 * that converting between clocks with different offsets never loses the last digit.
 */
import { type HeapEntry, popHeap, pushHeap } from "../../../node/core/kernel/heap.ts";
import type { Held } from "../../../node/runtime/ports.ts";

export const TIME_STEP_MS = 1 / 1024;

export interface ScheduledEvent extends HeapEntry {
  /** Null once cancelled. */
  run: Held | null;
  /** The datagram that arrives with it; null: it is something else. */
  readonly cargo: Cargo | null;
}

export interface Cargo {
  readonly to: number;
  readonly datagram: Uint8Array;
}

export class EventQueue {
  nowMs = 0;
  /** Events run so far. */
  executed = 0;
  private readonly heap: ScheduledEvent[] = [];
  private nextSeq = 1;

  /** Runs `run` after `delayMs` (not negative). The handle can be given to `cancel`. */
  after(delayMs: number, run: Held, cargo: Cargo | null = null): ScheduledEvent {
    return this.at(this.nowMs + delayMs, run, cargo);
  }

  at(atMs: number, run: Held, cargo: Cargo | null = null): ScheduledEvent {
    const rounded = Math.max(this.nowMs, Math.ceil(atMs / TIME_STEP_MS) * TIME_STEP_MS);
    const event: ScheduledEvent = { atMs: rounded, seq: this.nextSeq++, run, cargo };
    pushHeap(this.heap, event);
    return event;
  }

  /** Puts something in directly before another event, whatever else happens at its instant. */
  before({ atMs, seq }: ScheduledEvent, run: Held, cargo: Cargo | null): ScheduledEvent {
    const neighbours = this.heap.filter((event) => event.atMs === atMs && event.seq < seq);
    const below = Math.max(seq - 1, ...neighbours.map((event) => event.seq));
    const event: ScheduledEvent = { atMs, seq: (below + seq) / 2, run, cargo };
    pushHeap(this.heap, event);
    return event;
  }

  /** Datagrams that are to arrive, in that order. */
  get arrivals(): readonly ScheduledEvent[] {
    return this.heap
      .filter(({ run, cargo }) => run !== null && cargo !== null)
      .sort((a, b) => a.atMs - b.atMs || a.seq - b.seq);
  }

  cancel(event: ScheduledEvent): void {
    event.run = null;
  }

  /** Instant of the next event, or null when nothing will ever happen again. */
  nextAtMs(): number | null {
    for (let top = this.heap[0]; top !== undefined; top = this.heap[0]) {
      if (top.run !== null) return top.atMs;
      popHeap(this.heap);
    }
    return null;
  }

  /** Moves the clock to the next event and runs it; false when there is none up to `limitMs` (the clock then stands at the limit). */
  runNext(limitMs: number): boolean {
    const nextAtMs = this.nextAtMs();
    if (nextAtMs === null || nextAtMs > limitMs) {
      this.nowMs = Math.max(this.nowMs, limitMs);
      return false;
    }
    const event = popHeap(this.heap) as ScheduledEvent;
    this.nowMs = event.atMs;
    this.executed += 1;
    event.run?.();
    return true;
  }
}
