/**
 * What a client was told is true: a trade that was reported as done is in the books, and what was refused for certain never happens. The
 * nodes' replies and the lab's own orders are both held against the deliveries.
 */
import type { Entry } from "../journal/entry.ts";
import { readLabAction } from "../journal/lab-entry.ts";
import { defineChecker, formatCount } from "./define.ts";
import { type Delivery, nameOf, readDelivery, type Story } from "./story.ts";
import type { Violation } from "./verdict.ts";

export const answers = defineChecker({
  name: "answers",
  promise: "every reported trade is in the books, and what was refused for certain never happens",
  needs: "details",
  find: (story) => {
    const byTrade = new Map<string, Delivery>();
    const byRequest = new Map<string, Delivery>();
    for (const entry of story.journal.entries) {
      const delivery = readDelivery(entry);
      if (delivery === null) continue;
      byTrade.set(delivery.trade, delivery);
      if (delivery.request !== null) byRequest.set(delivery.request, delivery);
    }
    const violations: Violation[] = [];
    const unseen: Violation[] = [];
    let told = 0;
    for (const answer of story.journal.entries.map(readAnswer)) {
      if (answer === null) continue;
      told += 1;
      const { entry, trade, request, isDone } = answer;
      const delivery = byTrade.get(trade ?? "") ?? byRequest.get(request ?? "");
      const name = trade ?? `request ${request}`;
      if (isDone && delivery === undefined && trade !== null && !isExcused(story, trade))
        unseen.push({ what: `${name} was reported as done, and is in nobody's books`, proof: [entry] });
      if (!isDone && delivery !== undefined && !isExcused(story, delivery.trade))
        violations.push({
          what: `${name} was refused for certain, and executed as ${nameOf(delivery)}`,
          proof: [entry, delivery.entry],
        });
    }
    return { violations, unseen, counted: `${formatCount(told)} answers` };
  },
});

interface Answer {
  readonly entry: Entry;
  readonly trade: string | null;
  /** `node/request`. */
  readonly request: string | null;
  readonly isDone: boolean;
}

/** Null: no answer, or one that settles nothing. */
function readAnswer(entry: Entry): Answer | null {
  const action = readLabAction(entry);
  if (action?.action === "order") {
    const { result, by, request, trade = null, definite } = action;
    const isDone = result === "settled" || result === "committed";
    const isRefused = result === "refused" && definite === true;
    return isDone || isRefused ? { entry, trade, request: `${by}/${request}`, isDone } : null;
  }
  if (entry.kind !== "reply" || typeof entry.request !== "string") return null;
  const isDone = entry.ok === true && (entry.outcome === "settled" || entry.outcome === "committed");
  // A request that was refused before a trade was made of it may come again as another one, with another answer.
  const isRefused = entry.ok === false && entry.definite === true && entry.id !== undefined;
  return isDone || isRefused ? { entry, trade: entry.id ?? null, request: null, isDone } : null;
}

/**
 * A disk that had it was taken away: an answer is as durable as its payer's disk, and who asked with a new disk may give the name of a
 * refused trade to another one (PROTOCOL.md, limits).
 */
function isExcused({ wiped }: Story, trade: string): boolean {
  const [from, to] = trade.split("-").map(Number);
  return wiped.has(from ?? 0) || wiped.has(to ?? 0);
}
