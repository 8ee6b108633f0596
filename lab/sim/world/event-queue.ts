/**
 * Virtual time: a heap of things to do, ordered by instant, then by the order in which they were scheduled.
 *
 * Idea (FoundationDB, TigerBeetle's VOPR): time is what the queue says, so a minute of a cluster costs milliseconds and the same
 * seed gives the same run. Instants are milliseconds since the start of the simulation, in steps of 1/1024 ms: exact in binary, so
 * that converting between clocks with different offsets never loses the last digit.
 */
import { type HeapEntry, popHeap, pushHeap } from "../../../node/core/kernel/heap.ts";

export const TIME_STEP_MS = 1 / 1024;

export interface ScheduledEvent extends HeapEntry {
  /** Null once cancelled. */
  run: (() => void) | null;
}

export class EventQueue {
  nowMs = 0;
  /** Events run so far. */
  executed = 0;
  private readonly heap: ScheduledEvent[] = [];
  private nextSeq = 1;

  /** Runs `run` after `delayMs` (not negative). The handle can be given to `cancel`. */
  after(delayMs: number, run: () => void): ScheduledEvent {
    return this.at(this.nowMs + delayMs, run);
  }

  at(atMs: number, run: () => void): ScheduledEvent {
    const rounded = Math.max(this.nowMs, Math.ceil(atMs / TIME_STEP_MS) * TIME_STEP_MS);
    const event: ScheduledEvent = { atMs: rounded, seq: this.nextSeq++, run };
    pushHeap(this.heap, event);
    return event;
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
