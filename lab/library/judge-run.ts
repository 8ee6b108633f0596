/** Checkers over one journal, as the library's users see what they say. */

import { LabError } from "../base/lab-error.ts";
import { didYouMean } from "../base/suggest.ts";
import { CHECKERS, runChecks } from "../check/checkers.ts";
import { type CheckResult, worstOf } from "../check/verdict.ts";
import type { Journal } from "../journal/journal.ts";
import type { CheckReport } from "./public-types.ts";

/**
 * @param names empty: all of them
 * @throws LabError("usage") for a name that no checker has
 */
export function judge(journal: Journal, names: readonly string[]): CheckReport {
  const known = CHECKERS.map(({ name }) => name);
  const stranger = names.find((name) => !known.includes(name));
  if (stranger !== undefined) {
    const hint = didYouMean(stranger, known, `there are ${known.join(", ")}`);
    throw new LabError("usage", `there is no checker "${stranger}"`, hint);
  }
  return describeResults(journal, names.length === 0 ? runChecks(journal) : runChecks(journal, names));
}

export function describeResults(journal: Journal, results: readonly CheckResult[]): CheckReport {
  return {
    verdict: worstOf(results),
    results,
    violations: results.flatMap(({ check, violations }) => violations.map((violation) => ({ check, ...violation }))),
    journal,
  };
}
