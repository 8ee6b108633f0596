/**
 * A debit is delivered after everything that its payer had delivered when it made it (Birman, Schiper, Stephenson 1991): its line names
 * those causes. A snapshot must hold the causes of what it holds.
 */
import { defineChecker, formatCount } from "./define.ts";
import { walkReplica } from "./replica.ts";
import { type Delivery, nameOf, readVector, type Story } from "./story.ts";
import type { Violation } from "./verdict.ts";

export const causalDelivery = defineChecker({
  name: "causal-delivery",
  promise: "a debit is delivered after everything that its payer knew when it made it",
  needs: "details",
  find: (story) => {
    const violations: Violation[] = [];
    const known = collectRecords(story);
    let looked = 0;
    for (const life of story.lives) {
      walkReplica(life, {
        onDelivery: (delivery, { clock }) => {
          looked += 1;
          const lack = findLack(delivery.causes, clock, delivery);
          if (lack === null) return;
          const what = `node ${life.node} delivers ${nameOf(delivery)}, which follows ${nameOf(lack)}, and has only ${lack.origin}/${clock.get(lack.origin) ?? 0}`;
          violations.push({ what, proof: [...proofOf(known, lack), delivery.entry] });
        },
        onBooks: (entry) => {
          if (entry.books !== "snapshot") return;
          const vector = readVector(entry.vc);
          for (const [origin, seq] of vector) {
            const record = known.get(nameOf({ origin, seq }));
            const lack = record === undefined ? null : findLack(record.causes, vector, record);
            if (record === undefined || lack === null) continue;
            const what = `node ${life.node} has ${nameOf(record)} from a snapshot without ${nameOf(lack)}, which it follows`;
            violations.push({ what, proof: [record.entry, entry] });
          }
        },
      });
    }
    return { violations, counted: `${formatCount(looked)} deliveries at ${story.livesOf.size} nodes` };
  },
});

/** The first cause that isn't there; null: all are. */
function findLack(
  causes: ReadonlyMap<number, number>,
  clock: ReadonlyMap<number, number>,
  { origin }: Delivery,
): { origin: number; seq: number } | null {
  for (const [cause, seq] of causes)
    if (cause !== origin && (clock.get(cause) ?? 0) < seq) return { origin: cause, seq };
  return null;
}

/** By name, as first seen. */
function collectRecords({ lives }: Story): ReadonlyMap<string, Delivery> {
  const known = new Map<string, Delivery>();
  for (const life of lives)
    walkReplica(life, {
      onDelivery: (delivery) => {
        const name = nameOf(delivery);
        if (!known.has(name) || delivery.origin === life.node) known.set(name, delivery);
      },
    });
  return known;
}

function proofOf(known: ReadonlyMap<string, Delivery>, record: { origin: number; seq: number }) {
  const cause = known.get(nameOf(record));
  return cause === undefined ? [] : [cause.entry];
}
