/**
 * Which nodes were there: the processes that ran through a span of time from its beginning to its end.
 */
import type { Life } from "../journal/story/lives.ts";
import type { Span } from "../journal/story/span.ts";
import { calmSpans } from "../journal/story/troubles.ts";
import type { Ending } from "./ending.ts";

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

export function findCalms(ending: Ending, boundMs: number): Calms {
  const { story, troubles } = ending;
  const withPresent = (span: Span): Calm => ({ ...span, present: findPresent(ending, span) });
  const calms = calmSpans(troubles, story)
    .filter(({ fromMs, toMs }) => toMs - fromMs >= boundMs)
    .map(withPresent);
  const fromMs = Math.min(troubles.disturbed.at(-1)?.toMs ?? story.beginMs, story.endMs);
  const tail = calms.at(-1)?.toMs === story.endMs ? null : withPresent({ fromMs, toMs: story.endMs });
  const quiet = seconds(story.endMs - fromMs);
  const tooEarly = `not yet, and the run ended ${quiet} after the last disturbance: this may take ${seconds(boundMs)}`;
  return { calms, tail, tooEarly };
}

function findPresent({ story, troubles }: Ending, span: Span): readonly Life[] {
  const present: Life[] = [];
  for (const [node, lives] of [...story.lives.ofNode].sort(([a], [b]) => a - b)) {
    const life = lives.findLast(({ fromMs }) => fromMs <= span.fromMs);
    const away = [...(troubles.down.get(node) ?? []), ...(troubles.paused.get(node) ?? [])];
    const isAway = away.some(({ fromMs, toMs }) => toMs > span.fromMs && fromMs < span.toMs);
    if (life !== undefined && !isAway) present.push(life);
  }
  return present;
}

/** `2.5 s`. */
export function seconds(ms: number): string {
  return `${(Math.round(ms / 100) / 10).toString()} s`;
}
