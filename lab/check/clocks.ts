/**
 * A vector clock counts debits and nothing else: an entry grows by one with each delivery, by a snapshot to what the snapshot says, and never
 * goes back or moves by itself while its process lives.
 */
import { defineChecker, formatCount } from "./define.ts";
import { walkReplica } from "./replica.ts";
import { nameOf, readVector } from "./story.ts";
import type { Violation } from "./verdict.ts";

export const clocks = defineChecker({
  name: "clocks",
  promise: "a vector clock moves with debits only, by one, and never back",
  needs: "details",
  find: ({ lives }) => {
    const violations: Violation[] = [];
    let looked = 0;
    for (const life of lives) {
      walkReplica(life, {
        onDelivery: (delivery, { clock }) => {
          looked += 1;
          const before = clock.get(delivery.origin) ?? 0;
          // A number that was there before is a delivery too many, not a clock that jumps.
          if (delivery.seq <= before + 1) return;
          const what = `node ${life.node} counts ${nameOf(delivery)} right after ${delivery.origin}/${before}`;
          violations.push({ what, proof: [delivery.entry] });
        },
        onBooks: (entry, { clock }) => {
          looked += 1;
          if (entry.books === "boot") return;
          const told = readVector(entry.vc);
          for (const [id, before] of clock) {
            const now = told.get(id) ?? 0;
            if (now === before || (now > before && entry.books === "snapshot")) continue;
            const how = now < before ? "goes back" : "moves without a debit";
            const what = `the clock of node ${life.node} ${how}: ${id}/${now} after ${id}/${before}`;
            violations.push({ what, proof: [entry] });
          }
        },
      });
    }
    return { violations, counted: `${formatCount(looked)} vectors` };
  },
});
