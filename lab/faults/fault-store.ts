/**
 * Where a lab's fault list lies: `faults.json` in the lab's own folder, and, in each node, a copy of what concerns it.
 *
 * Access to the engine is ownership of the lab: when the file is lost, or is about a former lab of that name, or another user took the
 * lab over, the list is put together again from the nodes. Changing it takes the lab's lock.
 */
import type { NodeId } from "../../node/wire/ids.ts";
import type { KernelFaults } from "../engine/engine.ts";
import { EMPTY_FAULT_LIST, FaultList, NO_VERSIONS } from "./fault.ts";
import type { FaultableLab } from "./faultable-lab.ts";
import { adoptCopies, dropExpired, type NodeCopy } from "./list.ts";
import { hasTools, readCopy } from "./node-copy.ts";

export const FAULTS_FILE = "faults.json";

/** The list as it holds now. */
export async function readFaults(lab: FaultableLab, nowMs: number): Promise<FaultList> {
  const stored = await lab.state.readJson(FAULTS_FILE, FaultList.parse);
  if (stored !== null && stored.run === lab.info.run) return dropExpired(stored, nowMs);
  await lab.refresh();
  const kernel = await lab.engine.kernelFaults(lab.progress);
  return dropExpired(await adoptForeign(lab, { ...EMPTY_FAULT_LIST, run: lab.info.run }, kernel), nowMs);
}

export async function writeFaults(lab: FaultableLab, list: FaultList): Promise<void> {
  await lab.state.writeJson(FAULTS_FILE, { ...list, run: lab.info.run });
}

/** The list with what nodes have that somebody else set; the same list: nobody did. */
export async function adoptForeign(
  lab: FaultableLab,
  list: FaultList,
  kernel: KernelFaults,
  ids: readonly NodeId[] = lab.running,
): Promise<FaultList> {
  const copies = await Promise.all(ids.map((id) => readCopy(lab, id, kernel)));
  const foreign = copies.filter((copy) => copy !== null).filter((copy) => isForeign(list, copy, kernel));
  if (foreign.length === 0) return list;
  // A shim doesn't learn what the kernel does: it has this list or an earlier one.
  const nodes = foreign.map(({ node, generation }) => [
    node,
    { kernel: [generation], shim: hasTools(kernel) ? null : [generation] },
  ]);
  return { ...adoptCopies(list, foreign), nodes: { ...list.nodes, ...Object.fromEntries(nodes) } };
}

function isForeign(list: FaultList, { node, generation }: NodeCopy, kernel: KernelFaults): boolean {
  const { kernel: inKernel, shim } = list.nodes[node] ?? NO_VERSIONS;
  const known = hasTools(kernel) ? inKernel : shim;
  return generation !== 0 && known !== null && !known.includes(generation);
}
