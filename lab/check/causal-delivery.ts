/**
 * A debit is delivered after everything that its payer had delivered when it made it (Birman, Schiper, Stephenson 1991): its line names
 * those causes. A snapshot must hold the causes of what it holds.
 */
import type { Entry } from "../journal/entry.ts";
import { type Delivery, nameOf, readVector } from "../journal/story/deliveries.ts";
import { type Checker, formatCount } from "./checker.ts";

export const causalDelivery: Checker = {
  name: "causal-delivery",
  promise: "a debit is delivered after everything that its payer knew when it made it",
  guards: "S4",
  needs: "details",
  open: ({ story, report }) => {
    /** By name: the payer's own delivery, or the first that was seen. */
    const known = new Map<string, Delivery>();
    let looked = 0;
    const lineOf = (record: { origin: number; seq: number }): Entry | undefined => known.get(nameOf(record))?.entry;
    const checkSnapshot = (node: number, entry: Entry): void => {
      const vector = readVector(entry.vc);
      for (const [origin, seq] of vector) {
        const record = known.get(nameOf({ origin, seq }));
        const lack = record === undefined ? null : findLack(record, vector);
        if (record === undefined || lack === null) continue;
        const what = `node ${node} has ${nameOf(record)} from a snapshot without ${nameOf(lack)}, which it follows`;
        report(what, [record.entry, entry], record.origin);
      }
    };
    return {
      take({ entry, life, delivery, replica }) {
        if (life === null || replica === null) return;
        if (entry.books === "snapshot") checkSnapshot(life.node, entry);
        if (delivery === null) return;
        looked += 1;
        const lack = findLack(delivery, replica.clock);
        if (lack !== null) {
          const has = `${lack.origin}/${replica.clock.get(lack.origin) ?? 0}`;
          const what = `node ${life.node} delivers ${nameOf(delivery)}, which follows ${nameOf(lack)}, and has only ${has}`;
          report(what, [lineOf(lack), entry], delivery.origin);
        }
        const name = nameOf(delivery);
        if (!known.has(name) || delivery.origin === life.node) known.set(name, delivery);
      },
      finish: () => ({
        counted: `${formatCount(looked)} deliveries at ${story.lives.ofNode.size} nodes`,
        judged: looked,
      }),
    };
  },
};

/** The first cause that isn't there; null: all are. */
function findLack(
  { causes, origin }: Delivery,
  clock: ReadonlyMap<number, number>,
): { origin: number; seq: number } | null {
  for (const [cause, seq] of causes)
    if (cause !== origin && (clock.get(cause) ?? 0) < seq) return { origin: cause, seq };
  return null;
}
