// A bad day in virtual time: every value that `netem` takes must be survived, and be gone when it is healed. The next case is a row.
import { expect, test } from "vitest";
import { parseScenario } from "../../lab/scenario/parse-scenario.ts";
import { runScenario } from "../../lab/scenario/run-scenario.ts";
import { IMPAIRMENT_VALUES } from "../support/impairment-values.ts";
import { describeOutcome } from "../support/scenario-files.ts";

test.each(IMPAIRMENT_VALUES)("%s must cost no promise: %s", async (_name, flags) => {
  const steps = [
    "wait agree",
    `netem 1 ${flags.replaceAll("--", "")}`,
    "load 5/s for 10s",
    "heal",
    "wait: { converged: true, within: 180s }",
  ];
  const text = `name: t\nnodes: 3\nprofile: fast\nsteps:\n${steps.map((step) => `  - ${step}\n`).join("")}`;
  const result = await runScenario(parseScenario(text, "t.yaml"), { runtime: "sim" });
  expect(describeOutcome(result)).toEqual({ verdict: "valid", reason: "", failed: [], violations: [] });
});
