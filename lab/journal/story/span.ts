/** A stretch of time, as all parts of the story have it: wall clock, milliseconds since 1970 (in virtual time: since the simulator's epoch). */
export interface Span {
  readonly fromMs: number;
  /** Infinity: no line has ended it. */
  readonly toMs: number;
}

/** A span that its fold still changes: only the fold may. */
export type Growing<S extends Span> = Omit<S, "toMs"> & { toMs: number };

export function overlaps(a: Span, b: Span): boolean {
  return a.fromMs <= b.toMs && b.fromMs <= a.toMs;
}

/** In order, those that touch each other made one. */
export function mergeSpans(spans: readonly Span[]): readonly Span[] {
  const merged: { fromMs: number; toMs: number }[] = [];
  for (const { fromMs, toMs } of spans.toSorted((a, b) => a.fromMs - b.fromMs)) {
    const last = merged.at(-1);
    if (last !== undefined && fromMs <= last.toMs) last.toMs = Math.max(last.toMs, toMs);
    else merged.push({ fromMs, toMs });
  }
  return merged;
}

/** Adds to the list of `key`. */
export function append<K, V>(lists: Map<K, V[]>, key: K, item: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}
