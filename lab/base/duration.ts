/**
 * Spans of time as people type and read them: `8s`, `500ms`, `2m`, `1h30m`. A number without a unit is refused everywhere: of several
 * that are plausible (tc reads `delay 100` as microseconds), the wrong one is worse than a question.
 */
import { LabError } from "./lab-error.ts";

const UNIT_MS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const PART = /(\d+(?:\.\d+)?|\.\d+)(us|ms|s|min|m|h|d)/g;

/** Milliseconds, more than 0. Throws LabError("usage") that names `option`. */
export function parseDuration(text: string, option: string): number {
  const ms = parseSpan(text, option, "s");
  if (ms > 0) return ms;
  throw new LabError("usage", `${option}: "${text}" is no time at all`, "write 8s, 500ms, 2m or 1h30m");
}

/** Milliseconds, 0 and more; `0` needs no unit. @param usual the unit that its author probably means. Throws LabError("usage") */
export function parseSpan(text: string, option: string, usual: "ms" | "s"): number {
  const trimmed = text.trim().toLowerCase();
  if (/^0+(\.0+)?$/.test(trimmed)) return 0;
  if (/^(\d+(\.\d+)?|\.\d+)$/.test(trimmed))
    throw new LabError("usage", `${option}: ${trimmed} has no unit`, `write ${trimmed}${usual}`);
  const parts = [...trimmed.matchAll(PART)];
  const ms = parts.reduce((sum, [, number, unit]) => sum + Number(number) * (UNIT_MS[unit ?? ""] ?? 0), 0);
  if (parts.length > 0 && parts.map(([part]) => part).join("") === trimmed && Number.isFinite(ms)) return ms;
  const examples = usual === "ms" ? "100ms or 1.5s" : "8s, 500ms, 2m or 1h30m";
  throw new LabError("usage", `${option}: "${text}" isn't a span of time`, `write ${examples}`);
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
