/**
 * A transfer is applied once: at no replica twice, under no two numbers, and in the end at every node that is there and connected. The end
 * is judged `ledgerMs` after the last fault (bounds.ts): what was there by then must be everywhere.
 */
import type { Entry } from "../journal/entry.ts";
import { defineChecker, formatCount } from "./define.ts";
import { type Outcome, outcomeOf } from "./outcome.ts";
import { seconds } from "./presence.ts";
import { walkReplica } from "./replica.ts";
import { type Delivery, nameOf, readDelivery, type Story } from "./story.ts";
import type { Violation } from "./verdict.ts";

export const exactlyOnce = defineChecker({
  name: "exactly-once",
  promise: "a transfer is applied once at most, and in the end once at every connected node",
  needs: "details",
  find: (story) => {
    const violations: Violation[] = [];
    const numbers = new Map<string, Delivery>();
    const transfers = new Set<string>();
    for (const life of story.lives) {
      const applied = new Map<string, Entry>();
      walkReplica(life, {
        onDelivery: (delivery, { clock }) => {
          const { entry, origin, seq, trade } = delivery;
          transfers.add(trade);
          if (seq <= (clock.get(origin) ?? 0)) {
            const first = applied.get(nameOf(delivery)) ?? life.boot;
            const what = `node ${life.node} applies ${nameOf(delivery)} (trade ${trade}) again`;
            violations.push({ what, proof: first === null ? [entry] : [first, entry] });
          }
          applied.set(nameOf(delivery), entry);
          const other = numbers.get(trade);
          if (other === undefined) numbers.set(trade, delivery);
          else if (nameOf(other) !== nameOf(delivery) && !isGivenUp(story, origin)) {
            const what = `trade ${trade} is executed as ${nameOf(other)} and as ${nameOf(delivery)}`;
            violations.push({ what, proof: [other.entry, entry] });
          }
        },
      });
    }
    const outcome = outcomeOf(story);
    const counted = `${formatCount(transfers.size)} transfers`;
    if (typeof outcome === "string") return { violations, counted, open: outcome };
    violations.push(...findMissing(outcome));
    return { violations, counted };
  },
});

function findMissing({ finals, due, boundMs }: Outcome): readonly Violation[] {
  const violations: Violation[] = [];
  for (const { life, clock } of finals) {
    for (const [origin, { seq, at }] of due) {
      const has = clock.get(origin);
      if (has !== undefined && has >= seq) continue;
      const lacks = has === undefined ? `the account of node ${origin}` : nameOf({ origin, seq });
      const what = `node ${life.node} lacks ${lacks} at the end, which node ${at} had ${seconds(boundMs)} earlier`;
      const line = finals
        .find((other) => other.life.node === at)
        ?.life.entries.find((entry) => isOf(entry, origin, seq));
      violations.push({ what, proof: [...(line === undefined ? [] : [line]), ...life.entries.slice(-1)] });
    }
  }
  return violations;
}

function isOf(entry: Entry, origin: number, seq: number): boolean {
  const delivery = readDelivery(entry);
  return delivery?.origin === origin && delivery.seq === seq;
}

/** Its disk was lost: the end of its log may be given up, and executed a second time (PROTOCOL.md, lost disk). */
function isGivenUp({ wiped }: Story, origin: number): boolean {
  return wiped.has(origin);
}
