/**
 * The scenarios that the page offers: what their files say of themselves.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { BY_HAND_BYTES_MAX, readUserFile } from "../base/user-file.ts";
import { toNodes } from "../cluster/lab-fields.ts";
import { describeStep } from "../scenario/describe-step.ts";
import { parseScenario } from "../scenario/parse-scenario.ts";
import type { Scenario, ScenarioRuntime } from "../scenario/scenario-schema.ts";
import type { ScenarioInfo } from "./protocol.ts";

/** Those for this runtime, by their file's name. A file that can't be read isn't offered: `lab validate` says what is wrong. */
export async function listScenarios(folder: string, runtime: ScenarioRuntime): Promise<readonly ScenarioInfo[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => /\.ya?ml$/.test(name)).sort();
  const infos = await Promise.all(names.map((file) => readInfo(folder, file, runtime)));
  return infos.filter((info) => info !== null);
}

async function readInfo(folder: string, file: string, runtime: ScenarioRuntime): Promise<ScenarioInfo | null> {
  try {
    const path = join(folder, file);
    const scenario = parseScenario(await readUserFile(path, BY_HAND_BYTES_MAX, ""), path);
    return scenario.runtimes?.includes(runtime) === false ? null : describeScenario(file, scenario);
  } catch {
    return null;
  }
}

function describeScenario(file: string, scenario: Scenario): ScenarioInfo {
  const nodes = toNodes(scenario.nodes);
  return {
    file,
    title: scenario.title ?? scenario.name,
    text: describeExperiment(scenario),
    nodes: nodes === undefined ? null : typeof nodes === "number" ? nodes : Object.keys(nodes).length,
    steps: scenario.steps.map((step) => ({
      text: describeStep(step),
      note: step.note ?? "",
      explain: step.explain ?? "",
    })),
  };
}

/** Text to read before it is run. */
function describeExperiment({ teaches, experiment }: Scenario): string {
  const { goal, predict, observe } = experiment ?? {};
  return joinParts([
    ["", teaches],
    ["Goal: ", goal],
    ["Predict: ", predict],
    ["Observe: ", observe],
  ]);
}

/** Text to read when it is over: before, it would spoil the prediction. Empty: the file says nothing. */
export function describeOutcome({ experiment }: Scenario): string {
  return joinParts([
    ["", experiment?.explain],
    ["Break it more: ", experiment?.more],
  ]);
}

function joinParts(parts: readonly (readonly [string, string | undefined])[]): string {
  return parts.flatMap(([title, text]) => (text === undefined ? [] : [`${title}${text.trim()}`])).join("\n\n");
}
