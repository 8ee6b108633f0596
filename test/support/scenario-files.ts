// The scenarios that come with the lab, for the tests that play them on each runtime.
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseScenario } from "../../lab/scenario/parse-scenario.ts";
import type { ScenarioResult } from "../../lab/scenario/result.ts";
import type { Scenario } from "../../lab/scenario/scenario-schema.ts";

const folder = join(import.meta.dirname, "../../compose/scenarios");

/** Names without `.yaml`, in order. */
export const SCENARIO_NAMES: readonly string[] = readdirSync(folder)
  .filter((name) => name.endsWith(".yaml"))
  .map((name) => basename(name, ".yaml"))
  .sort();

export function scenarioPath(name: string): string {
  return join(folder, `${name}.yaml`);
}

export function readScenario(name: string): Scenario {
  return parseScenario(readFileSync(scenarioPath(name), "utf8"), name);
}

/** The message of a failing test: verdict, reason, steps and violations, without the journal. */
export function describeOutcome({ verdict, reason, steps, checks }: ScenarioResult): object {
  return {
    verdict,
    reason,
    failed: steps.filter((step) => step.state !== "ok" && step.state !== "skipped"),
    violations: checks.flatMap((check) => check.violations.map((violation) => `${check.check}: ${violation.what}`)),
  };
}
