/** A scenario's result as reports want it (lab/artefacts). */

import { renderCommand, renderHints } from "../base/hint.ts";
import type { RunRecord, StepRecord } from "../cluster/run-record.ts";
import { formatScenario } from "./format-scenario.ts";
import type { ScenarioResult, StepResult } from "./result.ts";

/** @param tookMs real time of the whole run */
export function describeRun(result: ScenarioResult, tookMs: number): RunRecord {
  const { scenario, runtime, seed, bug, verdict, reason, steps, checks, journal, evidence, startedAtMs, file } = result;
  const title = scenario.title ?? scenario.name;
  const failed = steps.findLast((step) => step.state === "failed");
  const failure =
    failed === undefined ? { message: reason, hint: "" } : { message: failed.seen, hint: renderHints(failed.hints) };
  const beginMs = beginningOf(result);
  return {
    title: scenario.title === undefined ? title : `${scenario.name}: ${title}`,
    verdict: verdict === "failed" ? "invalid" : verdict === "interrupted" ? "inconclusive" : verdict,
    reason: reason === "" ? "every step did what was expected, and every promise was kept" : reason,
    failure: verdict === "failed" || verdict === "interrupted" ? failure : null,
    startedAtMs,
    tookMs,
    replay: renderCommand({
      command: [
        ...["run", file ?? "scenario.yaml", "--runtime", runtime, "--seed", `${seed}`],
        ...(bug === null ? [] : ["--bug", bug]),
      ],
    }),
    scenario: formatScenario({ ...scenario, seed }),
    ...(bug !== null && { bug }),
    steps: steps.map((step) => describeStepRecord(step, beginMs)),
    checks,
    journal,
    evidence,
  };
}

/** Wall clock of the nodes when the first step began. */
function beginningOf({ journal }: ScenarioResult): number {
  return journal.entries.find(({ node, action }) => node === 0 && action === "step")?.time ?? 0;
}

function describeStepRecord(step: StepResult, beginMs: number): StepRecord {
  return {
    path: step.path,
    what: step.text,
    state: step.state === "ok" ? "passed" : step.state === "failed" ? "failed" : "skipped",
    startedAtMs: beginMs + step.startedMs,
    tookMs: step.tookMs,
    detail: [step.replaced, step.resolved, step.seen].filter(Boolean).join("; "),
    ...(step.note !== "" && { note: step.note }),
    ...(step.say !== "" && { say: step.say }),
    ...(step.explain !== "" && { explain: step.explain }),
  };
}
