/**
 * Runs in virtual time for the pictures of the documents: same file, same seed, same picture, byte for byte. So a test can tell
 * whether the pictures in the repository are current (`npm run pictures` renews them).
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseScenario } from "../../lab/scenario/parse-scenario.ts";
import type { ScenarioResult } from "../../lab/scenario/result.ts";
import { runScenario } from "../../lab/scenario/run-scenario.ts";

export interface Made {
  /** From the project's folder. */
  readonly path: string;
  readonly text: string;
}

export const FOLDER = "compose/scenarios/pictures";

/**
 * @param bug that all nodes have: then a promise must break
 * @throws Error when a run doesn't end as its file says: then there is nothing to show
 */
export async function playForPicture(root: string, path: string, bug?: string): Promise<ScenarioResult> {
  const scenario = parseScenario(await readFile(join(root, path), "utf8"), path);
  const result = await runScenario(scenario, { runtime: "sim", ...(bug === undefined ? {} : { bug }) });
  if (result.verdict !== (bug === undefined ? "valid" : "invalid"))
    throw new Error(`${path}: ${result.verdict}: ${result.reason}`);
  return result;
}
