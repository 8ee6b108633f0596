/**
 * The part of a run that is worth a picture in a few lines of text: what led to the first violation, or else what the first fault led to.
 *
 * Pure. Times are milliseconds since the journal's first line, as exporters take them.
 */
import type { CheckResult } from "../check/verdict.ts";
import type { Journal } from "../journal/journal.ts";
import { readLabAction } from "../journal/lab-entry.ts";

export interface TimeWindow {
  readonly fromMs: number;
  readonly toMs: number;
}

const BEFORE_MS = 500;
const AFTER_MS = 250;
/** Of a proof that goes far back the end counts. */
const PROOF_MS_MAX = 4_000;
const FAULT_MS = 3_000;

/** Null: nothing happened that would be worth it. */
export function chooseWindow(journal: Journal, checks: readonly CheckResult[]): TimeWindow | null {
  const times = journal.entries.map(({ time }) => time);
  const originMs = times.reduce((least, time) => Math.min(least, time), Number.POSITIVE_INFINITY);
  const proof = checks.flatMap(({ violations }) => violations)[0]?.proof ?? [];
  const last = proof.at(-1);
  if (last !== undefined) {
    const firstMs = proof.reduce((least, { time }) => Math.min(least, time), last.time);
    const fromMs = Math.max(firstMs, last.time - PROOF_MS_MAX) - BEFORE_MS - originMs;
    return { fromMs: Math.max(0, fromMs), toMs: last.time + AFTER_MS - originMs };
  }
  const fault = journal.entries.find((entry) => {
    const action = readLabAction(entry)?.action;
    return action === "kill" || action === "stop" || action === "pause" || action === "impair" || action === "unplug";
  });
  if (fault === undefined) return null;
  const atMs = fault.time - originMs;
  return { fromMs: Math.max(0, atMs - BEFORE_MS), toMs: atMs + FAULT_MS };
}
