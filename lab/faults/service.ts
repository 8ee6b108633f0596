/**
 * Sets and heals the faults of a lab's network, and brings nodes that start or join to the state that the faults ask of them.
 *
 * Every change is: lock, read the list, change it (pure), save it, apply it, read back. The list is saved first, so `heal` finds
 * whatever a killed command left half done. The rooms on that way: request.ts (what is asked for), list.ts (the desired state),
 * compile.ts (one node's share of it), apply.ts (bring it about), verify.ts (read it back).
 *
 * A command that starts, adds or resumes nodes calls `reapplyFaults` for them while it holds the lab's lock, and `leaveFaults` before it
 * starts them.
 */
import type { NodeId } from "../../node/wire/ids.ts";
import { LabError } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";
import { hasContainers, type KernelFaults } from "../engine/engine.ts";
import { applyFaults, assertApplied } from "./apply.ts";
import { chooseBackends, compileNode, whyNoEgress, withReorderDelay } from "./compile.ts";
import { adopt, keepUnhealed, takeBack } from "./failed.ts";
import type { Fault, FaultList, FaultReport } from "./fault.ts";
import { adoptForeign, readFaults, writeFaults } from "./fault-store.ts";
import type { FaultableLab } from "./faultable-lab.ts";
import { addFault, dropExpired, fitToNodes, type HealTarget, healFaults, stamp } from "./list.ts";
import type { FaultRequest } from "./request.ts";

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

/**
 * A fault that can't be brought about on all of its nodes is taken back from all.
 * @throws LabError naming the node on which it couldn't be applied or verified; LabError("unsupported") where the runtime lacks the means
 */
export function setFault(lab: FaultableLab, request: FaultRequest): Promise<FaultOutcome> {
  if (request.kind === "unplug") return unplug(lab, request);
  return lockedWithKernel(lab, request.cause, async (kernel) => {
    const before = await readFaults(lab, lab.clock.wallMs());
    const whyNot = request.egress ? whyNoEgress(request.impairment, kernel) : null;
    if (whyNot !== null) {
      throw new LabError("unsupported", whyNot, "leave --egress off: it is then done at each receiver");
    }
    const nowMs = lab.clock.wallMs();
    const { cause, kind, pairs, egress } = request;
    const impairment = kernel.netem ? withReorderDelay(request.impairment) : request.impairment;
    const untilMs = request.forMs === null ? null : nowMs + request.forMs;
    assertWithoutShim(lab, { ...request, impairment }, kernel);
    const change = addFault(fitToNodes(before, lab.ids), { cause, kind, pairs, impairment, egress, untilMs });
    // Also receivers that have the same effect of another fault: what is said to hold is read back.
    const force = change.added.map((fault) => fault.to);
    const applied = await applyFaults(lab, stamp(change.list, nowMs), kernel, { previous: before, force });
    if (applied.failures.size > 0) throw await takeBack(lab, applied, before, kernel);
    await lab.note({ action: "impair", fault: change.id, pairs, impairment, untilMs }, cause);
    const { list, reports } = applied;
    return { id: change.id, added: change.added, replaced: change.replaced, list, reports, kernel };
  });
}

/** Only our own nodes can delay datagrams by themselves. @throws LabError("unsupported") */
function assertWithoutShim(lab: FaultableLab, { impairment, egress }: FaultRequest, kernel: KernelFaults): void {
  if (lab.helpers === null) return;
  const fault = {
    id: "f1",
    cause: "",
    kind: "netem",
    from: 1,
    to: 2,
    impairment,
    untilMs: null,
    egress,
    openEnd: null,
  } as const;
  if (!chooseBackends(fault, kernel).includes("shim")) return;
  if (!hasContainers(lab.info.runtime)) {
    const message = "processes of this machine share its network: a fault would need a network of each node's own";
    throw new LabError("unsupported", message, ["kill, stop and pause work", "or use --runtime docker"]);
  }
  const missing = kernel.nft
    ? "delay, jitter, duplicates and reordering need tc netem"
    : "faults need nftables or tc netem";
  throw new LabError(
    "unsupported",
    `${missing}, which this engine's kernel hasn't: a program that isn't ours can't do it itself`,
    ["use partition, isolate, --loss or --rate", "or an engine whose kernel has sch_netem"],
  );
}

/** Ends faults; with `{all: true}` every node that runs is cleared, also of what the list doesn't know. */
export function heal(lab: FaultableLab, target: HealTarget): Promise<HealOutcome> {
  const cause = describeHeal(target);
  return lockedWithKernel(lab, cause, async (kernel) => {
    const before = await readFaults(lab, lab.clock.wallMs());
    const { list: healedList, healed } = healFaults(before, target);
    const all = "all" in target;
    if (healed.length === 0 && "id" in target) throw noSuchFault(target.id, before);
    const unplugged = lab.info.nodes.filter((node) => node.unplugged).map((node) => node.id);
    const healedIds = healed.flatMap((fault) => (fault.kind === "unplug" ? [fault.to] : []));
    const named = "nodes" in target ? target.nodes : "cables" in target ? target.cables : [];
    const plugged = unplugged.filter((id) => all || healedIds.includes(id) || named.includes(id));
    await Promise.all(plugged.map((id) => lab.engine.plug(lab.name, id)));
    if (plugged.length > 0) await lab.refresh();
    const list = stamp(all ? overruling(healedList, lab.ids) : healedList, lab.clock.wallMs());
    const applied = await applyFaults(lab, list, kernel, { previous: before, force: all ? lab.ids : plugged });
    if (applied.failures.size > 0) throw await keepUnhealed(lab, applied, healed, kernel);
    if (healed.length + plugged.length > 0) {
      await lab.note({ action: "heal", healed: [...new Set(healed.map((fault) => fault.id))], plugged }, cause);
    }
    return { healed, plugged, list: applied.list, reports: applied.reports };
  });
}

/** Asks the engine what its kernel can while the lab is locked and looked at. */
function lockedWithKernel<T>(
  lab: FaultableLab,
  cause: string,
  change: (kernel: KernelFaults) => Promise<T>,
): Promise<T> {
  const kernel = lab.engine.kernelFaults(lab.progress);
  // Its failure is reported where it is awaited; the lock may fail first.
  kernel.catch(() => {});
  return lab.locked(cause, async () => change(await kernel));
}

/** This list takes the place of whatever the nodes have. A new generation even when it was empty: a node may know of more. */
function overruling(list: FaultList, ids: readonly NodeId[]): FaultList {
  const nodes = Object.fromEntries(ids.map((id) => [id, { kernel: null, shim: null }]));
  return { ...list, generation: list.generation + 1, nodes };
}

/** Pulls the network cables of nodes: they hear nobody, and their control channel goes by exec. */
async function unplug(lab: FaultableLab, request: FaultRequest): Promise<FaultOutcome> {
  const ids = request.pairs.map((pair) => pair.to);
  if (!hasContainers(lab.info.runtime)) {
    throw new LabError(
      "unsupported",
      `${lab.info.runtime === "local" ? "local processes" : "simulated nodes"} have no network cable to pull`,
      NEXT.isolate(ids),
    );
  }
  return await lab.locked(request.cause, async () => {
    const before = await readFaults(lab, lab.clock.wallMs());
    const { cause, kind, pairs, impairment, egress } = request;
    const change = addFault(before, { cause, kind, pairs, impairment, egress, untilMs: null });
    await writeFaults(lab, change.list);
    const pulled = await Promise.allSettled(
      ids.filter((id) => !lab.node(id).unplugged).map((id) => lab.engine.unplug(lab.name, id)),
    );
    await lab.refresh();
    const isPulled = (fault: Fault) => fault.id !== change.id || lab.node(fault.to).unplugged;
    const list = { ...change.list, faults: change.list.faults.filter(isPulled) };
    const failed = pulled.find((result) => result.status === "rejected");
    if (failed !== undefined) {
      await writeFaults(lab, list);
      throw failed.reason;
    }
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
  await lab.refresh();
  const before = await readFaults(lab, lab.clock.wallMs());
  const list = fitToNodes(before, lab.ids);
  // A node that was down while everything was healed still has its old faults: the number of its last change tells.
  if (before.generation === 0) return [];
  const kernel = await lab.engine.kernelFaults(lab.progress);
  const applied = await applyFaults(lab, list, kernel, { previous: before, force: ids });
  // If somebody else changed a node while it was out of our sight, that change holds.
  const { list: adopted, found } = await adopt(lab, applied.list, kernel, applied);
  if (found === "") {
    assertApplied(applied);
    return applied.reports;
  }
  const again = await applyFaults(lab, adopted, kernel, { previous: applied.list, force: ids });
  assertApplied(again);
  return again.reports;
}

/**
 * Nodes that are about to start have their faults in force before their first packet, where the engine can do that; elsewhere a moment
 * later, by `reapplyFaults`. The caller holds the lab's lock.
 */
export async function leaveFaults(lab: FaultableLab, ids: readonly NodeId[]): Promise<void> {
  const { engine } = lab;
  if (engine.leaveFaults === undefined) return;
  const nowMs = lab.clock.wallMs();
  const list = fitToNodes(await readFaults(lab, nowMs), lab.ids);
  if (list.generation === 0) return;
  const kernel = await engine.kernelFaults(lab.progress);
  for (const id of ids) {
    const { rules } = compileNode(list, lab.node(id), lab.info.nodes, kernel, nowMs);
    await engine.leaveFaults(lab.name, id, { generation: list.generation, rules: [...rules] });
  }
}

/** The faults that hold now, with those that somebody else set. */
export async function listFaults(lab: FaultableLab): Promise<FaultList> {
  const [kernel, list] = await Promise.all([
    lab.engine.kernelFaults(lab.progress),
    readFaults(lab, lab.clock.wallMs()),
  ]);
  if ((await adoptForeign(lab, list, kernel)) === list) return list;
  return await lab.locked("faults", async () => {
    const nowMs = lab.clock.wallMs();
    const adopted = await adoptForeign(lab, await readFaults(lab, nowMs), kernel);
    await writeFaults(lab, adopted);
    return dropExpired(adopted, nowMs);
  });
}

function describeHeal(target: HealTarget): string {
  if ("all" in target) return "heal";
  if ("id" in target) return `heal ${target.id}`;
  return "nodes" in target ? `heal ${target.nodes.join(",")}` : `plug ${target.cables.join(",")}`;
}

function noSuchFault(id: string, list: FaultList): LabError {
  const known = [...new Set(list.faults.map((fault) => fault.id))].join(", ") || "none";
  return new LabError("notFound", `there is no fault ${id} (there is ${known})`, NEXT.listFaults());
}
