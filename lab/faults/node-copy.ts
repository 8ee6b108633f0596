/**
 * Reads back from a node which of the lab's faults it has, from any command: the copy in its container, or the rules of its shim.
 */
import { StateData } from "../../node/wire/control.ts";
import type { NodeId } from "../../node/wire/ids.ts";
import { LabError } from "../base/lab-error.ts";
import { FAULTS_DIR, FAULTS_VERSION, type KernelFaults } from "../engine/engine.ts";
import { Fault, FaultList } from "./fault.ts";
import type { FaultableLab } from "./faultable-lab.ts";
import type { NodeCopy } from "./list.ts";

/** Without any tool nothing is ever run in a container. */
export function hasTools(kernel: KernelFaults): boolean {
  return kernel.nft || kernel.htb || kernel.netem;
}

/** Null: it can't be asked. @throws LabError("engineUnreachable") */
export async function readCopy(lab: FaultableLab, id: NodeId, kernel: KernelFaults): Promise<NodeCopy | null> {
  try {
    return hasTools(kernel) ? await readContainer(lab, id) : await readRules(lab, id);
  } catch (error) {
    // A node that can't be asked has no say; an engine that can't be reached has.
    if (!(error instanceof LabError) || error.exit === "engineUnreachable") throw error;
    return null;
  }
}

/** @throws LabError as a call does */
export async function readShim(
  lab: FaultableLab,
  id: NodeId,
): Promise<Pick<StateData, "impair_generation" | "impairments">> {
  const { data } = await lab.call(id, { op: "state" }, { timeoutMs: 5_000 });
  return StateData.pick({ impair_generation: true, impairments: true }).parse(data);
}

async function readContainer(lab: FaultableLab, id: NodeId): Promise<NodeCopy | null> {
  // A node of somebody else's program without a helper has no faults, and gets none of it by being asked.
  const { helpers } = lab;
  if (helpers !== null && !(await helpers.hasHelper(lab.name, id)))
    return { node: id, generation: 0, nextId: 1, faults: [] };
  const script = `cat ${FAULTS_VERSION} 2>/dev/null || echo 0; cat ${FAULTS_DIR}/state.json 2>/dev/null; true`;
  const { exitCode, stdout } = await lab.engine.rootExec(lab.name, id, script);
  if (exitCode !== 0) return null;
  const [version = "0", copy = ""] = stdout.split("\n");
  const list = FaultList.safeParse(parseJson(copy));
  const { generation, nextId, faults } = list.success ? list.data : { generation: 0, nextId: 1, faults: [] };
  return { node: id, generation: Number(version) || generation, nextId, faults };
}

/** A shim knows what a fault does, but not which command asked for it. */
async function readRules(lab: FaultableLab, id: NodeId): Promise<NodeCopy> {
  const { impair_generation: generation, impairments } = await readShim(lab, id);
  const faults = impairments.flatMap(({ id: rule, source, impairment, untilMs }): Fault[] => {
    const [fault = "f1"] = rule.split(".");
    if (source === null) return [];
    const kind = impairment.cut ? "partition" : "netem";
    return [
      Fault.parse({ id: fault, cause: `${kind}, found on its nodes`, kind, from: source, to: id, impairment, untilMs }),
    ];
  });
  const numbers = faults.map((fault) => Number(fault.id.slice(1)) || 0);
  return { node: id, generation, nextId: Math.max(0, ...numbers) + 1, faults };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
