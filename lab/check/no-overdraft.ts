/** Nobody spends what it hasn't: no balance is below 0, at any replica. */
import type { Entry } from "../journal/entry.ts";
import { defineChecker, formatCount } from "./define.ts";
import { readVector } from "./story.ts";
import type { Violation } from "./verdict.ts";

export const noOverdraft = defineChecker({
  name: "no-overdraft",
  promise: "no balance is ever below 0, at any node",
  needs: "events",
  find: ({ journal }) => {
    const violations: Violation[] = [];
    let looked = 0;
    for (const entry of journal.entries) {
      if (entry.node === 0) continue;
      const balances = readBalances(entry);
      looked += balances.length;
      for (const [id, balance] of balances)
        if (balance < 0)
          violations.push({ what: `node ${id} has ${balance} credits, as node ${entry.node} sees it`, proof: [entry] });
    }
    return { violations, counted: `${formatCount(looked)} balances` };
  },
});

function readBalances(entry: Entry): (readonly [number, number])[] {
  const { from, to, from_balance: paid, to_balance: got, balance, books } = entry;
  if (books !== undefined) return [...readVector(entry.balances)];
  const told: (readonly [number, number])[] = [];
  if (typeof paid === "number" && from !== undefined) told.push([from, paid]);
  if (typeof got === "number" && to !== undefined) told.push([to, got]);
  if (told.length === 0 && typeof balance === "number") told.push([entry.node, balance]);
  return told;
}
