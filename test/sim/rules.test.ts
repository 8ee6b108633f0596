/**
 * Every rule of the protocol is needed: without it a schedule breaks a promise, and the right check names the breach; with all rules
 * the same schedule keeps every promise. test/sim/rules/rule-cases.ts is the table.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { SimFailure } from "../../lab/sim/checks/sim-failure.ts";
import { RULES, type Rule } from "../../node/core/kernel/rules.ts";
import { RULE_CASES, type RuleCase } from "./rules/rule-cases.ts";

function withoutOthers({ without = [] }: RuleCase): Partial<Record<Rule, boolean>> {
  return Object.fromEntries(without.map((rule) => [rule, false]));
}

/** The property that breaks without the rule under this seed; null: none does. */
function breach(ruleCase: RuleCase, seed: number): SimFailure | null {
  try {
    ruleCase.play({
      nodes: 5,
      ...ruleCase.options,
      seed,
      blind: ruleCase.blind ?? [],
      rules: { ...withoutOthers(ruleCase), [ruleCase.rule]: false },
    });
    return null;
  } catch (error) {
    if (error instanceof SimFailure) return error;
    throw error;
  }
}

describe("without a rule", () => {
  it.each(RULE_CASES)("$rule: $breaks ($check)", { timeout: 60_000 }, (ruleCase) => {
    let seed = 1;
    let failure = breach(ruleCase, seed);
    while (failure === null && seed < (ruleCase.tries ?? 1)) failure = breach(ruleCase, ++seed);
    expect(failure?.details.property, failure?.message ?? "no promise was broken").toBe(ruleCase.check);
    // And with it none.
    ruleCase.play({ nodes: 5, ...ruleCase.options, seed, rules: withoutOthers(ruleCase) });
  });

  it("node/protocol/checks.md must say the same", () => {
    const checks = readFileSync(new URL("../../node/protocol/checks.md", import.meta.url), "utf8");
    const rows = [...checks.matchAll(/^\| `(\w+)` \| ([SLD]\d+) \| (.*) \|$/gm)].map((row) => row.slice(1));
    expect(rows).toEqual(RULE_CASES.map(({ rule, check, breaks }) => [rule, check, breaks]));
  });

  it("must be a case for every rule: a rule that nothing needs is to be dropped", () => {
    const covered = RULE_CASES.map(({ rule }) => rule);
    expect(Object.keys(RULES).filter((rule) => !covered.some((name) => name === rule))).toEqual([]);
  });
});
