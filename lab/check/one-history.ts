/**
 * A number of an account is one transfer, everywhere and for ever; and equal vectors are equal ledgers.
 *
 * Where a disk was lost, its owner may have debits that no other node ever saw: from the fence on it uses their numbers again (node/protocol/recovery.md).
 */
import type { Entry } from "../journal/entry.ts";
import { type Delivery, nameOf } from "../journal/story/deliveries.ts";
import { type Checker, formatCount } from "./checker.ts";

export const oneHistory: Checker = {
  name: "one-history",
  promise: "a number of an account is the same transfer at all nodes, and equal vectors are equal ledgers",
  guards: "S2",
  needs: "events",
  open: ({ story, report }) => {
    const records = new Map<string, Delivery>();
    const books = new Map<string, Entry>();
    const { wiped } = story.lives;
    const takeBooks = (entry: Entry): void => {
      if (wiped.size > 0) return;
      const vector = JSON.stringify(entry.vc);
      const first = books.get(vector);
      if (first === undefined) books.set(vector, entry);
      else if (JSON.stringify(first.balances) !== JSON.stringify(entry.balances))
        report(`nodes ${first.node} and ${entry.node} have equal vectors and other balances`, [first, entry]);
    };
    return {
      take({ entry, delivery }) {
        if (typeof entry.books === "string") takeBooks(entry);
        if (delivery === null) return;
        const name = nameOf(delivery);
        const first = records.get(name);
        if (first === undefined || wiped.has(delivery.origin)) records.set(name, delivery);
        else if (describe(first) !== describe(delivery)) {
          const what = `${name} is ${describe(delivery)} at node ${entry.node}, and ${describe(first)} at node ${first.entry.node}`;
          report(what, [first.entry, entry], delivery.origin);
        }
      },
      finish: () => ({ counted: `${formatCount(records.size)} transfers`, judged: records.size }),
    };
  },
};

function describe({ trade, origin, payee, amount }: Delivery): string {
  return `${amount} credits from node ${origin} to node ${payee} (${trade})`;
}
