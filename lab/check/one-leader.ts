/**
 * At most one coordinator is elected in a term, whoever says so; a voter votes for one candidate a term; the highest term that a process has
 * seen never goes back.
 */
import type { Entry } from "../journal/entry.ts";
import { defineChecker, formatCount } from "./define.ts";
import type { Story } from "./story.ts";
import type { Violation } from "./verdict.ts";

export const oneLeader = defineChecker({
  name: "one-leader",
  promise: "at most one coordinator is elected in a term, and terms never go back at a node",
  needs: "events",
  find: (story) => {
    const violations = [...findRivals(story), ...findVotes(story), ...findTermsGoingBack(story)];
    const terms = new Set(electionsOf(story).flatMap(({ term, elected }) => (elected === true ? [term] : [])));
    return { violations, counted: `${formatCount(terms.size)} terms with an elected coordinator` };
  },
});

function electionsOf({ journal }: Story): readonly Entry[] {
  return journal.entries.filter((entry) => entry.kind === "election" && entry.node !== 0);
}

function findRivals(story: Story): readonly Violation[] {
  const elected = new Map<number, Entry>();
  const violations: Violation[] = [];
  for (const entry of electionsOf(story)) {
    const { term, coordinator } = entry;
    if (entry.elected !== true || term === undefined || typeof coordinator !== "number") continue;
    const first = elected.get(term);
    if (first === undefined) elected.set(term, entry);
    else if (first.coordinator !== coordinator) {
      const what = `node ${coordinator} is elected in term ${term}, as node ${entry.node} sees it, and so is node ${first.coordinator}, as node ${first.node} sees it`;
      violations.push({ what, proof: [first, entry] });
    }
  }
  return violations;
}

function findVotes(story: Story): readonly Violation[] {
  const votes = new Map<string, Entry>();
  const violations: Violation[] = [];
  for (const entry of electionsOf(story)) {
    if (typeof entry.vote !== "number") continue;
    const key = `${entry.node} ${String(entry.vote_term)}`;
    const first = votes.get(key);
    if (first === undefined) votes.set(key, entry);
    else if (first.vote !== entry.vote) {
      const what = `node ${entry.node} votes for node ${String(entry.vote)} in term ${String(entry.vote_term)}, and voted for node ${String(first.vote)}`;
      violations.push({ what, proof: [first, entry] });
    }
  }
  return violations;
}

function findTermsGoingBack({ lives }: Story): readonly Violation[] {
  const violations: Violation[] = [];
  for (const { node, entries, isWhole } of lives) {
    // Between lines that are missing another process may have begun, on another disk.
    if (!isWhole) continue;
    let highest: Entry | null = null;
    for (const entry of entries) {
      if (typeof entry.seen !== "number") continue;
      if (highest !== null && entry.seen < (highest.seen as number)) {
        const what = `node ${node} goes back from term ${String(highest.seen)} to ${entry.seen}`;
        violations.push({ what, proof: [highest, entry] });
      }
      if (highest === null || entry.seen > (highest.seen as number)) highest = entry;
    }
  }
  return violations;
}
