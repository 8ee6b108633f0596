/**
 * Once all is calm, all that are there follow one coordinator, which is one of them, within a stated bound: after a heal, after a death, after a
 * start. Later changes are judged by the next disturbance that follows.
 */
import type { Entry } from "../journal/entry.ts";
import type { Life } from "../journal/story/lives.ts";
import type { Checker } from "./checker.ts";
import { LinesOfLives } from "./lines-of-lives.ts";
import { type Calm, findCalms, seconds } from "./presence.ts";
import type { Violation } from "./verdict.ts";

export const agreement: Checker = {
  name: "agreement",
  promise: "after a heal, a death or a start all follow one coordinator within a stated bound",
  guards: "L3",
  needs: "events",
  open: ({ report }) => {
    const claims = new LinesOfLives();
    const gone = new WeakMap<Life, Map<number, Entry>>();
    /** What the life last said of that peer, if it holds it for gone. */
    const takeView = (life: Life, entry: Entry): void => {
      const views = gone.get(life) ?? new Map<number, Entry>();
      gone.set(life, views);
      if (entry.state === "FAILED" || entry.state === "LEFT") views.set(entry.peer as number, entry);
      else views.delete(entry.peer as number);
    };
    const takeClaim = (life: Life, entry: Entry): void => {
      const { coordinator, term } = entry;
      const before = claims.of(life).at(-1);
      const isNews = before?.coordinator !== coordinator || before?.term !== term;
      const view = typeof coordinator === "number" && isNews ? gone.get(life)?.get(coordinator) : undefined;
      if (view !== undefined && life.isWhole)
        report(`node ${life.node} accepts node ${coordinator} as coordinator, which it holds for ${view.state}`, [
          view,
          entry,
        ]);
      claims.add(life, entry);
    };
    return {
      take({ entry, life }) {
        if (life === null) return;
        if (entry.kind === "member" && entry.peer !== undefined) takeView(life, entry);
        if (entry.kind === "election" && entry.coordinator !== undefined) takeClaim(life, entry);
      },
      finish: (ending) => {
        const { agreeMs } = ending.bounds;
        const { calms, tail, tooEarly } = findCalms(ending, agreeMs);
        const unseen: Violation[] = [];
        const tookMs: number[] = [];
        let isOpen = false;
        for (const calm of [...calms, ...(tail === null ? [] : [tail])]) {
          if (calm.present.length < 2) continue;
          // The run ended before the tail's bound, so it can only agree.
          const found = findAgreement(claims, calm, calm === tail ? Number.POSITIVE_INFINITY : agreeMs);
          if (found !== null) tookMs.push(found);
          else if (calm === tail) isOpen = true;
          else unseen.push(describeDiscord(claims, calm, agreeMs));
        }
        const judged = tookMs.length + unseen.length + (isOpen ? 1 : 0);
        const after = tookMs.length === 0 ? "" : ` after ${seconds(Math.max(...tookMs))} at most`;
        const counted = `agreed in ${tookMs.length} of ${judged} calm times${after}, bound ${seconds(agreeMs)}`;
        if (ending.doubt !== null) return { counted, judged, open: ending.doubt };
        return { unseen, counted, judged, open: isOpen ? tooEarly : null };
      },
    };
  },
};

/** Milliseconds from the calm's beginning; null: they didn't agree within `boundMs`. */
function findAgreement(claims: LinesOfLives, { fromMs, present }: Calm, boundMs: number): number | null {
  const current = new Map(present.map((life) => [life.node, claims.last(life, fromMs)]));
  if (isOne(current)) return 0;
  const changes = present
    .flatMap((life) => claims.of(life).filter(({ time }) => time > fromMs && time <= fromMs + boundMs))
    .sort((a, b) => a.time - b.time);
  for (const change of changes) {
    current.set(change.node, change);
    if (isOne(current)) return change.time - fromMs;
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

function describeDiscord(claims: LinesOfLives, { fromMs, present }: Calm, boundMs: number): Violation {
  const views = present.map((life: Life) => ({ life, claim: claims.last(life, fromMs + boundMs) }));
  const words = views.map(({ life, claim }) => {
    const leader = claim?.coordinator ?? null;
    return `node ${life.node} follows ${leader === null ? "no coordinator" : `node ${leader} (term ${claim?.term})`}`;
  });
  const what = `${seconds(boundMs)} after the last disturbance ${words.join(", ")}`;
  return { what, proof: views.flatMap(({ claim }) => claim ?? []) };
}
