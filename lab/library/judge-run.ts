/** Checkers over one journal, as the library's users see what they say. */

import { LabError } from "../base/lab-error.ts";
import { suggest } from "../base/suggest.ts";
import { CHECKERS, runChecks } from "../check/checkers.ts";
import { worstOf } from "../check/verdict.ts";
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
    const near = suggest(stranger, known);
    const hint = near === undefined ? `there are ${known.join(", ")}` : `did you mean "${near}"?`;
    throw new LabError("usage", `there is no checker "${stranger}"`, hint);
  }
  const results = names.length === 0 ? runChecks(journal) : runChecks(journal, names);
  return {
    verdict: worstOf(results),
    results,
    violations: results.flatMap(({ check, violations }) => violations.map((violation) => ({ check, ...violation }))),
    journal,
  };
}
