/**
 * One table of timers for the whole core (after quinn-proto): a binary heap of deadlines as plain data.
 *
 * A timer is named by (kind, key); setting it again moves it, cancelling forgets it. Superseded heap entries are skipped when they
 * surface. Equal deadlines fire in the order in which they were set.
 */
export interface TimerEntry {
  readonly kind: string;
  readonly key: string;
  readonly atMs: number;
  readonly seq: number;
}

export interface TimerTable {
  readonly heap: TimerEntry[];
  readonly live: Map<string, TimerEntry>;
  nextSeq: number;
}

export function createTimers(): TimerTable {
  return { heap: [], live: new Map(), nextSeq: 1 };
}

/** (Re)arms the timer (kind, key) for the instant `atMs`. */
export function setTimer(timers: TimerTable, kind: string, key: string | number, atMs: number): void {
  const entry: TimerEntry = { kind, key: String(key), atMs, seq: timers.nextSeq++ };
  timers.live.set(nameOf(kind, entry.key), entry);
  push(timers.heap, entry);
}

/** Moves an armed timer to `byMs` later. */
export function delayTimer(timers: TimerTable, kind: string, key: string | number, byMs: number): void {
  const armed = timers.live.get(nameOf(kind, String(key)));
  if (armed !== undefined) setTimer(timers, kind, key, armed.atMs + byMs);
}

export function cancelTimer(timers: TimerTable, kind: string, key: string | number): void {
  timers.live.delete(nameOf(kind, String(key)));
}

export function hasTimer(timers: TimerTable, kind: string, key: string | number): boolean {
  return timers.live.has(nameOf(kind, String(key)));
}

/** Earliest deadline of a live timer, or null. */
export function nextTimeoutMs(timers: TimerTable): number | null {
  discardDead(timers);
  return timers.heap[0]?.atMs ?? null;
}

/** Takes out the next timer that is due at `nowMs`, or null. Call until null: handlers may set timers that are due at once. */
export function takeDue(timers: TimerTable, nowMs: number): TimerEntry | null {
  discardDead(timers);
  const top = timers.heap[0];
  if (top === undefined || top.atMs > nowMs) return null;
  pop(timers.heap);
  timers.live.delete(nameOf(top.kind, top.key));
  return top;
}

function nameOf(kind: string, key: string): string {
  return `${kind}/${key}`;
}

function discardDead(timers: TimerTable): void {
  for (let top = timers.heap[0]; top !== undefined; top = timers.heap[0]) {
    if (timers.live.get(nameOf(top.kind, top.key))?.seq === top.seq) return;
    pop(timers.heap);
  }
}

function isBefore(a: TimerEntry, b: TimerEntry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.seq < b.seq);
}

function push(heap: TimerEntry[], entry: TimerEntry): void {
  let at = heap.length;
  heap.push(entry);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent] as TimerEntry;
    if (!isBefore(entry, above)) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = entry;
}

function pop(heap: TimerEntry[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    const left = 2 * at + 1;
    if (left >= heap.length) break;
    const right = left + 1;
    const child = right < heap.length && isBefore(heap[right] as TimerEntry, heap[left] as TimerEntry) ? right : left;
    if (!isBefore(heap[child] as TimerEntry, last)) break;
    heap[at] = heap[child] as TimerEntry;
    at = child;
  }
  heap[at] = last;
}
