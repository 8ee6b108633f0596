/** What came too early is held back for its causes, and not for ever: in the end it is delivered, if it is anywhere. */
import type { Entry } from "../journal/entry.ts";
import { defineChecker, formatCount } from "./define.ts";
import { outcomeOf } from "./outcome.ts";
import type { Violation } from "./verdict.ts";

export const nothingHeld = defineChecker({
  name: "nothing-held",
  promise: "no message is held back for ever",
  needs: "details",
  find: (story) => {
    const held = story.journal.entries.filter(isHeld).length;
    const counted = `${formatCount(held)} held back`;
    const outcome = outcomeOf(story);
    if (typeof outcome === "string") return { violations: [], counted, open: outcome };
    const violations: Violation[] = [];
    for (const { life, clock } of outcome.finals) {
      const seen = new Set<string>();
      for (const entry of life.entries) {
        const { from = 0, record_seq: seq = 0 } = entry;
        const name = `${from}/${seq}`;
        if (!isHeld(entry) || seen.has(name) || (clock.get(from) ?? 0) >= seq) continue;
        seen.add(name);
        if ((outcome.due.get(from)?.seq ?? 0) < seq) continue;
        violations.push({ what: `node ${life.node} holds ${name} back to the end`, proof: [entry] });
      }
    }
    return { violations, counted };
  },
});

function isHeld(entry: Entry): boolean {
  return entry.kind === "hold" && entry.released !== true;
}
