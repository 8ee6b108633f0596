/**
 * A number of an account is one transfer, everywhere and for ever; and equal vectors are equal ledgers.
 *
 * Where a disk was lost, its owner may have debits that nobody else ever saw: from the fence on its numbers are used anew (PROTOCOL.md, lost disk).
 */
import { defineChecker, formatCount } from "./define.ts";
import { type Delivery, nameOf, readDelivery, type Story } from "./story.ts";
import type { Violation } from "./verdict.ts";

export const oneHistory = defineChecker({
  name: "one-history",
  promise: "a number of an account is the same transfer at all nodes, and equal vectors are equal ledgers",
  needs: "events",
  find: (story) => {
    const violations = [...findTwins(story), ...findOtherBooks(story)];
    return { violations, counted: `${formatCount(countRecords(story))} transfers` };
  },
});

function findTwins(story: Story): readonly Violation[] {
  const known = new Map<string, Delivery>();
  const violations: Violation[] = [];
  for (const entry of story.journal.entries) {
    const delivery = readDelivery(entry);
    if (delivery === null) continue;
    const name = nameOf(delivery);
    const first = known.get(name);
    if (first === undefined || story.wiped.has(delivery.origin)) known.set(name, delivery);
    else if (describe(first) !== describe(delivery)) {
      const what = `${name} is ${describe(delivery)} at node ${entry.node}, and ${describe(first)} at node ${first.entry.node}`;
      violations.push({ what, proof: [first.entry, entry] });
    }
  }
  return violations;
}

function findOtherBooks({ journal, wiped }: Story): readonly Violation[] {
  const known = new Map<string, (typeof journal.entries)[number]>();
  const violations: Violation[] = [];
  if (wiped.size > 0) return [];
  for (const entry of journal.entries) {
    if (typeof entry.books !== "string") continue;
    const vector = JSON.stringify(entry.vc);
    const first = known.get(vector);
    if (first === undefined) known.set(vector, entry);
    else if (JSON.stringify(first.balances) !== JSON.stringify(entry.balances)) {
      const what = `nodes ${first.node} and ${entry.node} have equal vectors and other balances`;
      violations.push({ what, proof: [first, entry] });
    }
  }
  return violations;
}

function describe({ trade, origin, payee, amount }: Delivery): string {
  return `${amount} credits from node ${origin} to node ${payee} (${trade})`;
}

function countRecords({ journal }: Story): number {
  const names = new Set<string>();
  for (const entry of journal.entries) {
    const delivery = readDelivery(entry);
    if (delivery !== null) names.add(nameOf(delivery));
  }
  return names.size;
}
