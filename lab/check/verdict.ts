/**
 * A checker's result for a run; a violation comes with the lines that prove it.
 */
import type { Entry } from "../journal/entry.ts";

/** `inconclusive`: the journal doesn't hold what the checker needs (lines are missing, or were never written). */
export type Verdict = "valid" | "invalid" | "inconclusive";

/** Of one check: a run without the thing that it judges (no trade, no crash) neither keeps nor breaks the promise. */
export type CheckVerdict = Verdict | "nothing to judge";

export interface Violation {
  /** One sentence: what was promised to whom, and what is seen instead. */
  readonly what: string;
  /** The lines that prove it, in the journal's order; the last one is where it broke. */
  readonly proof: readonly Entry[];
  /** The account or node that it is about; absent: more than one, or nobody can say. */
  readonly about?: number | undefined;
}

export interface CheckResult {
  /** The checker's name, as scenarios write it: `conservation`, `causal-delivery`, … */
  readonly check: string;
  readonly verdict: CheckVerdict;
  readonly violations: readonly Violation[];
  /** Why it is inconclusive; what was counted otherwise ("1,204 deliveries at 5 nodes"). */
  readonly detail: string;
}

/** Of a whole run: invalid if one is, else inconclusive if one is. Checks that had nothing to judge don't count. */
export function worstOf(results: readonly CheckResult[]): Verdict {
  const verdicts = results.map((result) => result.verdict);
  if (verdicts.includes("invalid")) return "invalid";
  return verdicts.includes("inconclusive") ? "inconclusive" : "valid";
}
