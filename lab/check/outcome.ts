/**
 * What the replicas came to: their vectors at the end of the run and a bound before it. What was anywhere by then has had time to be everywhere.
 */
import { boundsOf } from "./bounds.ts";
import { findCalms, isHalted, seconds } from "./presence.ts";
import { walkReplica } from "./replica.ts";
import type { Life, Story } from "./story.ts";

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

function findOutcome(story: Story): Outcome | string {
  const { ledgerMs } = boundsOf(story);
  const { calms, open } = findCalms(story, ledgerMs);
  const last = calms.at(-1);
  if (open !== undefined || last === undefined) return open ?? `the run is shorter than ${seconds(ledgerMs)}`;
  const cutoffMs = story.endMs - ledgerMs;
  const finals: { life: Life; clock: ReadonlyMap<number, number> }[] = [];
  const due = new Map<number, { seq: number; at: number }>();
  for (const life of last.present) {
    if (isHalted(life)) continue;
    const note = (time: number, clock: ReadonlyMap<number, number>): void => {
      if (time > cutoffMs) return;
      for (const [id, seq] of clock) if (seq > (due.get(id)?.seq ?? -1)) due.set(id, { seq, at: life.node });
    };
    // A replica only grows, so what it was before its next line is noted in time.
    const clock = walkReplica(life, {
      onDelivery: ({ entry: { time }, origin, seq }) => note(time, new Map([[origin, seq]])),
      onBooks: ({ time, vc }) => note(time, new Map(Object.entries(vc ?? {}).map(([id, seq]) => [Number(id), seq]))),
      onOther: () => {},
    })?.clock;
    if (clock !== undefined) finals.push({ life, clock });
  }
  return { finals, due, boundMs: ledgerMs };
}
