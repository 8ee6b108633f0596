/** A run of the playground as a scenario: `lab run --runtime sim` plays it again. */
import { LabError } from "../base/lab-error.ts";
import { formatScenario } from "../scenario/format-scenario.ts";
import { assertRunsOn, parseScenario, whyNotOn } from "../scenario/parse-scenario.ts";
import type { Scenario, Step } from "../scenario/scenario-schema.ts";
import type { PlaySpec } from "./play-protocol.ts";

const NAME = "playground";

/** As `lab run` names the lab of this scenario: the name decides the run's id. */
export function labNameOf(): string {
  return `scenario-${NAME}`;
}

/** Of a run with a scenario of its own, that is the first step: it plays beside what somebody does. */
export function scenarioOf({ seed, nodes, scenario, steps, profile }: PlaySpec): Scenario {
  const only = steps.every((step) => whyNotOn(step, "local") === null) ? {} : { runtimes: ["sim" as const] };
  if (scenario !== undefined) {
    const own = parseScenario(scenario, "scenario.yaml");
    try {
      assertRunsOn(own, "sim");
    } catch (cause) {
      const needs = own.node === undefined ? "a kernel or a cable" : "a program of its own";
      const message = `the scenario ${own.name} can't be played here: it needs ${needs}, and here is virtual time`;
      throw new LabError("unsupported", message, "run it on Docker or as local processes", { cause });
    }
    const script: Step = { at: "1ms", background: true, sequence: own.steps };
    return { ...own, ...(profile !== undefined && { profile }), ...only, name: NAME, seed, steps: [script, ...steps] };
  }
  return {
    name: NAME,
    title: "What somebody did in the playground",
    nodes,
    profile: profile ?? "default",
    seed,
    ...only,
    steps,
  };
}

/** The file, with the command that plays it again. @param shownMs how long the run was looked at: so long it lasts */
export function formatPlay(spec: PlaySpec, shownMs: number): string {
  const end: Step = { at: `${Math.max(1, Math.ceil(shownMs))}ms`, sleep: { for: "1ms" } };
  const bug = spec.bug === null ? "" : ` --bug ${spec.bug}`;
  const comment = [`What somebody did in the playground. With --runtime sim${bug} it is the same run, line for line.`];
  return formatScenario(scenarioOf({ ...spec, steps: [...spec.steps, end] }), { comment });
}
