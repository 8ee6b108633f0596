/** A control request is obeyed once at most, however often its client repeats it and whatever restarts in between. */
import { type Delivery, nameOf } from "../journal/story/deliveries.ts";
import { type Checker, formatCount } from "./checker.ts";

export const requestsOnce: Checker = {
  name: "requests-once",
  promise: "every order was obeyed once at most",
  guards: "S2",
  needs: "details",
  open: ({ story, report }) => {
    const executed = new Map<string, Delivery>();
    /** A node that lost its disk has forgotten what it executed, or asked for (node/protocol/compaction.md). */
    const hasForgotten = (delivery: Delivery, first: Delivery, request: string): boolean =>
      [Number(request.split("/")[0]), delivery.origin, first.origin].some((id) => story.lives.wiped.has(id));
    return {
      take({ delivery }) {
        if (delivery === null || delivery.request === null) return;
        const { request } = delivery;
        const first = executed.get(request);
        if (first === undefined) executed.set(request, delivery);
        else if (nameOf(first) !== nameOf(delivery) && !hasForgotten(delivery, first, request)) {
          const what = `request ${request} is executed as ${nameOf(first)} and as ${nameOf(delivery)}`;
          report(what, [first.entry, delivery.entry], delivery.origin);
        }
      },
      finish: () => ({ counted: `${formatCount(executed.size)} orders`, judged: executed.size }),
    };
  },
};
