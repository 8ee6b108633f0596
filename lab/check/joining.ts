/**
 * A node that starts takes part: it is READY within a stated bound, if its account can be known, which takes a majority of the voters. A node
 * whose disk was lost may wait for those that are away, and says so (RECOVERING).
 */
import type { Entry } from "../journal/entry.ts";
import type { RunFacts } from "../journal/journal.ts";
import type { Life } from "../journal/story/lives.ts";
import { type Checker, formatCount } from "./checker.ts";
import { type Calm, findCalms, seconds } from "./presence.ts";
import type { Violation } from "./verdict.ts";

interface Progress {
  readonly first: Entry;
  last: Entry;
  /** Its first word about its phase: READY, or why it isn't. */
  arrivedAtMs: number;
}

export const joining: Checker = {
  name: "joining",
  promise: "a node that starts is READY within a stated bound",
  guards: "L5",
  needs: "events",
  open: ({ facts }) => {
    const progress = new Map<Life, Progress>();
    const hasArrived = (life: Life, atMs: number): boolean =>
      (progress.get(life)?.arrivedAtMs ?? Number.POSITIVE_INFINITY) <= atMs;
    return {
      take({ entry, life }) {
        if (life === null) return;
        const own = progress.get(life) ?? { first: entry, last: entry, arrivedAtMs: Number.POSITIVE_INFINITY };
        own.last = entry;
        if (typeof entry.phase === "string") own.arrivedAtMs = Math.min(own.arrivedAtMs, entry.time);
        progress.set(life, own);
      },
      finish: (ending) => {
        const { joinMs } = ending.bounds;
        const { calms, tail, tooEarly } = findCalms(ending, joinMs);
        const unseen: Violation[] = [];
        let ready = 0;
        for (const calm of calms.filter((one) => hasMajority(facts, one))) {
          for (const life of calm.present) {
            const own = progress.get(life);
            if (hasArrived(life, calm.fromMs + joinMs) || own === undefined) ready += 1;
            else {
              const what = `node ${life.node} isn't READY ${seconds(joinMs)} after the last disturbance`;
              unseen.push({ what, proof: own.first === own.last ? [own.first] : [own.first, own.last] });
            }
          }
        }
        // The run ended before the tail's bound, so its nodes can only arrive.
        const arrived = tail?.present.filter((life) => hasArrived(life, tail.toMs)).length ?? 0;
        const isOpen = tail !== null && arrived < tail.present.length;
        const counted = `${formatCount(ready + arrived)} nodes READY, bound ${seconds(joinMs)}`;
        const judged = ready + arrived + unseen.length + (isOpen ? 1 : 0);
        if (ending.doubt !== null) return { counted, judged, open: ending.doubt };
        return { unseen, counted, judged, open: isOpen ? tooEarly : null };
      },
    };
  },
};

function hasMajority({ voters }: RunFacts, { present }: Calm): boolean {
  const there = voters.filter((id) => present.some(({ node }) => node === id));
  return voters.length === 0 || there.length > voters.length / 2;
}
