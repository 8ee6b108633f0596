/**
 * Changes of a lab that exists: scale, kill, stop, start, wipe, pause, leave, remove. Each is one use case that commands,
 * scenarios and tests call; the caller holds the lab's lock (`lab.locked`).
 */

import { StateData } from "../../node/wire/control.ts";
import type { NodeId } from "../../node/wire/ids.ts";
import { sleep } from "../base/lab-clock.ts";
import { LabError } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";
import type { LabSpec } from "../engine/engine.ts";
import { isAlive, isUp } from "../engine/node-status.ts";
import { leaveFaults, reapplyFaults } from "../faults/service.ts";
import { keepEntries } from "./collect.ts";
import type { LabHandle } from "./lab-handle.ts";
import { planScale, type ScalePlan } from "./plan-lab.ts";

/** Long enough to flush the store, say LEAVE and let the payees acknowledge (node/protocol/joining.md#leaving). */
const LEAVE_MS_MAX = 6_000;

/** The plan of `scale`. @throws LabError when the lab's own specification is lost */
export async function prepareScale(lab: LabHandle, count: number): Promise<{ plan: ScalePlan; spec: LabSpec }> {
  const spec = await lab.engine.readSpec(lab.name);
  if (spec === null) {
    throw new LabError(
      "unsupported",
      `lab "${lab.name}" can't be scaled: \`lab up\` didn't make it`,
      "scale it with the tool that made it",
    );
  }
  return { plan: planScale(lab.ids, count, lab.info.voters, await idsEverUsed(lab)), spec };
}

/** Removed nodes stay in every member's table, so any node that runs can tell. */
async function idsEverUsed(lab: LabHandle): Promise<readonly NodeId[]> {
  const tables = await Promise.all(
    lab.running.map(async (id) => {
      try {
        const { data } = await lab.call(id, { op: "state" }, { timeoutMs: 2_000 });
        return StateData.parse(data).members.map((member) => member.id);
      } catch (error) {
        if (error instanceof LabError && error.exit !== "interrupted") return [];
        throw error;
      }
    }),
  );
  return tables.flat();
}

/** Adds new nodes all at once; removes the highest first, each after a graceful LEAVE. */
export async function scale(
  lab: LabHandle,
  prepared: { plan: ScalePlan; spec: LabSpec },
  signal: AbortSignal,
): Promise<void> {
  const { plan, spec } = prepared;
  if (plan.add.length > 0) {
    const nodes = [...lab.ids, ...plan.add.map((node) => node.id)];
    await lab.kind.prepare(lab.engine, lab.progress, signal);
    await lab.engine.addNodes({ ...spec, nodes }, plan.add, lab.progress, signal);
    await reapplyFaults(
      lab,
      plan.add.map((node) => node.id),
    );
  }
  for (const id of plan.remove) {
    lab.progress({ step: "scale", state: "info", detail: `node ${id} leaves` });
    if (!lab.kind.hasControl) await stop(lab, [id], LEAVE_MS_MAX);
    else if (isUp(lab.node(id))) await leave(lab, id).catch(() => {});
    await removeNode(lab, id);
  }
  const added = plan.add.map((node) => node.id);
  await lab.note(
    { action: "scale", added, removed: plan.remove },
    `scale to ${lab.ids.length + added.length - plan.remove.length}`,
  );
  await lab.refresh();
}

/** Graceful LEAVE by the node itself; resolves when its process has ended. */
export async function leave(lab: LabHandle, id: NodeId): Promise<void> {
  const deadlineMs = lab.clock.nowMs() + LEAVE_MS_MAX;
  await lab.note({ action: "leave", nodes: [id] }, `leave ${id}`);
  // Its last reply may get lost with the process: the end of the process is the answer.
  const asked = lab.call(id, { op: "leave" }, { timeoutMs: LEAVE_MS_MAX }).then(
    () => null,
    (error: unknown) => error,
  );
  let refused: unknown = null;
  void asked.then((error) => {
    refused = error;
  });
  for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 2, 100)) {
    await lab.refresh();
    if (!isAlive(lab.node(id))) return;
    if (refused !== null) throw refused;
    if (lab.clock.nowMs() > deadlineMs) {
      throw new LabError("timeout", `node ${id} is still leaving`, NEXT.stopNode(id));
    }
    await sleep(lab.clock, pauseMs);
  }
}

export async function kill(lab: LabHandle, ids: readonly NodeId[], signal: string): Promise<void> {
  // The end of nodes is written down before it happens, their return after it: no absence is shorter in the journal than it was.
  await lab.note({ action: "kill", nodes: ids, signal }, `kill ${ids.join(",")} ${signal}`);
  await Promise.all(ids.map((id) => lab.engine.kill(lab.name, id, signal)));
}

export async function stop(lab: LabHandle, ids: readonly NodeId[], graceMs: number): Promise<void> {
  await cancelTimers(lab, ids);
  await lab.note({ action: "stop", nodes: ids }, `stop ${ids.join(",")}`);
  await Promise.all(ids.map((id) => lab.engine.stop(lab.name, id, graceMs)));
}

export async function start(lab: LabHandle, ids: readonly NodeId[]): Promise<void> {
  await leaveFaults(lab, ids);
  await Promise.all(ids.map((id) => lab.engine.start(lab.name, id)));
  try {
    await reapplyFaults(lab, ids);
  } finally {
    const { helpers } = lab;
    await Promise.all(ids.map((id) => helpers?.release(lab.name, id)));
  }
  await lab.note({ action: "start", nodes: ids }, `start ${ids.join(",")}`);
}

/** They must have ended. Started again, they have lost their ledgers (node/protocol/recovery.md). */
export async function wipe(lab: LabHandle, ids: readonly NodeId[]): Promise<void> {
  await Promise.all(ids.map((id) => lab.engine.wipe(lab.name, id)));
  await lab.note({ action: "wipe", nodes: ids }, `wipe ${ids.join(",")}`);
}

/** Copies of their disks as they are now, by node. A node that runs is frozen for as long as its copy takes. */
export async function saveDisks(lab: LabHandle, ids: readonly NodeId[]): Promise<ReadonlyMap<NodeId, Uint8Array>> {
  return new Map(await Promise.all(ids.map(async (id) => [id, await lab.engine.saveDisk(lab.name, id)] as const)));
}

/** They must have ended. Started again, they have forgotten what they did since their disks were saved. */
export async function restoreDisks(lab: LabHandle, images: ReadonlyMap<NodeId, Uint8Array>): Promise<void> {
  const ids = [...images.keys()];
  await Promise.all([...images].map(([id, image]) => lab.engine.restoreDisk(lab.name, id, image)));
  await lab.note({ action: "restore", nodes: ids }, `restore the disk of ${ids.join(",")}`);
}

/** @param untilMs wall clock: the pause ends then by itself, even when this process is killed; null: when somebody resumes it */
export async function pause(lab: LabHandle, ids: readonly NodeId[], untilMs: number | null): Promise<void> {
  // A timer of an earlier pause must not end this one.
  await cancelTimers(lab, ids);
  // The process that ends the pause is there before it begins.
  if (untilMs !== null) await Promise.all(ids.map((id) => lab.engine.resumeAt(lab.name, id, untilMs)));
  await lab.note({ action: "pause", nodes: ids, untilMs }, `pause ${ids.join(",")}`);
  await Promise.all(ids.map((id) => lab.engine.pause(lab.name, id)));
}

async function cancelTimers(lab: LabHandle, ids: readonly NodeId[]): Promise<void> {
  await Promise.all(ids.map((id) => lab.engine.resumeAt(lab.name, id, null)));
}

export async function resume(lab: LabHandle, ids: readonly NodeId[]): Promise<void> {
  await cancelTimers(lab, ids);
  await Promise.all(ids.map((id) => lab.engine.resume(lab.name, id)));
  // Changes that were made while it was frozen couldn't reach it.
  await reapplyFaults(lab, ids);
  await lab.note({ action: "resume", nodes: ids }, `resume ${ids.join(",")}`);
}

export async function removeNode(lab: LabHandle, id: NodeId): Promise<void> {
  await cancelTimers(lab, [id]);
  await lab.note({ action: "remove", nodes: [id] }, `rm ${id}`);
  await keepEntries(lab, id);
  await lab.engine.remove(lab.name, id);
}
