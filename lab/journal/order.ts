/**
 * One order for the lines of many nodes: each node's own order, every receive after its send, every delivery of a trade after its payer
 * wrote it; among what these leave open, by wall clock. So causes come first also where clocks of milliseconds, or of several hosts,
 * would say otherwise (Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System", 1978).
 */
import type { Entry } from "./entry.ts";

export function orderCausally(entries: readonly Entry[]): readonly Entry[] {
  const queues = queuePerNode(entries);
  const waiting = countCauses(entries);
  const heads = new Heap(queues.map((queue) => ({ queue, at: 0 })));
  const ordered: Entry[] = [];
  const parked = new Map<string, Cursor[]>();
  for (let cursor = heads.pop(); cursor !== undefined; cursor = heads.pop()) {
    const entry = cursor.queue[cursor.at] as Entry;
    const cause = causeOf(entry);
    if (cause !== null && (waiting.get(cause) ?? 0) > 0) {
      parked.set(cause, [...(parked.get(cause) ?? []), cursor]);
      // Clocks that contradict each other in a circle can't be satisfied: the earliest of those who wait goes first.
      if (heads.size === 0) releaseEarliest(parked, waiting, heads);
      continue;
    }
    ordered.push(entry);
    const effect = effectOf(entry);
    if (effect !== null && waiting.delete(effect)) {
      for (const released of parked.get(effect) ?? []) heads.push(released);
      parked.delete(effect);
    }
    if (cursor.at + 1 < cursor.queue.length) heads.push({ queue: cursor.queue, at: cursor.at + 1 });
    else if (heads.size === 0) releaseEarliest(parked, waiting, heads);
  }
  return ordered;
}

interface Cursor {
  readonly queue: readonly Entry[];
  readonly at: number;
}

/** The cause of this line, by name; null: nothing that another node wrote. */
export function causeOf(entry: Entry): string | null {
  if (entry.kind === "recv" && entry.id !== undefined) return `message ${entry.id}`;
  if (entry.kind === "deliver" && entry.from !== entry.node && entry.record_seq !== undefined)
    return `record ${entry.from}/${entry.record_seq}`;
  return null;
}

/** The effects that others may write because of this line. */
export function effectOf(entry: Entry): string | null {
  if (entry.kind === "send" && entry.id !== undefined) return `message ${entry.id}`;
  if (
    entry.record_seq !== undefined &&
    entry.from === entry.node &&
    (entry.kind === "trade" || entry.kind === "deliver")
  )
    return `record ${entry.from}/${entry.record_seq}`;
  return null;
}

/** Causes that will be written somewhere; a receive whose send was lost with a killed node's log waits for nothing. */
function countCauses(entries: readonly Entry[]): Map<string, number> {
  const causes = new Map<string, number>();
  for (const entry of entries) {
    const effect = effectOf(entry);
    if (effect !== null) causes.set(effect, 1);
  }
  return causes;
}

/**
 * Nodes that went back to an earlier incarnation, because their disk was replaced: for them incarnation and number don't say which line is
 * which, and which came first.
 */
export function findForgetful(entries: readonly Entry[]): ReadonlySet<number> {
  const boots = new Map<number, Entry[]>();
  for (const entry of entries)
    if (entry.books === "boot") boots.set(entry.node, [...(boots.get(entry.node) ?? []), entry]);
  const forgetful = new Set<number>();
  for (const [node, own] of boots) {
    const byTime = own.toSorted((a, b) => a.time - b.time);
    if (byTime.some((boot, index) => index > 0 && boot.inc <= (byTime[index - 1] as Entry).inc)) forgetful.add(node);
  }
  return forgetful;
}

/** Each node's lines in its own order: by incarnation, then by number; where these start again, by wall clock, and as they were written. */
function queuePerNode(entries: readonly Entry[]): Entry[][] {
  const queues = new Map<number, Entry[]>();
  for (const entry of entries) {
    const queue = queues.get(entry.node);
    if (queue === undefined) queues.set(entry.node, [entry]);
    else queue.push(entry);
  }
  const forgetful = findForgetful(entries);
  for (const [node, queue] of queues) {
    const isForgetful = forgetful.has(node);
    queue.sort((a, b) => (isForgetful ? a.time - b.time : a.inc - b.inc || a.seq - b.seq));
  }
  return [...queues.values()];
}

function releaseEarliest(parked: Map<string, Cursor[]>, waiting: Map<string, number>, heads: Heap): void {
  let earliest: string | null = null;
  let head: Cursor | null = null;
  for (const [cause, cursors] of parked)
    for (const cursor of cursors)
      if (head === null || isBefore(cursor, head)) {
        head = cursor;
        earliest = cause;
      }
  if (earliest === null) return;
  waiting.delete(earliest);
  for (const cursor of parked.get(earliest) ?? []) heads.push(cursor);
  parked.delete(earliest);
}

function isBefore(a: Cursor, b: Cursor): boolean {
  const [left, right] = [a.queue[a.at] as Entry, b.queue[b.at] as Entry];
  return left.time !== right.time ? left.time < right.time : left.node < right.node;
}

/** Of the nodes' next lines, the earliest first. */
class Heap {
  private readonly items: Cursor[] = [];

  constructor(items: readonly Cursor[]) {
    for (const item of items) this.push(item);
  }

  get size(): number {
    return this.items.length;
  }

  push(item: Cursor): void {
    let at = this.items.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(this.items[at] as Cursor, this.items[parent] as Cursor)) return;
      this.swap(at, parent);
      at = parent;
    }
  }

  pop(): Cursor | undefined {
    const first = this.items[0];
    const last = this.items.pop();
    if (last === undefined || this.items.length === 0) return first;
    this.items[0] = last;
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      const right = left + 1;
      let least = at;
      for (const child of [left, right])
        if (child < this.items.length && isBefore(this.items[child] as Cursor, this.items[least] as Cursor))
          least = child;
      if (least === at) return first;
      this.swap(at, least);
      at = least;
    }
  }

  private swap(a: number, b: number): void {
    const item = this.items[a] as Cursor;
    this.items[a] = this.items[b] as Cursor;
    this.items[b] = item;
  }
}
