/**
 * The scenarios that the page offers: what their files say of themselves.
 */
import { readdir } from "node:fs/promises";
import type { ScenarioInfo } from "./protocol.ts";

/** By name. A file that can't be read isn't offered. */
export async function listScenarios(folder: string): Promise<readonly ScenarioInfo[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => /\.ya?ml$/.test(name)).sort();
  return names.map((file) => ({ file, title: file.replace(/\.ya?ml$/, ""), text: "", nodes: null, steps: [] }));
}
