/**
 * Where on the page each event stands: time runs downwards, but not evenly.
 *
 * Idea: what happens in a cluster happens in bursts of milliseconds with quiet seconds between. Within a burst there is room for every event
 * (a node's next event is below its last one, an arrival below its sending), and time counts as far as it is worth more than that; quiet
 * spans are shortened, and marked. So the order is always to be seen, and the axis says when.
 */
import { type Placed, Rows } from "./event-rows.ts";

/** An event that may have to be below another one, its sending, by so much. */
export interface PlacedEvent extends Placed {
  readonly below?: { readonly index: number; readonly by: number };
}

export interface Burst {
  readonly fromMs: number;
  readonly toMs: number;
  readonly y0: number;
  readonly y1: number;
}

/** An instant on the axis. */
export interface Tick {
  readonly atMs: number;
  readonly y: number;
}

export interface Scale {
  /** For each event its height on the page, in the order in which they were given. */
  readonly ys: readonly number[];
  readonly bursts: readonly Burst[];
  /** Where the axis says the time. */
  readonly ticks: readonly Tick[];
  /** Any instant, between events too. */
  readonly yAt: (atMs: number) => number;
  readonly bottom: number;
}

export interface ScaleOptions {
  readonly top: number;
  /** Quiet for longer than this: shortened. */
  readonly quietMs: number;
  /** Within a burst, as far as the events need no more. */
  readonly pxPerMs: number;
  readonly fromMs: number;
  readonly toMs: number;
}

const GAP_MIN_PX = 22;
const GAP_MAX_PX = 64;
const BURST_END_PX = 10;
const PAUSE_PX = 14;
/** How far what happens may lag behind the clock. */
const SLACK_PX = 30;
const TICK_PX = 110;

/** @param events in causal order; an event may be a little earlier than the one before it */
export function placeEvents(events: readonly PlacedEvent[], options: ScaleOptions): Scale {
  const { quietMs, pxPerMs, top, fromMs, toMs } = options;
  const ys: number[] = [];
  const bursts: Burst[] = [];
  const ticks: Tick[] = [{ atMs: fromMs, y: top }];
  const anchors: Tick[] = [{ atMs: fromMs, y: top }];
  const rows = new Rows({ top, fromMs, spanPx: (ms) => advance(ms * pxPerMs), slackPx: SLACK_PX });
  let burst = { fromMs, y0: top, y1: top };
  for (const event of events) {
    const { latestMs } = rows;
    const gapMs = event.atMs - latestMs;
    if (gapMs > quietMs) {
      const y1 = burst.y1 + BURST_END_PX;
      const y0 = y1 + shorten(gapMs, quietMs);
      bursts.push({ ...burst, toMs: latestMs, y1 });
      rows.jump(event.atMs, y0);
      burst = { fromMs: event.atMs, y0, y1: y0 };
      anchors.push({ atMs: latestMs, y: y1 }, { atMs: event.atMs, y: y0 });
      ticks.push({ atMs: event.atMs, y: y0 });
    }
    const y = rows.add(event, event.below === undefined ? 0 : (ys[event.below.index] ?? 0) + event.below.by);
    ys.push(y);
    burst.y1 = Math.max(burst.y1, y);
    anchors.push({ atMs: rows.latestMs, y: burst.y1 });
    if (burst.y1 - (ticks.at(-1)?.y ?? 0) > TICK_PX && y === rows.clockPx) ticks.push({ atMs: rows.latestMs, y });
  }
  const { latestMs } = rows;
  const y1 = burst.y1 + BURST_END_PX;
  bursts.push({ ...burst, toMs: latestMs, y1 });
  const restMs = toMs - latestMs;
  const bottom = y1 + (restMs > quietMs ? shorten(restMs, quietMs) : advance(Math.max(0, restMs) * pxPerMs));
  anchors.push({ atMs: latestMs, y: y1 }, { atMs: Math.max(toMs, latestMs), y: bottom });
  return { ys, bursts, ticks, yAt: interpolate(anchors), bottom };
}

/** Even within a burst a longer pause grows slower than time does. */
function advance(px: number): number {
  return px <= PAUSE_PX ? px : PAUSE_PX + 7 * Math.log2(px / PAUSE_PX);
}

/** Twice the span is a little more: seconds and minutes stay apart. */
function shorten(gapMs: number, quietMs: number): number {
  return Math.min(GAP_MAX_PX, GAP_MIN_PX + 6 * Math.log2(gapMs / quietMs));
}

/** Straight between the anchors, which rise in both. */
function interpolate(anchors: readonly Tick[]): (atMs: number) => number {
  return (atMs) => {
    let low = 0;
    let high = anchors.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((anchors[middle]?.atMs ?? 0) <= atMs) low = middle;
      else high = middle - 1;
    }
    const [a, b] = [anchors[low], anchors[low + 1]];
    if (a === undefined) return 0;
    if (b === undefined || atMs <= a.atMs || b.atMs === a.atMs) return a.y;
    return a.y + ((atMs - a.atMs) / (b.atMs - a.atMs)) * (b.y - a.y);
  };
}
