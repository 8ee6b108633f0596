/**
 * The labs as completion knows them: read from the state folder alone, so that a Tab costs no engine's answer. A lab whose folder is lost,
 * or that another user made, isn't known here.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { NodeId } from "../../../node/wire/ids.ts";
import { listStateDirs, StateDir } from "../../base/state-dir.ts";
import { FaultList } from "../../faults/fault.ts";

export interface CompletionFacts {
  labs(): Promise<readonly string[]>;
  nodes(lab: string): Promise<readonly NodeId[]>;
  /** Ids of the lab's faults with what made them. */
  faults(lab: string): Promise<readonly { readonly id: string; readonly cause: string }[]>;
  /** File names in compose/scenarios. */
  scenarios(): Promise<readonly string[]>;
}

/** @param scenarioFolder where scenarios lie that come with the project */
export function readCompletionFacts(scenarioFolder: string): CompletionFacts {
  return {
    labs: () => listStateDirs(),
    nodes: readNodes,
    async faults(lab) {
      const list = await new StateDir(lab).readJson("faults.json", FaultList.parse);
      const byId = new Map((list?.faults ?? []).map(({ id, cause }) => [id, cause]));
      return [...byId].map(([id, cause]) => ({ id, cause }));
    },
    async scenarios() {
      const names = await readdir(scenarioFolder).catch(() => []);
      return names.filter((name) => /\.ya?ml$/.test(name)).map((name) => join(scenarioFolder, name));
    },
  };
}

/** As `up` made them, with what `scale` and `rm` did since: the lab's own journal tells. */
async function readNodes(lab: string): Promise<readonly NodeId[]> {
  const state = new StateDir(lab);
  const made = await state.readJson("lab.json", (json) => (json as { nodes?: NodeId[] }).nodes ?? null);
  const ids = new Set(made ?? []);
  const text = await readFile(state.file("journal.jsonl"), "utf8").catch(() => "");
  // Loads write many lines; three kinds of them matter.
  for (const line of text.split("\n")) {
    if (!/"action":"(?:scale|remove)"/.test(line)) continue;
    const change = readChange(line);
    for (const id of change.added) ids.add(id);
    for (const id of change.removed) ids.delete(id);
  }
  return [...ids].sort((a, b) => a - b);
}

function readChange(line: string): { added: readonly NodeId[]; removed: readonly NodeId[] } {
  try {
    const { action, added, removed, nodes } = JSON.parse(line) as Record<string, NodeId[] | string | undefined>;
    if (action === "remove") return { added: [], removed: Array.isArray(nodes) ? nodes : [] };
    return { added: Array.isArray(added) ? added : [], removed: Array.isArray(removed) ? removed : [] };
  } catch {
    return { added: [], removed: [] };
  }
}
