/**
 * When a moving picture shows what: the time of the run, stretched wherever a message travels.
 *
 * Idea: a message takes a third of a millisecond on a LAN and half a second of nothing follows. Run time is cut at every send and
 * arrival; pieces in which something travels are made so long that each message takes a given time on screen. Order is never changed:
 * film time is a rising function of run time.
 */

export interface TimeMap {
  /** Of the film, milliseconds. */
  readonly totalMs: number;
  /** Film time of an instant of the run; both count from the run's beginning. */
  readonly toFilm: (runMs: number) => number;
  /** Run and film time of every cut, rising. */
  readonly knots: readonly (readonly [runMs: number, filmMs: number])[];
}

export interface Travel {
  readonly fromMs: number;
  readonly untilMs: number;
  /** What it takes on screen at least. */
  readonly leastMs: number;
}

/** @param pace film milliseconds for one of the run where nothing travels */
export function stretchTime(runMs: number, travels: readonly Travel[], pace: number): TimeMap {
  const inside = travels.filter(({ fromMs, untilMs }) => fromMs >= 0 && untilMs <= runMs && untilMs > fromMs);
  const cuts = [...new Set([0, runMs, ...inside.flatMap(({ fromMs, untilMs }) => [fromMs, untilMs])])];
  cuts.sort((a, b) => a - b);
  const indexOf = new Map(cuts.map((cut, i) => [cut, i]));
  const lengths = cuts.slice(1).map((cut, i) => (cut - (cuts[i] as number)) * pace);
  for (const { fromMs, untilMs, leastMs } of [...inside].sort((a, b) => a.untilMs - b.untilMs)) {
    const [first, end] = [indexOf.get(fromMs) as number, indexOf.get(untilMs) as number];
    const now = lengths.slice(first, end).reduce((sum, length) => sum + length, 0);
    if (now >= leastMs) continue;
    for (let i = first; i < end; i++) {
      const share = ((cuts[i + 1] as number) - (cuts[i] as number)) / (untilMs - fromMs);
      lengths[i] = (lengths[i] as number) + share * (leastMs - now);
    }
  }
  let filmMs = 0;
  const knots = cuts.map((cut, i) => {
    if (i > 0) filmMs += lengths[i - 1] as number;
    return [cut, filmMs] as const;
  });
  return { totalMs: filmMs, knots, toFilm: (atMs) => interpolate(knots, atMs) };
}

function interpolate(knots: TimeMap["knots"], atMs: number): number {
  const last = knots.at(-1) ?? [0, 0];
  if (atMs >= last[0]) return last[1];
  let [low, high] = [0, knots.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((knots[middle] as readonly [number, number])[0] <= atMs) low = middle;
    else high = middle;
  }
  const [run0, film0] = knots[low] as readonly [number, number];
  const [run1, film1] = knots[high] as readonly [number, number];
  return atMs <= run0 ? film0 : film0 + ((film1 - film0) * (atMs - run0)) / (run1 - run0);
}
