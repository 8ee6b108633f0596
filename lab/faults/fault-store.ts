/**
 * Where a lab's fault list lies: `faults.json` in the lab's own folder, and, in each container, a copy of what concerns it.
 *
 * Access to the engine is ownership of the lab: when the folder is lost, or another user took the lab over, the list is put together again
 * from the containers. Changing it takes the lab's lock.
 */

import { LabError } from "../base/lab-error.ts";
import { FAULTS_DIR } from "../engine/engine.ts";
import { readShimGeneration } from "./apply.ts";
import { EMPTY_FAULT_LIST, FaultList } from "./fault.ts";
import type { FaultableLab } from "./faultable-lab.ts";
import { dropExpired, mergeLists } from "./list.ts";

const FILE = "faults.json";

/** The list as it holds now. */
export async function readFaults(lab: FaultableLab, nowMs: number): Promise<FaultList> {
  const stored = await lab.state.readJson(FILE, FaultList.parse);
  return dropExpired(stored ?? (await recoverFaults(lab)), nowMs);
}

export async function writeFaults(lab: FaultableLab, list: FaultList): Promise<void> {
  await lab.state.writeJson(FILE, list);
}

async function recoverFaults(lab: FaultableLab): Promise<FaultList> {
  // A folder with other files in it wasn't lost: this lab just never had a fault.
  const entries = await lab.state.list();
  if (entries.some((name) => !/^(lock|steal)/.test(name))) return EMPTY_FAULT_LIST;
  const [copies, generations] = await Promise.all([
    lab.info.runtime === "docker" ? Promise.all(lab.running.map((id) => readCopy(lab, id))) : Promise.resolve([]),
    Promise.all(lab.running.map((id) => readShimGeneration(lab, id))),
  ]);
  const list = mergeLists(copies);
  return { ...list, generation: Math.max(list.generation, ...generations) };
}

async function readCopy(lab: FaultableLab, id: number): Promise<FaultList> {
  try {
    const { exitCode, stdout } = await lab.engine.rootExec(lab.name, id, `cat ${FAULTS_DIR}/state.json 2>/dev/null`);
    return exitCode === 0 ? FaultList.parse(JSON.parse(stdout)) : EMPTY_FAULT_LIST;
  } catch (error) {
    // A node that can't be asked has no say; an engine that can't be reached has.
    if (error instanceof LabError && error.exit === "engineUnreachable") throw error;
    return EMPTY_FAULT_LIST;
  }
}
