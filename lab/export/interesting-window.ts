/** The part of a run that is worth showing first: where most was decided and broken within a few seconds. */

import type { NodeId } from "../../node/wire/ids.ts";
import type { Span } from "../journal/story/span.ts";
import type { Chronicle } from "./diagram/chronicle.ts";
import type { Moment } from "./diagram/moments.ts";

const WEIGHTS: Readonly<Partial<Record<Moment["kind"], number>>> = {
  trouble: 8,
  crown: 5,
  provisional: 5,
  killed: 4,
  left: 2,
  failed: 1,
  start: 1,
};
export const FAULT_WEIGHT = 3;

/** How much a moment says about what went wrong; 0: it is everyday life. */
export function weigh({ kind }: Moment): number {
  return WEIGHTS[kind] ?? 0;
}

/** How much to show before the first of it. */
const LEAD_MS = 200;

export interface Window extends Span {
  /** When that happened which makes the window interesting: it has to be seen. */
  readonly focusMs: number;
}

/**
 * @param spanMs how long it may be
 * @param nodes whose moments count
 * @param aroundMs wall clock: something that must be in it, a violation's proof say; absent: whatever weighs most
 */
export function chooseWindow(
  history: Chronicle,
  spanMs: number,
  nodes: readonly NodeId[] = history.nodes,
  aroundMs?: number,
): Window {
  if (aroundMs !== undefined) return within(history, aroundMs - spanMs * 0.7, spanMs, aroundMs);
  // Every run begins with an election: that counts when there is nothing else.
  const firstCrownMs = history.moments.find(({ kind }) => kind === "crown")?.atMs ?? history.originMs;
  const points = [
    ...history.moments
      .filter(({ node }) => nodes.includes(node))
      .map((moment) => ({ atMs: moment.atMs, weight: weigh(moment) * (moment.atMs <= firstCrownMs ? 0.2 : 1) })),
    ...history.faults.flatMap(({ fromMs, toMs }) => [fromMs, toMs].map((atMs) => ({ atMs, weight: FAULT_WEIGHT }))),
  ]
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => a.atMs - b.atMs);
  const leadMs = Math.min(LEAD_MS, spanMs * 0.3);
  let best = { atMs: history.originMs, focusMs: history.originMs, weight: 0 };
  let [end, sum] = [0, 0];
  for (const [begin, { atMs, weight }] of points.entries()) {
    for (let next = points[end]; next !== undefined && next.atMs <= atMs + spanMs - leadMs; next = points[++end])
      sum += next.weight;
    if (sum > best.weight + 1e-9) {
      const heaviest = points.slice(begin, end).reduce((most, point) => (point.weight > most.weight ? point : most));
      best = { atMs, weight: sum, focusMs: heaviest.atMs };
    }
    sum -= end > begin ? weight : 0;
  }
  return within(history, best.atMs - leadMs, spanMs, best.focusMs);
}

function within({ originMs, endMs }: Chronicle, fromMs: number, spanMs: number, focusMs: number): Window {
  const begin = Math.max(originMs, Math.min(fromMs, endMs - spanMs));
  return { fromMs: begin, toMs: Math.min(endMs, begin + spanMs), focusMs };
}
