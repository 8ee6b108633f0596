/**
 * Every time that a node suspected another or declared it FAILED, and whether something excuses it. A node that was killed, paused, frozen or
 * cut off a while ago may still be declared FAILED: the news takes its time. So may a node that its machine leaves too little time; and such a
 * node may believe the news of others, since what it heard of the peer since waits unread.
 */
import type { Entry } from "../journal/entry.ts";
import type { Life } from "../journal/story/lives.ts";
import type { Span } from "../journal/story/span.ts";
import type { Story } from "../journal/story/story.ts";
import { type Troubles, wereConnected } from "../journal/story/troubles.ts";
import type { Line } from "./checker.ts";

interface Accusation {
  readonly entry: Entry;
  readonly peer: number;
  /** The peer's process by then; undefined: it hadn't written anything. */
  readonly life: Life | undefined;
  /** How many lines that process had written. */
  readonly lines: number;
}

export interface JudgedAccusation {
  readonly entry: Entry;
  readonly peer: number;
  /** The peer's process by then; undefined: it hadn't written anything. */
  readonly accused: Life | undefined;
  readonly isExcused: boolean;
  /** The process never gave a sign again: whether it ran, the journal can't tell. */
  readonly isLast: boolean;
}

export class Accusations {
  readonly all: Accusation[] = [];
  /** By process: how many accusations there were when a peer last said that it is back. */
  readonly signs = new Map<Life, number>();
  readonly #story: Story;

  constructor(story: Story) {
    this.#story = story;
  }

  take({ entry, life }: Line): void {
    const { kind, peer, state } = entry;
    if (kind !== "member" || life === null || peer === undefined) return;
    const accused = this.#story.lives.current(peer);
    if (state === "ALIVE" && accused !== undefined) this.signs.set(accused, this.all.length);
    if (state === "SUSPECTED" || state === "FAILED")
      this.all.push({ entry, peer, life: accused, lines: accused?.lines ?? 0 });
  }
}

export function judgeAccusations(
  { all, signs }: Accusations,
  story: Story,
  troubles: Troubles,
  echoMs: number,
): readonly JudgedAccusation[] {
  /** By peer: when somebody last declared it FAILED with an excuse. */
  const news = new Map<number, number>();
  return all.map(({ entry, peer, life, lines }, number) => {
    const span = { fromMs: entry.time - echoMs, toMs: entry.time };
    const isNews = (news.get(peer) ?? Number.NEGATIVE_INFINITY) >= span.fromMs;
    const isOverwhelmed = wasStarved(troubles, entry.node, span);
    const isExcused = excuses(story, troubles, entry.node, peer, span) || (isNews && isOverwhelmed);
    if (isExcused && entry.state === "FAILED") news.set(peer, entry.time);
    const isLast = life !== undefined && life.end === null && life.lines === lines && (signs.get(life) ?? 0) <= number;
    return { entry, peer, accused: life, isExcused, isLast };
  });
}

function excuses(story: Story, troubles: Troubles, node: number, peer: number, span: Span): boolean {
  // That the accuser was frozen itself is no excuse: it must not take that for the other's silence.
  const isAsleep = troubles.paused.get(peer)?.some((pause) => pause.fromMs <= span.toMs && pause.toMs >= span.fromMs);
  if (isAsleep === true || wasStarved(troubles, peer, span) || !wereConnected(troubles, node, peer, span)) return true;
  return !hasLived(story, peer, span.fromMs) || !hasLived(story, node, span.fromMs);
}

function wasStarved({ starved }: Troubles, node: number, { fromMs, toMs }: Span): boolean {
  return starved.get(node)?.some((span) => span.fromMs <= toMs && span.toMs >= fromMs) ?? false;
}

/** Whether a process of the node has been there since. */
function hasLived({ lives }: Story, node: number, sinceMs: number): boolean {
  return lives.ofNode.get(node)?.some(({ fromMs }) => fromMs <= sinceMs) ?? false;
}
