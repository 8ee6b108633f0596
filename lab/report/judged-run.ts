/**
 * A run that no scenario described, as a record: what was collected from its lab, judged by all checkers.
 *
 * Two steps, because a test's labs are gone before anybody knows whether it failed, and only then judging them is worth the time.
 */
import { runChecks } from "../check/checkers.ts";
import { worstOf } from "../check/verdict.ts";
import type { Evidence, RunRecord } from "../cluster/run-record.ts";
import type { Journal } from "../journal/journal.ts";

export interface CollectedRun {
  readonly journal: Journal;
  readonly evidence: Evidence;
  /** Real time: milliseconds since 1970, and how long the lab had lived when it was collected. */
  readonly startedAtMs: number;
  readonly tookMs: number;
}

export const NO_EVIDENCE: Evidence = {
  spec: null,
  info: null,
  engine: { detail: "", facts: {} },
  nodes: [],
  logs: new Map(),
};

/** @param options.failure why the test or program that used the lab failed */
export function judgeRun(run: CollectedRun, options: { readonly title: string; readonly failure?: string }): RunRecord {
  const checks = runChecks(run.journal);
  const [violation] = checks.flatMap(({ violations }) => violations);
  const open = checks.find(({ verdict }) => verdict === "inconclusive");
  const [failure] = (options.failure ?? "").split("\n", 1);
  return {
    ...run,
    title: options.title,
    verdict: worstOf(checks),
    reason: violation?.what ?? (failure || (open?.detail ?? "every promise was kept")),
    failure: options.failure === undefined ? null : { message: options.failure, hint: "" },
    replay: null,
    scenario: null,
    steps: [],
    checks,
  };
}
