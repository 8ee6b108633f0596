/**
 * Each process of a node has a higher incarnation than all before it, unless its disk was replaced, and nobody goes back to an earlier
 * process of a peer.
 */
import type { Entry } from "../journal/entry.ts";
import { defineChecker, formatCount } from "./define.ts";
import type { Life, Story } from "./story.ts";
import type { Violation } from "./verdict.ts";

export const incarnations = defineChecker({
  name: "incarnations",
  promise: "incarnations of a node grow, and nobody goes back to an earlier one",
  needs: "events",
  find: (story) => {
    const violations = [...findReused(story), ...story.lives.filter(({ isWhole }) => isWhole).flatMap(findRelapses)];
    return { violations, counted: `${formatCount(story.lives.length)} processes` };
  },
});

function findReused({ livesOf, wiped }: Story): readonly Violation[] {
  const violations: Violation[] = [];
  for (const [node, lives] of livesOf) {
    if (wiped.has(node)) continue;
    let last: Entry | null = null;
    for (const { boot, entries } of lives) {
      if (boot !== null && last !== null && boot.inc <= last.inc && boot.durable !== false) {
        const what = `node ${node} starts as incarnation ${boot.inc} after ${last.inc}`;
        violations.push({ what, proof: [last, boot] });
      }
      last = entries.at(-1) ?? last;
    }
  }
  return violations;
}

function findRelapses({ node, entries }: Life): readonly Violation[] {
  const believed = new Map<number, Entry>();
  const violations: Violation[] = [];
  for (const entry of entries) {
    const { kind, peer, peer_inc: inc } = entry;
    if (kind !== "member" || peer === undefined || inc === undefined) continue;
    const before = believed.get(peer);
    if (before !== undefined && inc < (before.peer_inc ?? 0)) {
      const what = `node ${node} goes back from incarnation ${before.peer_inc} of node ${peer} to ${inc}`;
      violations.push({ what, proof: [before, entry] });
    }
    believed.set(peer, entry);
  }
  return violations;
}
