/** No node spends what it hasn't: no balance is below 0, at any replica. */
import type { Entry } from "../journal/entry.ts";
import { readVector } from "../journal/story/deliveries.ts";
import { type Checker, formatCount } from "./checker.ts";

export const noOverdraft: Checker = {
  name: "no-overdraft",
  promise: "no balance is ever below 0, at any node",
  guards: "S1",
  needs: "events",
  open: ({ report }) => {
    let looked = 0;
    return {
      take({ entry, life }) {
        if (life === null) return;
        for (const [id, balance] of readBalances(entry)) {
          looked += 1;
          if (balance < 0) report(`node ${id} has ${balance} credits, as node ${entry.node} sees it`, [entry]);
        }
      },
      finish: () => ({ counted: `${formatCount(looked)} balances`, judged: looked }),
    };
  },
};

function readBalances(entry: Entry): Iterable<readonly [number, number]> {
  const { from, to, from_balance: paid, to_balance: got, balance, books } = entry;
  if (books !== undefined) return readVector(entry.balances);
  const told: (readonly [number, number])[] = [];
  if (typeof paid === "number" && from !== undefined) told.push([from, paid]);
  if (typeof got === "number" && to !== undefined) told.push([to, got]);
  if (told.length === 0 && typeof balance === "number") told.push([entry.node, balance]);
  return told;
}
