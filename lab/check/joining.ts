/**
 * Who starts takes part: it is READY within a stated bound, if its account can be known, which takes a majority of the voters. A node whose disk was
 * lost may wait for those who are away, and says so (RECOVERING).
 */
import { boundsOf } from "./bounds.ts";
import { defineChecker, formatCount } from "./define.ts";
import { type Calm, findCalms, lastLine, seconds } from "./presence.ts";
import type { Life, Story } from "./story.ts";
import type { Violation } from "./verdict.ts";

export const joining = defineChecker({
  name: "joining",
  promise: "a node that starts is READY within a stated bound",
  needs: "events",
  find: (story) => {
    const { joinMs } = boundsOf(story);
    const { calms, tail, tooEarly } = findCalms(story, joinMs);
    const unseen: Violation[] = [];
    let ready = 0;
    for (const calm of calms.filter((one) => hasMajority(story, one))) {
      for (const life of calm.present) {
        const atMs = calm.fromMs + joinMs;
        if (hasArrived(life, atMs)) ready += 1;
        else {
          const what = `node ${life.node} isn't READY ${seconds(joinMs)} after the last disturbance`;
          const last = lastLine(life, atMs, () => true);
          unseen.push({ what, proof: [...life.entries.slice(0, 1), ...(last === null ? [] : [last])] });
        }
      }
    }
    const isOpen = tail?.present.some((life) => !hasArrived(life, tail.toMs)) ?? false;
    const counted = `${formatCount(ready)} nodes READY, bound ${seconds(joinMs)}`;
    return { violations: [], unseen, counted, open: isOpen ? tooEarly : undefined };
  },
});

/** It has said that it is READY, or why it isn't. */
function hasArrived({ entries }: Life, atMs: number): boolean {
  return entries.some(({ time, phase }) => time <= atMs && typeof phase === "string");
}

function hasMajority({ facts }: Story, { present }: Calm): boolean {
  const voters = facts.voters.filter((id) => present.some(({ node }) => node === id));
  return facts.voters.length === 0 || voters.length > facts.voters.length / 2;
}
