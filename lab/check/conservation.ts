/**
 * Credits are neither made nor lost, at any replica, after any of its lines: a debit takes from one account what it gives to the other, and
 * all accounts together hold what they began with. Nodes that hold different debits under one number have made credits between them: each
 * says so itself when it compares its ledger with another's.
 */
import type { Entry } from "../journal/entry.ts";
import { type Delivery, nameOf, readVector } from "../journal/story/deliveries.ts";
import type { Life } from "../journal/story/lives.ts";
import { type Checker, formatCount } from "./checker.ts";
import type { Replica } from "./replica.ts";

export const conservation: Checker = {
  name: "conservation",
  promise: "credits are neither made nor lost, at every node and after each of its deliveries",
  guards: "S1",
  needs: "details",
  open: ({ report }) => {
    /** The last line of each life that said something of its books. */
    const last = new WeakMap<Life, Entry>();
    const diverged = new Map<string, Entry>();
    let looked = 0;
    return {
      take({ entry, life, delivery, replica }) {
        if (typeof entry.diverged === "number") {
          const name = `${entry.diverged}/${String(entry.record_seq)}`;
          const first = diverged.get(name) ?? entry;
          diverged.set(name, first);
          // Each tells of its own ledger: what it says of another one may be a lie that it was told.
          if (first.hash !== entry.hash) {
            const who = `node ${entry.diverged} has used number ${String(entry.record_seq)} twice`;
            report(
              `${who}: nodes ${first.node} and ${entry.node} hold different debits under it`,
              [first, entry],
              entry.diverged,
            );
          }
        }
        if (life === null || replica === null) return;
        const hasBooks = typeof entry.books === "string";
        if (!hasBooks && delivery === null) return;
        looked += 1;
        const what =
          !hasBooks && delivery !== null ? findMoved(life, delivery, replica) : findWrongSum(life, entry, replica);
        if (what !== null) report(what, [last.get(life), entry]);
        last.set(life, entry);
      },
      finish: () => ({ counted: `${formatCount(looked)} ledger snapshots checked`, judged: looked }),
    };
  },
};

function findMoved({ node }: Life, delivery: Delivery, { balances }: Replica): string | null {
  const { entry, origin, payee, amount, isFence } = delivery;
  if (isFence) return null;
  const expected = [(balances.get(origin) ?? 0) - amount, (balances.get(payee) ?? 0) + amount];
  const told = [entry.from_balance, entry.to_balance];
  const wrong = [origin, payee].findIndex((_, index) => told[index] !== undefined && told[index] !== expected[index]);
  if (wrong < 0) return null;
  const who = wrong === 0 ? origin : payee;
  return `node ${node} has ${String(told[wrong])} credits for node ${who} after ${nameOf(delivery)} of ${amount}, and had ${balances.get(who) ?? 0} before`;
}

function findWrongSum({ node }: Life, entry: Entry, before: Replica): string | null {
  const balances = readVector(entry.balances);
  const sum = [...balances.values()].reduce((total, balance) => total + balance, 0);
  if (typeof entry.issued === "number" && sum !== entry.issued)
    return `the accounts at node ${node} hold ${sum} credits, and began with ${entry.issued}`;
  if (entry.books === "boot" || entry.books === "snapshot") return null;
  for (const [id, balance] of before.balances) {
    const told = balances.get(id);
    if (told === undefined) return `node ${node} has lost the account of node ${id} with ${balance} credits`;
    if (told !== balance) return `node ${node} has ${told} credits for node ${id}; its deliveries make ${balance}`;
  }
  return null;
}
