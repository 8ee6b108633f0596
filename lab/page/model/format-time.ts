/**
 * Instants and spans as the page writes them.
 */

/** `0:07.250`; the instant since the run's beginning. */
export function formatClock(ms: number): string {
  const rest = Math.max(0, ms);
  const minutes = Math.floor(rest / 60_000);
  return `${minutes}:${((rest % 60_000) / 1_000).toFixed(3).padStart(6, "0")}`;
}

/** `350 ms`, `4.2 s`, `2 min`. */
export function formatSpan(ms: number): string {
  if (ms < 1_000) return `${Number(ms.toFixed(ms < 10 ? 1 : 0))} ms`;
  if (ms < 120_000) return `${Number((ms / 1_000).toFixed(ms < 10_000 ? 1 : 0))} s`;
  return `${Math.round(ms / 60_000)} min`;
}

/** `1×`, `1/10×`. */
export function formatSpeed(speed: number): string {
  return speed >= 1 ? `${speed}×` : `1/${Math.round(1 / speed)}×`;
}
