/**
 * Changes of a lab that exists: take down, scale, kill, stop, start, wipe, pause, leave, remove. Each is one use case that commands,
 * scenarios and tests call; the caller holds the lab's lock (`lab.locked`).
 */

import { StateData } from "../../node/wire/control.ts";
import type { NodeId } from "../../node/wire/ids.ts";
import { sleep } from "../base/lab-clock.ts";
import { LabError } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";
import { StateDir } from "../base/state-dir.ts";
import type { LabSpec, Leftover, Progress, RuntimeName } from "../engine/engine.ts";
import { isAlive, isUp } from "../engine/node-status.ts";
import { reapplyFaults } from "../faults/service.ts";
import { keepEntries } from "./collect.ts";
import { cancelHelpers, startResumer } from "./helpers.ts";
import type { LabHandle } from "./lab-handle.ts";
import { isWithoutDocker, openEngine, type RuntimeChoice } from "./open-engine.ts";
import { planScale, type ScalePlan } from "./plan-lab.ts";

/** Long enough to flush the store, say LEAVE and let the payees acknowledge (node/protocol/joining.md#leaving). */
const LEAVE_MS_MAX = 6_000;

/**
 * Removes a lab from every runtime that has something of it, whatever state it is in; safe to repeat. The lab's files belong to the
 * runtime that made it: who removes it from another one leaves them alone.
 * @returns what was removed; empty: there was nothing
 * @throws LabError("notFound") when only another runtime than `choice` has it
 */
export async function takeDown(
  name: string,
  choice: RuntimeChoice,
  progress: Progress,
  options: { readonly keepFolder?: boolean } = {},
): Promise<readonly Leftover[]> {
  const state = choice === "sim" ? (await openEngine("sim")).world.openState(name) : new StateDir(name);
  const madeIn = await state.readJson("lab.json", (json) => (json as { runtime?: RuntimeName }).runtime ?? null);
  const isElsewhere = choice !== "auto" && madeIn !== null && madeIn !== choice;
  if (choice !== "sim" && !isElsewhere) await cancelHelpers(name);
  const removed: Leftover[] = [];
  const runtimes: readonly RuntimeName[] = choice === "auto" ? ["local", "docker"] : [choice];
  for (const runtime of runtimes) {
    try {
      await using engine = await openEngine(runtime);
      removed.push(...(await engine.destroyLab(name, progress)));
    } catch (error) {
      if (choice !== "auto" || !(error instanceof LabError) || error.exit !== "engineUnreachable") throw error;
      // Docker may have the lab, unless it was found in the other runtime, or there is no Docker.
      const isFound = removed.length > 0 && madeIn !== "docker";
      if (!isFound && !(await isWithoutDocker(error))) throw error;
    }
    if (choice === "auto" && runtime === "local" && removed.length > 0 && madeIn === "local") break;
  }
  if (isElsewhere) {
    if (removed.length > 0) return removed;
    throw new LabError(
      "notFound",
      `lab "${name}" was made in ${madeIn === "docker" ? "Docker" : "the local runtime"}, not where --runtime ${choice} looks`,
      NEXT.removeLab(name, madeIn),
    );
  }
  if (options.keepFolder !== true) await state.remove();
  return removed;
}

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
    await lab.engine.prepare(lab.progress, signal);
    await lab.engine.addNodes({ ...spec, nodes }, plan.add, lab.progress, signal);
    await reapplyFaults(
      lab,
      plan.add.map((node) => node.id),
    );
  }
  for (const id of plan.remove) {
    lab.progress({ step: "scale", state: "info", detail: `node ${id} leaves` });
    if (isUp(lab.node(id))) await leave(lab, id).catch(() => {});
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
  await Promise.all(ids.map((id) => lab.engine.start(lab.name, id)));
  await reapplyFaults(lab, ids);
  await lab.note({ action: "start", nodes: ids }, `start ${ids.join(",")}`);
}

/** They must have ended. Started again, they have lost their ledgers (node/protocol/recovery.md). */
export async function wipe(lab: LabHandle, ids: readonly NodeId[]): Promise<void> {
  await Promise.all(ids.map((id) => lab.engine.wipe(lab.name, id)));
  await lab.note({ action: "wipe", nodes: ids }, `wipe ${ids.join(",")}`);
}

/** @param untilMs wall clock: the pause ends then by itself, even when this process is killed; null: when somebody resumes it */
export async function pause(lab: LabHandle, ids: readonly NodeId[], untilMs: number | null): Promise<void> {
  // A timer of an earlier pause must not end this one.
  await cancelTimers(lab, ids);
  // The process that ends the pause is there before it begins.
  if (untilMs !== null) await Promise.all(ids.map((id) => endPauseAt(lab, id, untilMs)));
  await lab.note({ action: "pause", nodes: ids, untilMs }, `pause ${ids.join(",")}`);
  await Promise.all(ids.map((id) => lab.engine.pause(lab.name, id)));
}

/** An engine with timers of its own has no helper processes to look for. */
async function cancelTimers(lab: LabHandle, ids: readonly NodeId[]): Promise<void> {
  const { engine } = lab;
  if (engine.resumeAt === undefined) await Promise.all(ids.map((id) => cancelHelpers(lab.name, id)));
  else for (const id of ids) engine.resumeAt(lab.name, id, null);
}

async function endPauseAt(lab: LabHandle, id: NodeId, untilMs: number): Promise<void> {
  if (lab.engine.resumeAt !== undefined) lab.engine.resumeAt(lab.name, id, untilMs);
  else await startResumer(lab.name, lab.engine.name, id, untilMs);
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
