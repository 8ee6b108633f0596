/**
 * A transfer is applied once: at no replica twice, under no two numbers, and in the end at every node that is there and connected. The end
 * is judged `ledgerMs` after the last fault (bounds.ts): what was there by then must be everywhere.
 */
import type { Entry } from "../journal/entry.ts";
import { type Delivery, nameOf } from "../journal/story/deliveries.ts";
import type { Life } from "../journal/story/lives.ts";
import { type Checker, formatCount, type Line, type RunUnderCheck } from "./checker.ts";
import { type Outcome, OutcomeFold } from "./outcome.ts";
import { seconds } from "./presence.ts";

export const exactlyOnce: Checker = {
  name: "exactly-once",
  promise: "a transfer is applied once at most, and in the end once at every connected node",
  guards: "S2",
  needs: "details",
  open: (run) => {
    const outcome = new OutcomeFold();
    const repeats = createRepeatsCheck(run);
    return {
      take(line) {
        outcome.take(line);
        repeats.take(line);
      },
      finish: (ending) => {
        const counted = `${formatCount(repeats.transfers)} transfers`;
        const judged = repeats.transfers;
        const result = outcome.finish(ending);
        if (typeof result === "string") return { counted, judged, open: result };
        reportMissing(result, run.report);
        return { counted, judged };
      },
    };
  },
};

/** Applied again by one replica, or executed under another number. */
function createRepeatsCheck({ story, report }: RunUnderCheck) {
  const numbers = new Map<string, Delivery>();
  const applied = new WeakMap<Life, Map<string, Entry>>();
  const takeNumber = (delivery: Delivery): void => {
    const { trade, origin, entry } = delivery;
    const other = numbers.get(trade);
    if (other === undefined) numbers.set(trade, delivery);
    // Where a disk was lost, the end of its log may be given up, and executed a second time (node/protocol/recovery.md).
    else if (nameOf(other) !== nameOf(delivery) && !story.lives.wiped.has(origin))
      report(`trade ${trade} is executed as ${nameOf(other)} and as ${nameOf(delivery)}`, [other.entry, entry], origin);
  };
  return {
    get transfers() {
      return numbers.size;
    },
    take({ entry, life, delivery, replica }: Line) {
      if (life === null || delivery === null || replica === null) return;
      const own = applied.get(life) ?? new Map<string, Entry>();
      applied.set(life, own);
      const name = nameOf(delivery);
      if (delivery.seq <= (replica.clock.get(delivery.origin) ?? 0))
        report(
          `node ${life.node} applies ${name} (trade ${delivery.trade}) again`,
          [own.get(name) ?? life.boot, entry],
          delivery.origin,
        );
      own.set(name, entry);
      takeNumber(delivery);
    },
  };
}

function reportMissing({ finals, due, boundMs }: Outcome, report: RunUnderCheck["report"]): void {
  for (const { life, clock, last } of finals) {
    for (const [origin, { seq, at }] of due) {
      const has = clock.get(origin);
      if (has !== undefined && has >= seq) continue;
      const lacks = has === undefined ? `the account of node ${origin}` : nameOf({ origin, seq });
      const what = `node ${life.node} lacks ${lacks} at the end, which node ${at} had ${seconds(boundMs)} earlier`;
      const source = finals.find((other) => other.life.node === at);
      const advance = source?.advances.find((one) => one.origin === origin && one.seq === seq);
      report(what, [advance?.entry, last], origin);
    }
  }
}
