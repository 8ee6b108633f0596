/** A scenario file, played on a lab of the library. */
import { BY_HAND_BYTES_MAX, readUserFile } from "../base/user-file.ts";
import type { LabHandle } from "../cluster/lab-handle.ts";
import { parseScenario } from "../scenario/parse-scenario.ts";
import { runScenario } from "../scenario/run-scenario.ts";
import type { ScenarioOutcome } from "./public-types.ts";

export async function runScenarioOn(
  lab: LabHandle,
  file: string,
  options: { readonly seed?: number; readonly signal: AbortSignal },
): Promise<ScenarioOutcome> {
  const text = await readUserFile(file, BY_HAND_BYTES_MAX, "name an existing scenario file");
  const { runtime } = lab.info;
  const result = await runScenario(parseScenario(text, file), {
    runtime,
    on: lab.name,
    file,
    ...options,
    // Other worlds are found by the lab's name; a handle of its own can then be closed at the end.
    ...(runtime === "sim" ? { engine: lab.engine } : {}),
  });
  await lab.refresh();
  const { verdict, reason, checks, journal } = result;
  const steps = result.steps.map(({ path, text: words, state, resolved, seen, tookMs }) => ({
    ...{ path, text: words, state, resolved, seen, tookMs },
  }));
  return { verdict, reason, steps, checks, journal };
}
