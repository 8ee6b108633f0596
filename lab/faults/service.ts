/**
 * What can be done about a lab's network: the use cases behind the verbs, and what other verbs owe to faults.
 *
 * Every change is: lock, read the list, change it (pure), save it, apply it, read back. The list is saved first, so whatever a killed
 * command left half done is known, and `heal` finds it.
 *
 * What starts, adds or resumes nodes calls `reapplyFaults` for them while it holds the lab's lock.
 */
import type { Impairment } from "../../node/wire/control.ts";
import type { NodeId } from "../../node/wire/ids.ts";
import { LabError } from "../base/lab-error.ts";
import type { KernelFaults } from "../engine/engine.ts";
import { applyFaults } from "./apply.ts";
import { whyNoEgress, withReorderDelay } from "./compile.ts";
import type { Pair } from "./expand.ts";
import { type Fault, type FaultKind, type FaultList, type FaultReport, NO_IMPAIRMENT } from "./fault.ts";
import { readFaults, writeFaults } from "./fault-store.ts";
import type { FaultableLab } from "./faultable-lab.ts";
import { addFault, dropExpired, fitToNodes, type HealTarget, healFaults } from "./list.ts";

export interface FaultRequest {
  readonly cause: string;
  readonly kind: FaultKind;
  readonly pairs: readonly Pair[];
  readonly impairment: Impairment;
  /** Null: until healed. */
  readonly forMs: number | null;
  readonly egress: boolean;
}

export interface FaultOutcome {
  readonly id: string;
  readonly added: readonly Fault[];
  /** Earlier netem of the same pairs. */
  readonly replaced: readonly Fault[];
  /** The whole list, now. */
  readonly list: FaultList;
  readonly reports: readonly FaultReport[];
  readonly kernel: KernelFaults;
}

export interface HealOutcome {
  readonly healed: readonly Fault[];
  /** Nodes whose cable was put back. */
  readonly plugged: readonly NodeId[];
  readonly list: FaultList;
  readonly reports: readonly FaultReport[];
}

/** @throws LabError naming the node on which it couldn't be applied or verified */
export function setFault(lab: FaultableLab, request: FaultRequest): Promise<FaultOutcome> {
  return lab.locked(request.cause, async () => {
    const [kernel, stored] = await Promise.all([
      lab.engine.kernelFaults(lab.progress),
      readFaults(lab, lab.clock.wallMs()),
    ]);
    const whyNot = request.egress ? whyNoEgress(request.impairment, kernel) : null;
    if (whyNot !== null) {
      throw new LabError("unsupported", whyNot, "leave --egress off: it is then done at each receiver");
    }
    const nowMs = lab.clock.wallMs();
    const before = dropExpired(stored, nowMs);
    const { cause, kind, pairs, egress } = request;
    const impairment = kernel.netem ? withReorderDelay(request.impairment) : request.impairment;
    const untilMs = request.forMs === null ? null : nowMs + request.forMs;
    const change = addFault(fitToNodes(before, lab.ids), { cause, kind, pairs, impairment, egress, untilMs });
    await writeFaults(lab, change.list);
    const reports = await applyFaults(lab, change.list, kernel, { previous: before });
    await lab.note({ action: "impair", fault: change.id, pairs, impairment, untilMs }, cause);
    return { id: change.id, added: change.added, replaced: change.replaced, list: change.list, reports, kernel };
  });
}

/** Ends faults; with `{all: true}` every node that runs is cleared, also of what the list doesn't know. */
export function heal(lab: FaultableLab, target: HealTarget, cause: string): Promise<HealOutcome> {
  return lab.locked(cause, async () => {
    const [kernel, before] = await Promise.all([
      lab.engine.kernelFaults(lab.progress),
      readFaults(lab, lab.clock.wallMs()),
    ]);
    const { list: healedList, healed } = healFaults(before, target);
    const all = "all" in target;
    if (healed.length === 0 && "id" in target) throw noSuchFault(target.id, before);
    // A new generation even when the list was empty: a node may know of more.
    const list = all ? { ...healedList, generation: before.generation + 1 } : healedList;
    await writeFaults(lab, list);
    const unplugged = lab.info.nodes.filter((node) => node.unplugged).map((node) => node.id);
    const healedIds = healed.flatMap((fault) => (fault.kind === "unplug" ? [fault.to] : []));
    const named = "nodes" in target ? target.nodes : "cables" in target ? target.cables : [];
    const plugged = unplugged.filter((id) => all || healedIds.includes(id) || named.includes(id));
    await Promise.all(plugged.map((id) => lab.engine.plug(lab.name, id)));
    if (plugged.length > 0) await lab.refresh();
    const force = all ? lab.ids : plugged;
    const reports = await applyFaults(lab, list, kernel, { previous: before, force });
    if (healed.length + plugged.length > 0) {
      await lab.note({ action: "heal", healed: [...new Set(healed.map((fault) => fault.id))], plugged }, cause);
    }
    return { healed, plugged, list, reports };
  });
}

/** Pulls a node's network cable: it hears nobody, and its control channel goes by exec. */
export async function unplug(lab: FaultableLab, ids: readonly NodeId[], cause: string): Promise<FaultOutcome> {
  if (lab.info.runtime !== "docker") {
    throw new LabError(
      "unsupported",
      `${lab.info.runtime === "local" ? "local processes" : "simulated nodes"} have no network cable to pull`,
      `\`lab isolate ${ids.join(",")}\` cuts them off from all others`,
    );
  }
  return await lab.locked(cause, async () => {
    const before = await readFaults(lab, lab.clock.wallMs());
    const pairs = ids.map((id): Pair => ({ from: id, to: id, openEnd: null }));
    const change = addFault(before, {
      cause,
      kind: "unplug",
      pairs,
      impairment: { ...NO_IMPAIRMENT, cut: true },
      untilMs: null,
      egress: false,
    });
    await writeFaults(lab, change.list);
    await Promise.all(ids.filter((id) => !lab.node(id).unplugged).map((id) => lab.engine.unplug(lab.name, id)));
    await lab.refresh();
    await lab.note({ action: "unplug", fault: change.id, nodes: ids }, cause);
    const reports = ids.map((node): FaultReport => {
      const verified = lab.node(node).unplugged;
      return { node, backends: ["engine"], verified, pending: false, detail: verified ? "unplugged" : "still plugged" };
    });
    const kernel = { nft: false, netem: false, htb: false, ifb: false };
    return { id: change.id, added: change.added, replaced: change.replaced, list: change.list, reports, kernel };
  });
}

/**
 * Brings nodes that started, joined or were resumed to the state that the list asks of them; nodes that joined take their place
 * where a fault means "every other node". Costs nothing when the lab has no faults. The caller holds the lab's lock.
 * @param ids nodes to bring to their state in any case
 */
export async function reapplyFaults(lab: FaultableLab, ids: readonly NodeId[]): Promise<readonly FaultReport[]> {
  const before = await readFaults(lab, lab.clock.wallMs());
  await lab.refresh();
  const list = fitToNodes(before, lab.ids);
  // A node that was down while everything was healed still has its old faults: the number of its last change tells.
  if (before.generation === 0) return [];
  if (list !== before) await writeFaults(lab, list);
  const kernel = await lab.engine.kernelFaults(lab.progress);
  return applyFaults(lab, list, kernel, { previous: before, force: ids });
}

/** The faults that hold now. */
export function listFaults(lab: FaultableLab): Promise<FaultList> {
  return readFaults(lab, lab.clock.wallMs());
}

function noSuchFault(id: string, list: FaultList): LabError {
  const known = [...new Set(list.faults.map((fault) => fault.id))].join(", ") || "none";
  return new LabError("notFound", `there is no fault ${id} (there is ${known})`, "see `lab faults`");
}
