/**
 * One log line in a while for each kind of trouble, with the number of those that weren't shown: a stranger who sends garbage
 * must not fill the disk.
 */
const KINDS_MAX = 256;

export interface RateLimit {
  /** Null: say nothing now. Otherwise how many of this kind were held back since the last line. */
  admit(kind: string, nowMs: number): number | null;
}

export function createRateLimit(intervalMs = 5_000): RateLimit {
  const kinds = new Map<string, { atMs: number; heldBack: number }>();
  return {
    admit(kind, nowMs) {
      const last = kinds.get(kind);
      if (last !== undefined && nowMs - last.atMs < intervalMs) {
        last.heldBack += 1;
        return null;
      }
      if (kinds.size >= KINDS_MAX) kinds.clear();
      kinds.set(kind, { atMs: nowMs, heldBack: 0 });
      return last?.heldBack ?? 0;
    },
  };
}

/** " (12 more like it)", or nothing. */
export function describeHeldBack(heldBack: number): string {
  return heldBack === 0 ? "" : ` (${heldBack} more like it before)`;
}
