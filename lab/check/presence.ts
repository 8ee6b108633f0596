/**
 * Who was there: the processes that ran through a span of time from its beginning to its end, and what they had last said of something by then.
 */
import type { Entry } from "../journal/entry.ts";
import type { Life, Story } from "./story.ts";
import { calmSpans, type Span, type Troubles, troublesOf } from "./troubles.ts";

/** A time in which nothing changed and nothing was wrong. */
export interface Calm extends Span {
  /** Lives that lasted through all of it, by node. */
  readonly present: readonly Life[];
}

export interface Calms {
  /** Of at least the bound: what was promised must be true in them. */
  readonly calms: readonly Calm[];
  /** The end of the run, when it came sooner: what was promised may be true already. Null: the run ended with one of `calms`. */
  readonly tail: Calm | null;
  /** What to say when it isn't. */
  readonly tooEarly: string;
}

export function findCalms(story: Story, boundMs: number): Calms {
  const troubles = troublesOf(story);
  const withPresent = (span: Span): Calm => ({ ...span, present: findPresent(story, troubles, span) });
  const calms = calmSpans(troubles, story)
    .filter(({ fromMs, toMs }) => toMs - fromMs >= boundMs)
    .map(withPresent);
  const fromMs = Math.min(troubles.disturbed.at(-1)?.toMs ?? story.beginMs, story.endMs);
  const tail = calms.at(-1)?.toMs === story.endMs ? null : withPresent({ fromMs, toMs: story.endMs });
  const quiet = seconds(story.endMs - fromMs);
  const tooEarly = `not yet, and the run ended ${quiet} after the last disturbance: this may take ${seconds(boundMs)}`;
  return { calms, tail, tooEarly };
}

function findPresent({ livesOf }: Story, troubles: Troubles, span: Span): readonly Life[] {
  const present: Life[] = [];
  for (const [node, lives] of [...livesOf].sort(([a], [b]) => a - b)) {
    const life = lives.findLast(({ entries }) => (entries[0]?.time ?? 0) <= span.fromMs);
    const away = [...(troubles.down.get(node) ?? []), ...(troubles.paused.get(node) ?? [])];
    const isAway = away.some(({ fromMs, toMs }) => toMs > span.fromMs && fromMs < span.toMs);
    if (life !== undefined && !isAway) present.push(life);
  }
  return present;
}

/** The last line up to `atMs` of which `isIt` is true. */
export function lastLine(life: Life, atMs: number, isIt: (entry: Entry) => boolean): Entry | null {
  for (let index = life.entries.length - 1; index >= 0; index--) {
    const entry = life.entries[index] as Entry;
    if (entry.time <= atMs && isIt(entry)) return entry;
  }
  return null;
}

/** The node serves no more: its store failed. */
export function isHalted(life: Life): boolean {
  return life.entries.some((entry) => entry.phase === "HALTED");
}

/** `2.5 s`. */
export function seconds(ms: number): string {
  return `${(Math.round(ms / 100) / 10).toString()} s`;
}
