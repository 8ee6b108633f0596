/**
 * What the library puts into reports: a run as it was collected from the living lab, and later, judged, as a record.
 *
 * Two steps, because a test's labs are gone before anybody knows whether it failed, and only then judging them is worth the time.
 */
import type { Evidence, RunRecord } from "../artefacts/run-record.ts";
import type { Journal } from "../journal/journal.ts";
import { judge } from "./judge.ts";

export interface CollectedRun {
  readonly journal: Journal;
  readonly evidence: Evidence;
  /** Real time: milliseconds since 1970, and how long the lab had lived when it was collected. */
  readonly startedAtMs: number;
  readonly tookMs: number;
}

export function describeRun(
  run: CollectedRun,
  options: {
    readonly title: string;
    /** Why whoever used the lab failed. */
    readonly failure?: string;
  },
): RunRecord {
  const { verdict, results, violations } = judge(run.journal, []);
  const [violation] = violations;
  const unjudged = results.find((result) => result.verdict === "inconclusive");
  const [failure] = (options.failure ?? "").split("\n", 1);
  return {
    ...run,
    title: options.title,
    verdict,
    reason: violation?.what ?? (failure || (unjudged?.detail ?? "every promise was kept")),
    failure: options.failure === undefined ? null : { message: options.failure, hint: "" },
    replay: null,
    scenario: null,
    steps: [],
    checks: results,
  };
}
