/**
 * Vector clocks as version vectors of single-writer logs: entry p is the number of p's last debit that was delivered, and nothing
 * else moves it. Receiving, heartbeats and elections are not events.
 *
 * Sources: Fidge 1988 and Mattern 1989 for the order; Birman, Schiper, Stephenson 1991 for the delivery test; Parker et al. 1983 for
 * version vectors. A clock is a lattice: `merge` is its join, `covers` its order.
 */
import type { Clock } from "../../wire/clock.ts";
import type { NodeId } from "../../wire/ids.ts";

/** Entry of `id`; an absent one counts as 0. */
export function entry(clock: Clock, id: NodeId): number {
  return clock.get(id) ?? 0;
}

/** The least clock that covers both. */
export function merge(a: Clock, b: Clock): Map<NodeId, number> {
  const result = new Map(a);
  for (const [id, seq] of b) result.set(id, Math.max(seq, result.get(id) ?? 0));
  return result;
}

/** True when `a` has delivered everything that `b` has. */
export function covers(a: Clock, b: Clock): boolean {
  for (const [id, seq] of b) if (entry(a, id) < seq) return false;
  return true;
}

/** As `covers`, and every account of `b` is known to `a`: an entry of 0 stands for record 0, the genesis. */
export function coversAccounts(a: Clock, b: Clock): boolean {
  for (const [id, seq] of b) if ((a.get(id) ?? -1) < seq) return false;
  return true;
}

/** Entries of `now` that are ahead of `before`: all that a receiver who has `before` must learn. */
export function delta(now: Clock, before: Clock): Map<NodeId, number> {
  const result = new Map<NodeId, number>();
  for (const id of sortedIds(now)) if (entry(now, id) > entry(before, id)) result.set(id, entry(now, id));
  return result;
}

/** The delivery test for record number `seq` of `origin`: next of its origin, and all its causes are here. */
export function deliverable(clock: Clock, origin: NodeId, seq: number, causes: Clock): boolean {
  if (seq !== entry(clock, origin) + 1) return false;
  for (const [id, needed] of causes) if (id !== origin && entry(clock, id) < needed) return false;
  return true;
}

/** Ids in ascending order: no result may depend on the order in which a map was filled. */
export function sortedIds(clock: Clock): NodeId[] {
  return [...clock.keys()].sort((a, b) => a - b);
}

/** `{"1":3,"2":2}`, as the journal and the original's messages show a clock. */
export function clockObject(clock: Clock): Record<string, number> {
  const object: Record<string, number> = {};
  for (const id of sortedIds(clock)) object[id] = entry(clock, id);
  return object;
}
