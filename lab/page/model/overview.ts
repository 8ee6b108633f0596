/**
 * The part of a run that the time line shows: all of it, or a stretch around the moment that is looked at.
 */
export interface Overview {
  /** 1: the whole run; 2: half of it. */
  readonly zoom: number;
  /** Where the stretch begins. */
  readonly fromMs: number;
}

export interface Span {
  readonly beginMs: number;
  readonly endMs: number;
}

export const WHOLE_RUN: Overview = { zoom: 1, fromMs: 0 };
/** A shorter stretch is what the space-time diagram is for. */
const LEAST_MS = 1_000;

/** The stretch stays while the moment is in it; then it turns over like a page. */
export function spanOf({ zoom, fromMs }: Overview, { beginMs, endMs }: Span, atMs: number): Span {
  const lengthMs = (endMs - beginMs) / zoom;
  const isInside = atMs >= fromMs && atMs <= fromMs + lengthMs;
  const wishedMs = isInside ? fromMs : atMs - lengthMs / 2;
  const from = Math.max(beginMs, Math.min(wishedMs, endMs - lengthMs));
  return { beginMs: from, endMs: from + lengthMs };
}

/** Zooms so that `fixedMs` stays where it is on the strip. @param factor 2: twice as large */
export function zoomOverview(shown: Span, run: Span, factor: number, fixedMs: number): Overview {
  const runMs = run.endMs - run.beginMs;
  const lengthMs = Math.max(Math.min(LEAST_MS, runMs), Math.min(runMs, (shown.endMs - shown.beginMs) / factor));
  const share = (fixedMs - shown.beginMs) / Math.max(1, shown.endMs - shown.beginMs);
  return lengthMs >= runMs ? WHOLE_RUN : { zoom: runMs / lengthMs, fromMs: fixedMs - share * lengthMs };
}
