/**
 * Vector clocks for pictures: each event ticks its node, and what received something knows all that its cause knew. Trades' own clocks
 * count debits and don't obey that, so these are computed from the journal, by the names of messages and records.
 * (Mattern, "Virtual Time and Global States of Distributed Systems", 1989.)
 */
import type { Entry } from "../journal/entry.ts";
import { causeOf, effectOf, orderCausally } from "../journal/order.ts";
import { reconstructSends } from "./diagram/message-ids.ts";

export interface ClockedEvent {
  readonly entry: Entry;
  /** By node; 0 is the lab. The event's own node starts at 1 and rises by exactly 1. */
  readonly clock: ReadonlyMap<number, number>;
}

/** In causal order, with the sends that were lost added. Of two lines with one effect the first counts. */
export function computeClocks(entries: readonly Entry[]): readonly ClockedEvent[] {
  const added = reconstructSends(entries);
  const ordered = added.length === 0 ? entries : orderCausally([...entries, ...added]);
  const clocks = new Map<number, Map<number, number>>();
  const effects = new Map<string, ReadonlyMap<number, number>>();
  return ordered.map((entry) => {
    const clock = new Map(clocks.get(entry.node));
    const cause = causeOf(entry);
    const known = cause === null ? undefined : effects.get(cause);
    for (const [node, count] of known ?? []) if (count > (clock.get(node) ?? 0)) clock.set(node, count);
    clock.set(entry.node, (clock.get(entry.node) ?? 0) + 1);
    clocks.set(entry.node, clock);
    const effect = effectOf(entry);
    if (effect !== null && !effects.has(effect)) effects.set(effect, clock);
    return { entry, clock };
  });
}
