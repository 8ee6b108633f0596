/**
 * A vector clock counts debits and nothing else: an entry grows by one with each delivery, by a snapshot to what the snapshot says, and never
 * goes back or moves by itself while its process lives.
 */
import { nameOf, readVector } from "../journal/story/deliveries.ts";
import { type Checker, formatCount } from "./checker.ts";

export const clocks: Checker = {
  name: "clocks",
  promise: "a vector clock moves with debits only, by one, and never back",
  guards: "S4",
  needs: "details",
  open: ({ report }) => {
    let looked = 0;
    return {
      take({ entry, life, delivery, replica }) {
        if (life === null || replica === null) return;
        if (typeof entry.books === "string") {
          looked += 1;
          if (entry.books === "boot") return;
          const told = readVector(entry.vc);
          for (const [id, before] of replica.clock) {
            const now = told.get(id) ?? 0;
            if (now === before || (now > before && entry.books === "snapshot")) continue;
            const how = now < before ? "goes back" : "moves without a debit";
            report(`the clock of node ${life.node} ${how}: ${id}/${now} after ${id}/${before}`, [entry], id);
          }
        } else if (delivery !== null) {
          looked += 1;
          const before = replica.clock.get(delivery.origin) ?? 0;
          // A number that was there before is a delivery too many, not a clock that jumps.
          if (delivery.seq <= before + 1) return;
          report(
            `node ${life.node} counts ${nameOf(delivery)} right after ${delivery.origin}/${before}`,
            [entry],
            delivery.origin,
          );
        }
      },
      finish: () => ({ counted: `${formatCount(looked)} vectors`, judged: looked }),
    };
  },
};
