/**
 * Once all is calm, all that are there follow one coordinator, which is one of them, within a stated bound: after a heal, after a death, after a
 * start. Later changes are judged by the next disturbance that follows.
 */
import type { Entry } from "../journal/entry.ts";
import { boundsOf } from "./bounds.ts";
import { defineChecker } from "./define.ts";
import { type Calm, findCalms, lastLine, seconds } from "./presence.ts";
import type { Violation } from "./verdict.ts";

export const agreement = defineChecker({
  name: "agreement",
  promise: "after a heal, a death or a start all follow one coordinator within a stated bound",
  needs: "events",
  find: (story) => {
    const { agreeMs } = boundsOf(story);
    const { calms, tail, tooEarly } = findCalms(story, agreeMs);
    const unseen: Violation[] = [];
    let slowestMs = 0;
    for (const calm of calms) {
      if (calm.present.length < 2) continue;
      const tookMs = findAgreement(calm, agreeMs);
      if (tookMs === null) unseen.push(describeDiscord(calm, agreeMs));
      else slowestMs = Math.max(slowestMs, tookMs);
    }
    const counted = `${calms.length} calm times, agreed after ${seconds(slowestMs)} at most, bound ${seconds(agreeMs)}`;
    const isOpen = tail !== null && tail.present.length > 1 && findAgreement(tail, tail.toMs - tail.fromMs) === null;
    return { violations: [], unseen, counted, open: isOpen ? tooEarly : undefined };
  },
});

const isClaim = (entry: Entry): boolean => entry.kind === "election" && entry.coordinator !== undefined;

/** Milliseconds from the calm's beginning; null: they didn't agree within `boundMs`. */
function findAgreement({ fromMs, present }: Calm, boundMs: number): number | null {
  const claims = new Map(present.map((life) => [life.node, lastLine(life, fromMs, isClaim)]));
  if (isOne(claims)) return 0;
  const changes = present
    .flatMap(({ entries }) => entries.filter((entry) => isClaim(entry) && entry.time > fromMs))
    .filter(({ time }) => time <= fromMs + boundMs)
    .sort((a, b) => a.time - b.time);
  for (const change of changes) {
    claims.set(change.node, change);
    if (isOne(claims)) return change.time - fromMs;
  }
  return null;
}

function isOne(claims: ReadonlyMap<number, Entry | null>): boolean {
  const [first] = claims.values();
  const leader = first?.coordinator;
  if (first === undefined || first === null || typeof leader !== "number" || !claims.has(leader)) return false;
  return [...claims.values()].every(
    (claim) => claim?.coordinator === leader && claim.term === first.term && claim.elected === first.elected,
  );
}

function describeDiscord({ fromMs, present }: Calm, boundMs: number): Violation {
  const claims = present.map((life) => ({ life, claim: lastLine(life, fromMs + boundMs, isClaim) }));
  const views = claims.map(({ life, claim }) => {
    const leader = claim?.coordinator ?? null;
    return `node ${life.node} follows ${leader === null ? "nobody" : `node ${leader} (term ${claim?.term})`}`;
  });
  const what = `${seconds(boundMs)} after the last disturbance ${views.join(", ")}`;
  return { what, proof: claims.flatMap(({ claim }) => (claim === null ? [] : [claim])) };
}
