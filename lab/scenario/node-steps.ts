/** Steps that end, start, freeze, add and remove nodes: each is one use case of change.ts, under the lab's lock. */

import type { NodeId } from "../../node/wire/ids.ts";
import { sleep } from "../base/lab-clock.ts";
import { LabError } from "../base/lab-error.ts";
import * as change from "../cluster/change.ts";
import { type Chosen, describeChosen, type LabHandle } from "../cluster/lab-handle.ts";
import type { NodeInfo } from "../engine/engine.ts";
import { isAlive, isUp } from "../engine/node-status.ts";
import { resolveFault } from "../faults/request.ts";
import { heal, setFault } from "../faults/service.ts";
import { effectOfSignal } from "../journal/story/signal-effect.ts";
import type { ActionFields } from "./actions.ts";
import { idsOf, type Outcome, resolveNodes, type StepContext, spanMs } from "./step-context.ts";

const GRACE_MS = 10_000;

export async function killStep(context: StepContext, fields: ActionFields<"kill">): Promise<Outcome> {
  const signal = fields.signal ?? "SIGKILL";
  const verb = signal === "SIGKILL" ? "killed" : `sent ${signal} to`;
  return await changeNodes(
    context,
    { selector: fields.nodes, verb, eligible: isAlive, withRoles: true },
    async (lab, ids) => {
      const takesAway = ["ends", "leaves"].includes(effectOfSignal(signal, context.runtime));
      if (takesAway) for (const id of ids) context.down.add(id);
      await change.kill(lab, ids, signal);
    },
  );
}

export async function stopStep(context: StepContext, fields: ActionFields<"stop">): Promise<Outcome> {
  return await changeNodes(
    context,
    { selector: fields.nodes, verb: "stopped", eligible: isAlive },
    async (lab, ids) => {
      for (const id of ids) context.down.add(id);
      await change.stop(lab, ids, fields.grace === undefined ? GRACE_MS : spanMs(fields.grace));
    },
  );
}

export async function startStep(context: StepContext, fields: ActionFields<"start">): Promise<Outcome> {
  const eligible = (node: NodeInfo) => !isAlive(node);
  return await changeNodes(context, { selector: fields.nodes, verb: "started", eligible }, async (lab, ids) => {
    await change.start(lab, ids);
    for (const id of ids) context.down.delete(id);
  });
}

export async function restartStep(context: StepContext, fields: ActionFields<"restart">): Promise<Outcome> {
  return await changeNodes(
    context,
    { selector: fields.nodes, verb: "restarted", eligible: () => true },
    async (lab, ids) => {
      for (const id of ids) context.down.add(id);
      await change.stop(lab, ids, fields.grace === undefined ? GRACE_MS : spanMs(fields.grace));
      await change.start(lab, ids);
      for (const id of ids) context.down.delete(id);
    },
  );
}

export async function wipeStep(context: StepContext, fields: ActionFields<"wipe">): Promise<Outcome> {
  const eligible = (node: NodeInfo) => !isAlive(node);
  return await changeNodes(context, { selector: fields.nodes, verb: "wiped", eligible }, change.wipe);
}

/** The scenario keeps the copies: each node's last one. */
export async function saveDiskStep(context: StepContext, fields: ActionFields<"save-disk">): Promise<Outcome> {
  const words = { selector: fields.nodes, verb: "saved the disk of", eligible: () => true };
  return await changeNodes(context, words, async (lab, ids) => {
    for (const [id, image] of await change.saveDisks(lab, ids)) context.disks.set(id, image);
  });
}

export async function restoreDiskStep(context: StepContext, fields: ActionFields<"restore-disk">): Promise<Outcome> {
  const eligible = (node: NodeInfo) => !isAlive(node);
  const words = { selector: fields.nodes, verb: "restored the disk of", eligible };
  return await changeNodes(context, words, async (lab, ids) => {
    const images = ids.map((id): [NodeId, Uint8Array] => {
      const image = context.disks.get(id);
      if (image === undefined)
        throw new LabError("usage", `no disk of node ${id} was saved`, `put "save-disk: ${id}" before this step`);
      return [id, image];
    });
    await change.restoreDisks(lab, new Map(images));
  });
}

export async function pauseStep(context: StepContext, fields: ActionFields<"pause">): Promise<Outcome> {
  const suffix = fields.for === undefined ? "" : ` for ${fields.for}`;
  const words = { selector: fields.nodes, verb: "paused", eligible: isUp, suffix };
  return await changeNodes(context, words, async (lab, ids) => {
    await change.pause(lab, ids, fields.for === undefined ? null : lab.clock.wallMs() + spanMs(fields.for));
  });
}

export async function resumeStep(context: StepContext, fields: ActionFields<"resume">): Promise<Outcome> {
  const eligible = ({ status }: NodeInfo) => status === "paused";
  return await changeNodes(context, { selector: fields.nodes, verb: "resumed", eligible }, change.resume);
}

/** A hole in a node's time: it is paused, time passes, it goes on as if nothing had been. */
export async function freezeStep(context: StepContext, fields: ActionFields<"freeze">): Promise<Outcome> {
  const { lab, clock, signal } = context;
  const forMs = spanMs(fields.for);
  const vanish = async (ids: readonly NodeId[]): Promise<string | null> => {
    if (fields.vanish !== true) return null;
    const request = await resolveFault(lab, { verb: "isolate", nodes: ids.join(","), forMs: null });
    return (await setFault(lab, request)).id;
  };
  const chosen = await resolveNodes(context, fields.nodes, isUp);
  const ids = idsOf(chosen);
  const fault = await vanish(ids);
  const suffix = ` for ${fields.for}${fault === null ? "" : ", unreachable meanwhile"}`;
  const words = { chosen, verb: "froze", eligible: isUp, suffix };
  const outcome = await changeNodes(context, words, () => change.pause(lab, ids, null));
  try {
    await sleep(clock, forMs, signal);
  } finally {
    await lab.locked(`resume ${ids.join(",")}`, () => change.resume(lab, ids));
    if (fault !== null) await heal(lab, { id: fault });
  }
  return outcome;
}

export async function leaveStep(context: StepContext, fields: ActionFields<"leave">): Promise<Outcome> {
  return await changeNodes(context, { selector: fields.nodes, verb: "left:", eligible: isUp }, async (lab, ids) => {
    for (const id of ids) context.down.add(id);
    await Promise.all(ids.map((id) => change.leave(lab, id)));
  });
}

export async function removeStep(context: StepContext, fields: ActionFields<"remove">): Promise<Outcome> {
  return await changeNodes(
    context,
    { selector: fields.nodes, verb: "removed", eligible: () => true },
    async (lab, ids) => {
      for (const id of ids) context.down.add(id);
      await Promise.all(ids.map((id) => change.removeNode(lab, id)));
    },
  );
}

export async function scaleStep(context: StepContext, fields: ActionFields<"scale">): Promise<Outcome> {
  return await scaleTo(context, () => fields.to);
}

export async function joinStep(context: StepContext, fields: ActionFields<"join">): Promise<Outcome> {
  return await scaleTo(context, (before) => before + fields.count);
}

async function scaleTo({ lab, signal, down }: StepContext, count: (before: number) => number): Promise<Outcome> {
  return await lab.locked("scale", async () => {
    const prepared = await change.prepareScale(lab, count(lab.ids.length));
    const { add, remove } = prepared.plan;
    for (const id of remove) down.add(id);
    await change.scale(lab, prepared, signal);
    const words = [
      ...(add.length > 0 ? [`added ${add.map(({ id }) => id).join(", ")}`] : []),
      ...(remove.length > 0 ? [`removed ${remove.join(", ")}`] : []),
    ];
    return { resolved: words.join("; ") || "nothing to change", seen: "" };
  });
}

interface Words {
  readonly verb: string;
  readonly eligible: (node: NodeInfo) => boolean;
  readonly selector?: string;
  /** Resolved already. */
  readonly chosen?: readonly Chosen[];
  readonly suffix?: string;
  /** True: the result names the roles of the nodes. */
  readonly withRoles?: boolean;
}

/** Resolves under the lock, changes, looks again. @throws LabError("failed") when nobody is meant, or a node can't be what it should become */
async function changeNodes(
  context: StepContext,
  words: Words,
  act: (lab: LabHandle, ids: readonly NodeId[]) => Promise<void>,
): Promise<Outcome> {
  const { lab } = context;
  return await lab.locked(words.verb, async () => {
    const coordinator = words.withRoles === true ? await lab.coordinator() : null;
    const resolved = words.chosen ?? (await resolveNodes(context, words.selector ?? "", words.eligible));
    const chosen = coordinator === null ? resolved : withRoles(resolved, coordinator);
    const unfit = chosen.filter((node) => !words.eligible(node.info));
    if (chosen.length === 0 || unfit.length > 0) throw cannot(words, unfit);
    await act(lab, idsOf(chosen));
    await lab.refresh();
    return { resolved: `${describeChosen(words.verb, chosen)}${words.suffix ?? ""}`, seen: "" };
  });
}

function withRoles(chosen: readonly Chosen[], coordinator: NodeId): readonly Chosen[] {
  return chosen.map((node) => ({ ...node, role: node.id === coordinator ? "coordinator" : "follower" }));
}

function cannot(words: Words, unfit: readonly Chosen[]): LabError {
  const [first] = unfit;
  const why =
    first === undefined ? `"${words.selector}" means no node now` : `node ${first.id} is ${first.info.status}`;
  return new LabError("failed", `${why}: nothing ${words.verb}`, "read the results of the earlier steps");
}
