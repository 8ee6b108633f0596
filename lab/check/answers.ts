/**
 * Answers to clients are true: a trade that was reported as done is in the books, and what was refused for certain never happens. The
 * nodes' replies and the lab's own orders are both held against the deliveries.
 */
import type { Entry } from "../journal/entry.ts";
import { readLabAction } from "../journal/lab-entry.ts";
import { type Delivery, nameOf, readVector } from "../journal/story/deliveries.ts";
import { type Checker, formatCount } from "./checker.ts";

export const answers: Checker = {
  name: "answers",
  promise: "every reported trade is in the books, and what was refused for certain never happens",
  guards: "S3",
  needs: "details",
  open: ({ story, report }) => {
    const executed = new Map<string, Delivery>();
    const refused = new Map<string, Answer>();
    const done: Answer[] = [];
    let told = 0;
    /** By account: the debits that some delivery named, and the last one that any books had. */
    const named = new Map<number, Set<number>>();
    const last = new Map<number, number>();
    /** A process that was killed between its disk and its journal names a debit nowhere: the next one boots with it, others get it as a sum. */
    const isUnnamed = (trade: string): boolean =>
      payersOf(trade).some((id) => (last.get(id) ?? 0) > (named.get(id)?.size ?? 0));
    /**
     * A disk that had it was taken away: an answer is as durable as its payer's disk, and a node that asks with a new disk may give the name
     * of a refused trade to another one (node/protocol/limits.md).
     */
    const isExcused = (trade: string): boolean => payersOf(trade).some((id) => story.lives.wiped.has(id));
    const compare = (answer: Answer | undefined, delivery: Delivery | undefined): void => {
      if (answer === undefined || delivery === undefined || isExcused(delivery.trade)) return;
      report(
        `${answer.name} was refused for certain, and executed as ${nameOf(delivery)}`,
        [answer.entry, delivery.entry],
        delivery.origin,
      );
    };
    return {
      take({ entry, delivery }) {
        if (typeof entry.books === "string")
          for (const [id, seq] of readVector(entry.vc)) last.set(id, Math.max(seq, last.get(id) ?? 0));
        if (delivery !== null) {
          const numbers = named.get(delivery.origin) ?? new Set();
          named.set(delivery.origin, numbers.add(delivery.seq));
          const names = [delivery.trade, ...(delivery.request === null ? [] : [delivery.request])];
          compare(
            names.map((name) => refused.get(name)).find((answer) => answer !== undefined),
            delivery,
          );
          for (const name of names) executed.set(name, delivery);
        }
        const answer = readAnswer(entry);
        if (answer === null) return;
        told += 1;
        if (answer.isDone) done.push(answer);
        else {
          compare(answer, findIn(executed, answer));
          for (const name of answer.names) refused.set(name, answer);
        }
      },
      finish: () => {
        const lost = done.filter(({ trade }) => trade !== null && !isExcused(trade) && !isUnnamed(trade));
        const unseen = lost
          .filter((answer) => findIn(executed, answer) === undefined)
          .map(({ name, entry }) => ({
            what: `${name} was reported as done, and is in no node's books`,
            proof: [entry],
          }));
        return { unseen, counted: `${formatCount(told)} answers`, judged: told };
      },
    };
  },
};

/** The two nodes of a trade: one of them pays. */
function payersOf(trade: string): readonly number[] {
  return trade.split("-").slice(0, 2).map(Number);
}

interface Answer {
  readonly entry: Entry;
  readonly trade: string | null;
  /** The trade's id, and the request's name: `node/request`. */
  readonly names: readonly string[];
  /** For people. */
  readonly name: string;
  readonly isDone: boolean;
}

function findIn(executed: ReadonlyMap<string, Delivery>, { names }: Answer): Delivery | undefined {
  return names.map((name) => executed.get(name)).find((delivery) => delivery !== undefined);
}

/** Null: no answer, or one that settles nothing. */
function readAnswer(entry: Entry): Answer | null {
  const action = readLabAction(entry);
  if (action?.action === "order") {
    const { result, by, request, trade = null, definite } = action;
    const isDone = result === "settled" || result === "committed";
    const isRefused = result === "refused" && definite === true;
    const names = [...(trade === null ? [] : [trade]), `${by}/${request}`];
    return isDone || isRefused ? { entry, trade, names, name: trade ?? `request ${by}/${request}`, isDone } : null;
  }
  if (entry.kind !== "reply" || typeof entry.request !== "string") return null;
  const isDone = entry.ok === true && (entry.outcome === "settled" || entry.outcome === "committed");
  // A request that was refused before a trade was made of it may come again as another one, with another answer.
  const isRefused = entry.ok === false && entry.definite === true && entry.id !== undefined;
  const { id: trade = null } = entry;
  return isDone || isRefused
    ? { entry, trade, names: trade === null ? [] : [trade], name: String(trade), isDone }
    : null;
}
