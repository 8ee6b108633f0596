/** Scenarios whose nodes run somebody else's program: what can be found wrong before they begin. */
import { parseConditionText } from "../cluster/condition-text.ts";
import { loadProgram } from "../cluster/load-program.ts";
import { assertReadable } from "../cluster/program-conditions.ts";
import { parseExpression } from "../kind/expression.ts";
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
  for (const check of typeof scenario.checks === "object" ? scenario.checks : []) {
    if (typeof check === "object" && "always" in check) parseExpression(check.always);
  }
  walkSteps(scenario.steps, [], (step) => {
    const { verb, fields } = verbOf(step);
    if (verb !== "wait" && verb !== "expect") return;
    for (const text of listConditions(fields as Conditions)) assertReadable(parseConditionText(text));
  });
  return program;
}
