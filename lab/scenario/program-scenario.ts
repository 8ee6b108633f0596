/** Scenarios whose nodes run somebody else's program: what is checked at their end, and what can be found wrong before they begin. */
import { parseDuration } from "../base/duration.ts";
import type { CheckResult } from "../check/verdict.ts";
import { parseConditionText } from "../cluster/condition-text.ts";
import { loadProgram } from "../cluster/load-program.ts";
import { assertReadable } from "../cluster/program-conditions.ts";
import type { ProgramCheck } from "../kind/check-schema.ts";
import { parseExpression } from "../kind/expression.ts";
import { standardChecks } from "../kind/program-checks.ts";
import type { Program } from "../kind/program-spec.ts";
import { type Conditions, listConditions } from "./condition-schema.ts";
import { walkSteps } from "./parse-scenario.ts";
import { type Scenario, verbOf } from "./scenario-schema.ts";

/**
 * The program that the scenario names; its checks and conditions can be read then.
 * @param file that holds the scenario
 * @throws LabError("usage")
 */
export async function programOfScenario(scenario: Scenario, file: string): Promise<Program | null> {
  if (scenario.node === undefined) return null;
  const program = await loadProgram(scenario.node, file);
  for (const check of checksOfProgram(scenario, program)) {
    if (typeof check === "object" && "always" in check) parseExpression(check.always);
  }
  walkSteps(scenario.steps, [], (step) => {
    const { verb, fields } = verbOf(step);
    if (verb !== "wait" && verb !== "expect") return;
    for (const text of listConditions(fields as Conditions)) assertReadable(parseConditionText(text));
  });
  return program;
}

export function checksOfProgram({ checks = "all" }: Scenario, program: Program): readonly ProgramCheck[] {
  if (checks === "none") return [];
  return checks === "all" ? standardChecks(program) : (checks as readonly ProgramCheck[]);
}

/** How long the run has to go on, so that what is judged some time after the last fault can be; 0: it can be already. */
export function graceOf(scenario: Scenario, program: Program, results: readonly CheckResult[]): number {
  const open = checksOfProgram(scenario, program).filter((_, i) => results[i]?.verdict === "nothing to judge");
  const spans = open.map((check) => {
    if (typeof check === "string" || !("agree" in check)) return 0;
    return parseDuration(check.within ?? "10s", "within") + 500;
  });
  return Math.max(0, ...spans);
}
