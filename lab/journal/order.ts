/**
 * One order for the lines of many nodes: each node's own order, every receive after its send, every delivery of a trade after its payer
 * wrote it; among what these leave open, by wall clock. So causes come first also where clocks of milliseconds, or of several hosts,
 * would say otherwise (Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System", 1978).
 */
import { type HeapEntry, isBefore, popHeap, pushHeap } from "../../node/core/kernel/heap.ts";
import type { Entry } from "./entry.ts";

export function orderCausally(entries: readonly Entry[]): readonly Entry[] {
  const queues = queuePerNode(entries);
  const waiting = countCauses(entries);
  const heads: Cursor[] = [];
  for (const queue of queues) pushHeap(heads, cursorAt(queue, 0));
  const ordered: Entry[] = [];
  const parked = new Map<string, Cursor[]>();
  for (let cursor = popHeap(heads); cursor !== undefined; cursor = popHeap(heads)) {
    const entry = cursor.queue[cursor.at] as Entry;
    const cause = causeOf(entry);
    if (cause !== null && (waiting.get(cause) ?? 0) > 0) {
      parked.set(cause, [...(parked.get(cause) ?? []), cursor]);
      // Clocks that contradict each other in a circle can't be satisfied: the earliest of those who wait goes first.
      if (heads.length === 0) releaseEarliest(parked, waiting, heads);
      continue;
    }
    ordered.push(entry);
    const effect = effectOf(entry);
    if (effect !== null && waiting.delete(effect)) {
      for (const released of parked.get(effect) ?? []) pushHeap(heads, released);
      parked.delete(effect);
    }
    if (cursor.at + 1 < cursor.queue.length) pushHeap(heads, cursorAt(cursor.queue, cursor.at + 1));
    else if (heads.length === 0) releaseEarliest(parked, waiting, heads);
  }
  return ordered;
}

/** The next line of a node: the earliest of all goes first; of equal instants that of the lower node. */
interface Cursor extends HeapEntry {
  readonly queue: readonly Entry[];
  readonly at: number;
}

function cursorAt(queue: readonly Entry[], at: number): Cursor {
  const { time, node } = queue[at] as Entry;
  return { queue, at, atMs: time, seq: node };
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

function releaseEarliest(parked: Map<string, Cursor[]>, waiting: Map<string, number>, heads: Cursor[]): void {
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
  for (const cursor of parked.get(earliest) ?? []) pushHeap(heads, cursor);
  parked.delete(earliest);
}
