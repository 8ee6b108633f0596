/**
 * Credits are neither made nor lost, at any replica, after any of its lines: a debit takes from one account what it gives to the other, and
 * all accounts together hold what they began with.
 */
import type { Entry } from "../journal/entry.ts";
import { defineChecker, formatCount } from "./define.ts";
import { type Replica, walkReplica } from "./replica.ts";
import { type Delivery, type Life, nameOf, readVector } from "./story.ts";
import type { Violation } from "./verdict.ts";

export const conservation = defineChecker({
  name: "conservation",
  promise: "credits are neither made nor lost, at every node and after each of its deliveries",
  needs: "details",
  find: ({ lives }) => {
    const violations: Violation[] = [];
    let looked = 0;
    for (const life of lives) {
      let last: Entry | null = null;
      const note = (what: string | null, entry: Entry): void => {
        looked += 1;
        if (what !== null) violations.push({ what, proof: last === null ? [entry] : [last, entry] });
        last = entry;
      };
      walkReplica(life, {
        onDelivery: (delivery, before) => note(findMoved(life, delivery, before), delivery.entry),
        onBooks: (entry, before) => note(findWrongSum(life, entry, before), entry),
      });
    }
    return { violations, counted: `${formatCount(looked)} states of the books` };
  },
});

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
