/**
 * What the replicas came to: their vectors at the end of the run and a bound before it. What was anywhere by then has had time to be everywhere.
 */
import { boundsOf } from "./bounds.ts";
import { findCalms, isHalted } from "./presence.ts";
import { walkReplica } from "./replica.ts";
import { type Life, readVector, type Story } from "./story.ts";

export interface Outcome {
  /** Of the nodes that were there, connected and able to take debits until the end. */
  readonly finals: readonly { readonly life: Life; readonly clock: ReadonlyMap<number, number> }[];
  /** Number of the last debit of each account that must be everywhere, and a node that had it in time. */
  readonly due: ReadonlyMap<number, { readonly seq: number; readonly at: number }>;
  readonly boundMs: number;
}

const outcomes = new WeakMap<Story, Outcome | string>();

/** Text: why nothing can be said of the end. */
export function outcomeOf(story: Story): Outcome | string {
  const known = outcomes.get(story) ?? findOutcome(story);
  outcomes.set(story, known);
  return known;
}

/** Where the run ended too early for the bound, the replicas may be equal already: then all that is anywhere is everywhere. */
function findOutcome(story: Story): Outcome | string {
  const { ledgerMs } = boundsOf(story);
  const { calms, tail, tooEarly } = findCalms(story, ledgerMs);
  const calm = tail ?? calms.at(-1);
  if (calm === undefined) return tooEarly;
  const outcome = collect(calm.present, tail === null ? story.endMs - ledgerMs : story.endMs, ledgerMs);
  return tail === null || isComplete(outcome) ? outcome : tooEarly;
}

function collect(present: readonly Life[], cutoffMs: number, boundMs: number): Outcome {
  const finals: { life: Life; clock: ReadonlyMap<number, number> }[] = [];
  const due = new Map<number, { seq: number; at: number }>();
  for (const life of present) {
    if (isHalted(life)) continue;
    const note = (time: number, origin: number, seq: number): void => {
      if (time <= cutoffMs && seq > (due.get(origin)?.seq ?? -1)) due.set(origin, { seq, at: life.node });
    };
    const last = walkReplica(life, {
      onDelivery: ({ entry: { time }, origin, seq }) => note(time, origin, seq),
      onBooks: ({ time, vc }) => {
        for (const [origin, seq] of readVector(vc)) note(time, origin, seq);
      },
    });
    if (last !== null) finals.push({ life, clock: last.clock });
  }
  return { finals, due, boundMs };
}

function isComplete({ finals, due }: Outcome): boolean {
  return finals.every(({ clock }) => [...due].every(([origin, { seq }]) => (clock.get(origin) ?? -1) >= seq));
}
