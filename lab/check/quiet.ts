/**
 * How much longer a run should go on undisturbed before it is judged: promises about time can't be held against a run that ended a
 * moment after its last disturbance. A command that still has the run waits as long and judges then.
 */
import type { Journal, RunFacts } from "../journal/journal.ts";
import { type Story, tellStory } from "../journal/story/story.ts";
import { readTroubles } from "../journal/story/troubles.ts";
import { boundsOf } from "./bounds.ts";

/** Between the last line that counts and the moment of judging. */
const MARGIN_MS = 200;

/** Until the next of the promises' bounds is over, in milliseconds; null: all are, or something is wrong until the end. */
export function missingQuietMs(journal: Journal): number | null {
  const missing = quietLeftMs(journal.facts, tellStory(journal));
  return missing === null || missing.nextMs === 0 ? null : missing.nextMs;
}

/**
 * The same of a run that goes on.
 * @returns how long until the next bound, and until all of them, are over (0: they are); null: something is wrong until somebody ends it
 */
export function quietLeftMs(facts: RunFacts, story: Story): { readonly nextMs: number; readonly allMs: number } | null {
  const { disturbed, isOpenEnded } = readTroubles(story);
  if (isOpenEnded) return null;
  const last = disturbed.at(-1)?.toMs ?? story.beginMs;
  // Below zero: a fault that ends by itself goes on for so long.
  const quietMs = story.endMs - last;
  const spans = Object.values(boundsOf(facts, story)).sort((a, b) => a - b);
  const left = (spanMs = 0): number => (spanMs > quietMs ? spanMs - quietMs + MARGIN_MS : 0);
  return { nextMs: left(spans.find((spanMs) => spanMs > quietMs)), allMs: left(spans.at(-1)) };
}
