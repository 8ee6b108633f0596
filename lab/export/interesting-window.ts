/** The part of a run that is worth showing first: where most was decided and broken within a few seconds. */

import type { Span } from "../journal/story/span.ts";
import type { Chronicle } from "./diagram/chronicle.ts";

const WEIGHTS: Readonly<Record<string, number>> = {
  trouble: 8,
  crown: 5,
  provisional: 5,
  killed: 4,
  left: 2,
  failed: 1,
  start: 1,
};
const FAULT_WEIGHT = 3;
/** How much to show before the first of it. */
const LEAD_MS = 200;

/**
 * @param spanMs how long it may be
 * @param aroundMs since the first line: something that must be in it, a violation's first proof say; absent: whatever weighs most
 */
export function chooseWindow(history: Chronicle, spanMs: number, aroundMs?: number): Span {
  if (aroundMs !== undefined) return within(history, history.originMs + aroundMs - spanMs * 0.7, spanMs);
  // Every run begins with an election: that counts when there is nothing else.
  const firstCrownMs = history.moments.find(({ kind }) => kind === "crown")?.atMs ?? history.originMs;
  const points = [
    ...history.moments.map(({ atMs, kind }) => ({
      atMs,
      weight: (WEIGHTS[kind] ?? 0) * (atMs <= firstCrownMs ? 0.2 : 1),
    })),
    ...history.faults.flatMap(({ fromMs, toMs }) => [fromMs, toMs].map((atMs) => ({ atMs, weight: FAULT_WEIGHT }))),
  ]
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => a.atMs - b.atMs);
  let best = { atMs: history.originMs, weight: 0 };
  let [end, sum] = [0, 0];
  for (const [begin, { atMs, weight }] of points.entries()) {
    for (let next = points[end]; next !== undefined && next.atMs <= atMs + spanMs - LEAD_MS; next = points[++end])
      sum += next.weight;
    if (sum > best.weight + 1e-9) best = { atMs, weight: sum };
    sum -= end > begin ? weight : 0;
  }
  return within(history, best.atMs - LEAD_MS, spanMs);
}

function within({ originMs, endMs }: Chronicle, fromMs: number, spanMs: number): Span {
  const begin = Math.max(originMs, Math.min(fromMs, endMs - spanMs));
  return { fromMs: begin, toMs: Math.min(endMs, begin + spanMs) };
}
