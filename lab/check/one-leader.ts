/**
 * At most one coordinator is elected in a term, whichever node says so; a voter votes for one candidate a term; the highest term that a process has
 * seen never goes back.
 */
import type { Entry } from "../journal/entry.ts";
import type { Life } from "../journal/story/lives.ts";
import { type Checker, formatCount } from "./checker.ts";

export const oneLeader: Checker = {
  name: "one-leader",
  promise: "at most one coordinator is elected in a term, and terms never go back at a node",
  guards: "S6",
  needs: "events",
  open: ({ report }) => {
    const elected = new Map<number, Entry>();
    const votes = new Map<string, Entry>();
    const highest = new WeakMap<Life, Entry>();
    const takeClaim = (entry: Entry): void => {
      const { term, coordinator } = entry;
      if (entry.elected !== true || term === undefined || typeof coordinator !== "number") return;
      const first = elected.get(term);
      if (first === undefined) elected.set(term, entry);
      else if (first.coordinator !== coordinator) {
        const both = `${first.coordinator} (says node ${first.node}) and ${coordinator} (says node ${entry.node})`;
        report(`term ${term} has two elected coordinators: ${both}`, [first, entry]);
      }
    };
    const takeVote = (entry: Entry): void => {
      if (typeof entry.vote !== "number") return;
      const key = `${entry.node} ${String(entry.vote_term)}`;
      const first = votes.get(key);
      if (first === undefined) votes.set(key, entry);
      else if (first.vote !== entry.vote) {
        const both = `for node ${String(first.vote)} and for node ${entry.vote}`;
        report(
          `node ${entry.node} votes twice in term ${String(entry.vote_term)}: ${both}`,
          [first, entry],
          entry.node,
        );
      }
    };
    const takeTerm = (entry: Entry, life: Life): void => {
      // Behind missing lines another process may have begun, on another disk.
      if (typeof entry.seen !== "number" || !life.isWhole) return;
      const before = highest.get(life);
      const seen = before === undefined ? -1 : (before.seen as number);
      if (entry.seen < seen)
        report(`node ${life.node} goes back from term ${seen} to ${entry.seen}`, [before, entry], life.node);
      else if (entry.seen > seen) highest.set(life, entry);
    };
    return {
      take({ entry, life }) {
        if (life === null) return;
        if (entry.kind === "election") {
          takeClaim(entry);
          takeVote(entry);
        }
        takeTerm(entry, life);
      },
      finish: () => ({
        counted: `${formatCount(elected.size)} terms with an elected coordinator`,
        judged: elected.size,
      }),
    };
  },
};
