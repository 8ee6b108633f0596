/**
 * How much longer a run should go on undisturbed before it is judged: promises about time can't be held against a run that ended a
 * moment after its last disturbance. A command that still has the run waits as long and judges then.
 */
import type { Journal } from "../journal/journal.ts";
import { tellStory } from "../journal/story/story.ts";
import { readTroubles } from "../journal/story/troubles.ts";
import { boundsOf } from "./bounds.ts";

/** Between the last line that counts and the moment of judging. */
const MARGIN_MS = 200;

/** Until the next of the promises' bounds is over, in milliseconds; null: all are, or something is wrong until the end. */
export function missingQuietMs(journal: Journal): number | null {
  const story = tellStory(journal);
  const { disturbed, isOpenEnded } = readTroubles(story);
  if (isOpenEnded) return null;
  const last = disturbed.at(-1)?.toMs ?? story.beginMs;
  // Below zero: a fault that ends by itself goes on for so long.
  const quietMs = story.endMs - last;
  const spans = Object.values(boundsOf(journal.facts, story)).sort((a, b) => a - b);
  const next = spans.find((spanMs) => spanMs > quietMs);
  return next === undefined ? null : next - quietMs + MARGIN_MS;
}
