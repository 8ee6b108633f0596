/**
 * Reads a scenario file: YAML to Scenario, with line and column of its mistakes, also of those that only the whole file shows.
 */

import { LabError } from "../base/lab-error.ts";
import { didYouMean } from "../base/suggest.ts";
import { complain, type Located, parseYaml } from "../base/yaml-file.ts";
import { CHECKERS } from "../check/checkers.ts";
import { type Composites, RUNTIMES, Scenario, type ScenarioRuntime, type Step, verbOf } from "./scenario-schema.ts";

const NAME_CHARS_MAX = 30;

const VIRTUAL = { runtimes: ["sim"], why: "only virtual time can hold a single message" } as const;
/** Verbs that a runtime can't do; all others work everywhere. */
const ONLY_ON: Readonly<Record<string, { readonly runtimes: readonly ScenarioRuntime[]; readonly why: string }>> = {
  unplug: { runtimes: ["docker", "swarm"], why: "only containers have a network cable" },
  plug: { runtimes: ["docker", "swarm"], why: "only containers have a network cable" },
  deliver: VIRTUAL,
  drop: VIRTUAL,
  duplicate: VIRTUAL,
  delay: VIRTUAL,
};

/** @param path only for messages. @throws LabError("usage") that names file, line and column */
export function parseScenario(text: string, path: string): Scenario {
  const help = "see compose/scenarios/README.md for what is allowed";
  const { value, locate } = parseYaml(text, { path, schema: Scenario, help });
  const scenario = { ...value, name: value.name ?? nameOf(path) };
  checkRuntimes({ value: scenario, locate }, path);
  checkCheckers({ value: scenario, locate }, path);
  return scenario;
}

/** `experiments/My first one.yaml`: `my-first-one`. */
function nameOf(path: string): string {
  const file = (path.split(/[\\/]/).at(-1) ?? path).replace(/\.ya?ml$/i, "");
  const name = file
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, NAME_CHARS_MAX)
    .replaceAll(/^-|-$/g, "");
  return name === "" ? "scenario" : name;
}

/** Why this step can't be done there; null: it can, as far as one knows before the kernel was asked. */
export function whyNotOn(step: Step, runtime: ScenarioRuntime): string | null {
  const { verb, fields } = verbOf(step);
  if (verb === "netem" && fields.egress === true && runtime !== "docker" && runtime !== "swarm")
    return "only containers have an interface of their own";
  if (verb === "kill" && fields.signal === "SIGHUP" && runtime === "sim")
    return "simulated nodes know nothing of SIGHUP";
  const limit = ONLY_ON[verb];
  return limit === undefined || limit.runtimes.includes(runtime) ? null : limit.why;
}

/** @throws LabError("unsupported") for a scenario that isn't meant for this runtime */
export function assertRunsOn(scenario: Scenario, runtime: ScenarioRuntime): void {
  const runtimes = runtimesOf(scenario);
  if (runtimes.includes(runtime)) return;
  throw new LabError(
    "unsupported",
    `scenario ${scenario.name} isn't for ${runtime}: its runtimes are ${runtimes.join(", ")}`,
    `use --runtime ${runtimes[0]}`,
  );
}

/** Virtual time runs the lab's own peers only. */
function runtimesOf({ runtimes: named, node }: Scenario): readonly ScenarioRuntime[] {
  const runtimes: readonly ScenarioRuntime[] = named ?? RUNTIMES;
  return node === undefined ? runtimes : runtimes.filter((runtime) => runtime !== "sim");
}

/** A step that can't be done somewhere says what is done there instead, before anything runs. */
function checkRuntimes({ value, locate }: Located<Scenario>, path: string): void {
  const runtimes = runtimesOf(value);
  walkSteps(value.steps, ["steps"], (step, where) => {
    const { verb } = verbOf(step);
    for (const runtime of step.runtimes ?? runtimes) {
      const why = whyNotOn(step, runtime);
      if (why === null || !runtimes.includes(runtime) || step.otherwise !== undefined) continue;
      throw complain(
        path,
        locate([...where, verb]),
        `${verb} can't be done on ${runtime}: ${why}`,
        "say what is done there instead, `otherwise: isolate 3` or `otherwise: skip`, or limit the scenario: `runtimes: [docker]`",
      );
    }
    if (
      step.runtimes !== undefined &&
      step.otherwise === undefined &&
      runtimes.some((r) => !step.runtimes?.includes(r))
    ) {
      const elsewhere = runtimes.filter((runtime) => !step.runtimes?.includes(runtime)).join(", ");
      throw complain(
        path,
        locate([...where, "runtimes"]),
        `this step doesn't say what to do on ${elsewhere}`,
        "write `otherwise:` with another step, or `otherwise: skip`",
      );
    }
  });
}

function checkCheckers({ value, locate }: Located<Scenario>, path: string): void {
  if (!Array.isArray(value.checks) || value.node !== undefined) return;
  const known = CHECKERS.map((checker) => checker.name);
  value.checks.forEach((name, index) => {
    if (typeof name === "string" && known.includes(name)) return;
    if (typeof name !== "string")
      throw complain(
        path,
        locate(["checks", index]),
        "this check is for a program of one's own (node:)",
        "name checkers of the lab",
      );
    const hint = didYouMean(name, known, `checkers are: ${known.join(", ")}`);
    throw complain(path, locate(["checks", index]), `there is no checker "${name}"`, hint);
  });
}

/** Every step, those inside others too, with its path in the file. */
export function walkSteps(
  steps: readonly Step[],
  path: readonly PropertyKey[],
  visit: (step: Step, path: readonly PropertyKey[]) => void,
): void {
  steps.forEach((step, index) => {
    const where = [...path, index];
    visit(step, where);
    const { verb, fields } = verbOf(step);
    if (verb === "parallel" || verb === "sequence") walkSteps(fields, [...where, verb], visit);
    if (verb === "repeat" || verb === "every")
      walkSteps((fields as Composites["repeat"]).steps, [...where, verb, "steps"], visit);
  });
}
