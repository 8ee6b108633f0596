/**
 * Nobody who runs and can be reached is declared FAILED. Suspicions of such nodes are allowed, and counted. Who was killed, paused, frozen
 * or cut off a while ago may still be declared so: the news takes its time. So may who is left too little time by its machine; and a node
 * that is left too little itself may believe such news of others, since what it heard of the peer since waits unread.
 */
import type { Entry } from "../journal/entry.ts";
import { boundsOf } from "./bounds.ts";
import { defineChecker, formatCount } from "./define.ts";
import type { Story } from "./story.ts";
import { type Span, type Troubles, troublesOf, wereConnected } from "./troubles.ts";
import type { Violation } from "./verdict.ts";

export const noFalseFailures = defineChecker({
  name: "no-false-failures",
  promise: "nobody who is alive and connected is declared FAILED",
  needs: "events",
  find: (story) => {
    const { echoMs } = boundsOf(story);
    const troubles = troublesOf(story);
    const unseen: Violation[] = [];
    const counts = { suspicions: 0, failures: 0 };
    /** By peer: when somebody last held it for FAILED with an excuse. */
    const news = new Map<number, number>();
    for (const entry of story.journal.entries) {
      if (entry.kind !== "member" || entry.peer === undefined || entry.node === 0) continue;
      if (entry.state !== "SUSPECTED" && entry.state !== "FAILED") continue;
      if (entry.state === "FAILED") counts.failures += 1;
      const fromMs = entry.time - echoMs;
      const isNews = (news.get(entry.peer) ?? Number.NEGATIVE_INFINITY) >= fromMs;
      const isOverwhelmed = wasStarved(troubles, entry.node, { fromMs, toMs: entry.time });
      if (isExcused(story, troubles, entry, entry.peer, echoMs) || (isNews && isOverwhelmed)) {
        if (entry.state === "FAILED") news.set(entry.peer, entry.time);
        continue;
      }
      if (entry.state === "SUSPECTED") counts.suspicions += 1;
      else
        unseen.push({
          what: `node ${entry.node} declares node ${entry.peer} FAILED, which runs and can be reached`,
          proof: [entry],
        });
    }
    const counted = `${formatCount(counts.failures)} nodes declared FAILED, ${formatCount(counts.suspicions)} false suspicions`;
    return { violations: [], unseen, counted };
  },
});

function isExcused(story: Story, troubles: Troubles, entry: Entry, peer: number, echoMs: number): boolean {
  const { node, time } = entry;
  const fromMs = time - echoMs;
  const window = { fromMs, toMs: time };
  // That the accuser was frozen itself is no excuse: it must not take that for the other's silence.
  const isAsleep = troubles.paused.get(peer)?.some((span) => span.fromMs <= time && span.toMs >= fromMs) ?? false;
  if (isAsleep || wasStarved(troubles, peer, window) || !wereConnected(troubles, node, peer, window)) return true;
  return !hasLived(story, peer, fromMs) || !hasLived(story, node, fromMs);
}

function wasStarved({ starved }: Troubles, node: number, { fromMs, toMs }: Span): boolean {
  return starved.get(node)?.some((span) => span.fromMs <= toMs && span.toMs >= fromMs) ?? false;
}

/** Whether its present process has been there since. */
function hasLived({ livesOf }: Story, node: number, sinceMs: number): boolean {
  return livesOf.get(node)?.some(({ entries }) => (entries[0]?.time ?? Number.POSITIVE_INFINITY) <= sinceMs) ?? false;
}
