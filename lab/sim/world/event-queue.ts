/**
 * Virtual time: a heap of things to do, ordered by instant, then by the order in which they were scheduled.
 *
 * Idea (FoundationDB, TigerBeetle's VOPR): time is what the queue says, so a minute of a cluster costs milliseconds and the same
 * seed gives the same run. Instants are milliseconds since the start of the simulation, in steps of 1/1024 ms: exact in binary, so
 * that converting between clocks with different offsets never loses the last digit.
 */
export const TIME_STEP_MS = 1 / 1024;

export interface ScheduledEvent {
  readonly atMs: number;
  readonly seq: number;
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
    this.push(event);
    return event;
  }

  cancel(event: ScheduledEvent): void {
    event.run = null;
  }

  /** Instant of the next event, or null when nothing will ever happen again. */
  nextAtMs(): number | null {
    for (let top = this.heap[0]; top !== undefined; top = this.heap[0]) {
      if (top.run !== null) return top.atMs;
      this.pop();
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
    const event = this.pop() as ScheduledEvent;
    this.nowMs = event.atMs;
    this.executed += 1;
    event.run?.();
    return true;
  }

  private push(event: ScheduledEvent): void {
    let at = this.heap.length;
    this.heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = this.heap[parent] as ScheduledEvent;
      if (!isBefore(event, above)) break;
      this.heap[at] = above;
      at = parent;
    }
    this.heap[at] = event;
  }

  private pop(): ScheduledEvent | undefined {
    const top = this.heap[0];
    const last = this.heap.pop();
    if (top === undefined || last === undefined || this.heap.length === 0) return top;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= this.heap.length) break;
      const right = left + 1;
      const child =
        right < this.heap.length && isBefore(this.heap[right] as ScheduledEvent, this.heap[left] as ScheduledEvent)
          ? right
          : left;
      if (!isBefore(this.heap[child] as ScheduledEvent, last)) break;
      this.heap[at] = this.heap[child] as ScheduledEvent;
      at = child;
    }
    this.heap[at] = last;
    return top;
  }
}

function isBefore(a: ScheduledEvent, b: ScheduledEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.seq < b.seq);
}
