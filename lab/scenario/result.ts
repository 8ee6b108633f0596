/**
 * The result of a scenario: every step with the nodes that it meant and the observation, the journal, the checks, and the verdict.
 */

import type { Hint } from "../base/hint.ts";
import type { CheckResult } from "../check/verdict.ts";
import type { Evidence } from "../cluster/run-record.ts";
import type { Journal } from "../journal/journal.ts";
import type { Scenario, ScenarioRuntime, Verb } from "./scenario-schema.ts";

/**
 * `valid`: every step did what was expected and every promise was kept. `failed`: a step didn't; `invalid`: a promise was broken;
 * `inconclusive`: the journal doesn't hold what a checker needs; `interrupted`: Ctrl-C.
 */
export type ScenarioVerdict = "valid" | "invalid" | "failed" | "inconclusive" | "interrupted";

/** `skipped`: this runtime can't do it and the file says to leave it out; `interrupted`: by Ctrl-C, or by another branch that failed. */
export type StepState = "ok" | "failed" | "skipped" | "interrupted";

export interface StepResult {
  /** "3", "5.2" (second step inside the fifth), "7#3.1" (first step of the third round of the seventh). */
  readonly path: string;
  readonly verb: Verb;
  /** As it stands in the file: "kill leader". */
  readonly text: string;
  readonly state: StepState;
  /** The nodes that it meant when it fired: "killed 5 (coordinator)"; empty: nothing to say. */
  readonly resolved: string;
  /** The observation: "agree after 1.8 s"; of a failure, the observation instead. */
  readonly seen: string;
  /** Why something else was done here, or nothing; empty: it was done as written. */
  readonly replaced: string;
  /** Since the first step. */
  readonly startedMs: number;
  readonly tookMs: number;
  readonly note: string;
  readonly say: string;
  readonly explain: string;
  /** Hints about a failure; empty otherwise. */
  readonly hints: readonly Hint[];
}

/** The trades of a load until it ended. */
export interface LoadSummary {
  /** Of the step that began it. */
  readonly path: string;
  readonly offered: number;
  readonly settled: number;
  readonly refused: number;
  /** No final answer in time. */
  readonly open: number;
}

export interface ScenarioResult {
  readonly scenario: Scenario;
  /** The file it was read from; null: it was made in memory. */
  readonly file: string | null;
  readonly runtime: ScenarioRuntime;
  readonly seed: number;
  /** The bug that all nodes had on purpose; null: none. */
  readonly bug: string | null;
  /** Name of the lab. */
  readonly lab: string;
  readonly verdict: ScenarioVerdict;
  /** One sentence: why it isn't valid; empty when it is. */
  readonly reason: string;
  /** In the order in which they began; those inside others too. */
  readonly steps: readonly StepResult[];
  readonly loads: readonly LoadSummary[];
  readonly journal: Journal;
  /** Evidence that only the lab that still stood could give. */
  readonly evidence: Evidence;
  readonly checks: readonly CheckResult[];
  /** Real time, milliseconds since 1970: when the run began. */
  readonly startedAtMs: number;
  /** From the first step to the last, by the lab's clock. */
  readonly tookMs: number;
}

/** The exit code's name for a verdict. */
export function exitOf(
  verdict: ScenarioVerdict,
): "ok" | "failed" | "invariantViolated" | "inconclusive" | "interrupted" {
  switch (verdict) {
    case "valid":
      return "ok";
    case "invalid":
      return "invariantViolated";
    default:
      return verdict;
  }
}
