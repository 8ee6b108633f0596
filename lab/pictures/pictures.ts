/**
 * The pictures that the documents show, each made from a run in virtual time: same file, same seed, same picture, byte for byte. So a
 * test can tell whether those in the repository are those that the code makes today (`npm run pictures` makes them anew).
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Journal } from "../journal/journal.ts";
import { parseScenario } from "../scenario/parse-scenario.ts";
import type { ScenarioResult } from "../scenario/result.ts";
import { runScenario } from "../scenario/run-scenario.ts";
import { renderFilm } from "./film.ts";

export interface Made {
  /** From the project's folder. */
  readonly path: string;
  readonly text: string;
}

export const FOLDER = "compose/scenarios/pictures";
export const OPENING = `${FOLDER}/opening.svg`;

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

/** The moving picture at the top of README.md. */
export async function makeOpening(root: string): Promise<Made> {
  const { journal, seed } = await playForPicture(root, `${FOLDER}/opening.yaml`);
  const text = renderFilm(journal, {
    // The second leader's announcement is on its way.
    stillAtMs: findVictory(journal, 2) + 0.09,
    toMs: findVictory(journal, 3) + 1_000,
    source: `simulated run, seed ${seed}`,
  });
  return { path: OPENING, text };
}

/** When somebody first leads this term, milliseconds since the run's beginning. */
function findVictory({ entries }: Journal, term: number): number {
  const beginMs = Math.min(...entries.map(({ time }) => time));
  const victory = entries.find((entry) => entry.role === "COORDINATOR" && entry.term === term);
  if (victory === undefined) throw new Error(`nobody leads term ${term} in this run`);
  return victory.time - beginMs;
}
