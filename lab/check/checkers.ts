/**
 * All checkers, and the one way to run them. node/protocol/checks.md#from-the-journal says which promise each of them judges.
 */
import type { Journal } from "../journal/journal.ts";
import { agreement } from "./agreement.ts";
import { answers } from "./answers.ts";
import { causalDelivery } from "./causal-delivery.ts";
import type { Checker } from "./checker.ts";
import { clocks } from "./clocks.ts";
import { conservation } from "./conservation.ts";
import { detection } from "./detection.ts";
import { durability } from "./durability.ts";
import { exactlyOnce } from "./exactly-once.ts";
import { incarnations } from "./incarnations.ts";
import { joining } from "./joining.ts";
import { judgeJournal } from "./judging.ts";
import { noFalseFailures } from "./no-false-failures.ts";
import { noOverdraft } from "./no-overdraft.ts";
import { nothingHeld } from "./nothing-held.ts";
import { oneHistory } from "./one-history.ts";
import { oneLeader } from "./one-leader.ts";
import { requestsOnce } from "./requests-once.ts";
import type { CheckResult } from "./verdict.ts";

/** Money first, then the order of things, then who is there and who leads. */
export const CHECKERS: readonly Checker[] = [
  conservation,
  noOverdraft,
  exactlyOnce,
  oneHistory,
  requestsOnce,
  answers,
  durability,
  causalDelivery,
  clocks,
  nothingHeld,
  oneLeader,
  agreement,
  detection,
  noFalseFailures,
  incarnations,
  joining,
];

/** Names that no checker has; empty: all are right. */
export function findUnknownCheckers(names: readonly string[]): readonly string[] {
  return names.filter((name) => !CHECKERS.some((checker) => checker.name === name));
}

/**
 * @param names default: all; in the order of CHECKERS whatever theirs is
 * @throws RangeError for a name that no checker has
 */
export function runChecks(journal: Journal, names?: readonly string[]): readonly CheckResult[] {
  const [unknown] = findUnknownCheckers(names ?? []);
  if (unknown !== undefined) throw new RangeError(`there is no checker "${unknown}"`);
  if (journal.facts.isForeign === true) return [];
  return judgeJournal(
    journal,
    CHECKERS.filter(({ name }) => names === undefined || names.includes(name)),
  );
}
