/**
 * Spans of time as people type and read them: `8s`, `500ms`, `2m`, `1h30m`; a bare number is seconds.
 */
import { LabError } from "./lab-error.ts";

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds, more than 0. Throws LabError("usage") that names `option`. */
export function parseDuration(text: string, option: string): number {
  const bare = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) * 1_000 : null;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  const isWhole = parts.map((part) => part[0]).join("") === text && parts.length > 0;
  const ms =
    bare ?? (isWhole ? parts.reduce((sum, part) => sum + Number(part[1]) * (UNIT_MS[part[2] ?? ""] ?? 0), 0) : 0);
  if (ms > 0 && Number.isFinite(ms)) return ms;
  throw new LabError("usage", `${option}: "${text}" isn't a span of time`, "write 8s, 500ms, 2m or 1h30m");
}

/** "0.61 s", "12 s", "3 min 5 s", "2 h 7 min", "4 d 2 h": about two figures, for people. */
export function formatDuration(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1_000) return `${(ms / 1_000).toFixed(2)} s`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3_600)} h`;
}
