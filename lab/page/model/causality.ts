/**
 * The causal past and future of one event, and its vector clock (Mattern, "Virtual Time and Global States of Distributed Systems",
 * 1989): the past of an event is, at each node, all up to some event of it; so one number a node says it all, and those numbers are the
 * event's vector clock.
 */
import type { History } from "./history.ts";

export interface Cone {
  readonly index: number;
  /** How many events of each node are in its past, itself included: its vector clock. */
  readonly past: ReadonlyMap<number, number>;
  /** From which event of each node on all is in its future. */
  readonly future: ReadonlyMap<number, number>;
}

/** Null: there is no such event, or it is the lab's. */
export function findCone(history: History, index: number): Cone | null {
  const entry = history.entry(index);
  if (entry === undefined || entry.node === 0) return null;
  const own = history.placeOf(index);
  const past = new Map([[entry.node, own]]);
  for (let k = index; k >= history.begin; k--) {
    const node = history.entry(k)?.node ?? 0;
    const cause = history.causeOf(k);
    if (cause < 0 || node === 0 || history.placeOf(k) > (past.get(node) ?? 0)) continue;
    raise(past, history.entry(cause)?.node ?? 0, history.placeOf(cause), Math.max);
  }
  const future = new Map([[entry.node, own]]);
  for (let k = index + 1; k < history.end; k++) {
    const cause = history.causeOf(k);
    const causeNode = history.entry(cause)?.node ?? 0;
    if (cause < 0 || history.placeOf(cause) < (future.get(causeNode) ?? Number.POSITIVE_INFINITY)) continue;
    raise(future, history.entry(k)?.node ?? 0, history.placeOf(k), Math.min);
  }
  return { index, past, future };
}

export type Relation = "self" | "past" | "future" | "concurrent";

export function relate(history: History, cone: Cone, index: number): Relation {
  if (index === cone.index) return "self";
  const node = history.entry(index)?.node ?? 0;
  const place = history.placeOf(index);
  if (node === 0) return "concurrent";
  if (place <= (cone.past.get(node) ?? 0)) return "past";
  return place >= (cone.future.get(node) ?? Number.POSITIVE_INFINITY) ? "future" : "concurrent";
}

function raise(bounds: Map<number, number>, node: number, place: number, pick: (a: number, b: number) => number): void {
  if (node === 0) return;
  bounds.set(node, pick(bounds.get(node) ?? place, place));
}
