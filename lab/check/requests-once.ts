/** A control request is obeyed once at most, however often its client repeats it and whatever restarts in between. */
import { defineChecker, formatCount } from "./define.ts";
import { type Delivery, nameOf, readDelivery } from "./story.ts";
import type { Violation } from "./verdict.ts";

export const requestsOnce = defineChecker({
  name: "requests-once",
  promise: "every order was obeyed once at most",
  needs: "details",
  find: ({ journal, wiped }) => {
    const executed = new Map<string, Delivery>();
    const violations: Violation[] = [];
    for (const entry of journal.entries) {
      const delivery = readDelivery(entry);
      if (delivery === null || delivery.request === null) continue;
      const first = executed.get(delivery.request);
      if (first === undefined) executed.set(delivery.request, delivery);
      else if (nameOf(first) !== nameOf(delivery)) {
        // Who lost its disk has forgotten what it executed, or asked for (PROTOCOL.md, compaction).
        const initiator = Number(delivery.request.split("/")[0]);
        if ([initiator, delivery.origin, first.origin].some((id) => wiped.has(id))) continue;
        const what = `request ${delivery.request} is executed as ${nameOf(first)} and as ${nameOf(delivery)}`;
        violations.push({ what, proof: [first.entry, entry] });
      }
    }
    return { violations, counted: `${formatCount(executed.size)} orders` };
  },
});
