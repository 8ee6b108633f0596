/**
 * The cluster keys of a running lab, and changing them without a pause: add the new key everywhere, use it everywhere, remove the old
 * one everywhere (node/protocol/security.md). Each step writes the lab's key file, tells every node by SIGHUP, and waits until each
 * says that it has it; nodes that don't run read the file when they start.
 *
 * Which step comes next follows from the file alone, so a rotation that was interrupted goes on where it stopped.
 */
import { randomBytes } from "node:crypto";
import { StateData } from "../../node/wire/control.ts";
import type { NodeId } from "../../node/wire/ids.ts";
import { LabError } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";
import type { LabHandle } from "./lab-handle.ts";
import { waitUntil } from "./wait-for.ts";

const KEY_STEPS = ["add", "use", "remove"] as const;
export type KeyStep = (typeof KEY_STEPS)[number];

const RELOAD_MS_MAX = 15_000;
const KEY_ID_MAX = 255;

interface Key {
  readonly id: number;
  /** `id:base64` */
  readonly text: string;
}

export interface NodeKeys {
  readonly node: NodeId;
  /** The first one seals. */
  readonly keys: readonly number[];
}

/** The keys of each running node. */
export function readKeys(lab: LabHandle): Promise<readonly NodeKeys[]> {
  return Promise.all(
    lab.running.map(async (node) => {
      const { data } = await lab.call(node, { op: "state" });
      return { node, keys: StateData.parse(data).keys };
    }),
  );
}

/**
 * Takes one step; the caller holds the lab's lock.
 * @returns ids of the keys that all running nodes have now, the one that seals first
 * @throws LabError("usage") when it isn't this step's turn; LabError("failed" or "timeout") when a node can't follow: then the step before is in force
 */
export async function takeKeyStep(lab: LabHandle, step: KeyStep): Promise<readonly number[]> {
  const before = await keysOf(lab);
  const due = nextStep(before);
  if (step !== due) {
    const how = before.map((key) => key.id).join(", ");
    throw new LabError("usage", `there is nothing to ${step}: the lab's keys are ${how}`, NEXT.takeKeyStep(due));
  }
  await assertAllFollow(lab, idsOf(before));
  const after = applyStep(before, step);
  await lab.engine.writeKeys(lab.name, after.map((key) => key.text).join(","));
  await reload(lab, lab.running, idsOf(after));
  await lab.note({ action: "keys", nodes: lab.running }, `keys ${step} ${newestOf(after).id}`);
  return idsOf(after);
}

/** The step that the key file calls for. */
export async function dueKeyStep(lab: LabHandle): Promise<KeyStep> {
  return nextStep(await keysOf(lab));
}

/** One key: add. Two: use the newer one, or remove the older one when the newer seals already. */
export function nextStep(keys: readonly Pick<Key, "id">[]): KeyStep {
  const [first, second] = keys;
  if (first === undefined || second === undefined) return "add";
  return second.id === idAfter(first.id) ? "use" : "remove";
}

function applyStep(keys: readonly Key[], step: KeyStep): readonly Key[] {
  const [first, second] = keys as [Key, Key | undefined];
  if (step === "add") {
    const id = idAfter(first.id);
    return [first, { id, text: `${id}:${randomBytes(32).toString("base64")}` }];
  }
  if (second === undefined) return keys;
  return step === "use" ? [second, first] : [first];
}

function idAfter(id: number): number {
  return (id % KEY_ID_MAX) + 1;
}

function newestOf(keys: readonly Key[]): Key {
  const [first, second] = keys as [Key, Key | undefined];
  return second !== undefined && nextStep(keys) === "use" ? second : first;
}

async function keysOf(lab: LabHandle): Promise<readonly Key[]> {
  const text = (await lab.engine.readSpec(lab.name))?.keys ?? "";
  const keys = text.split(",").map((part) => ({ id: Number(part.split(":")[0]), text: part }));
  if (text !== "" && keys.length <= 2) return keys;
  throw new LabError(
    "unsupported",
    `lab "${lab.name}" has no key file: \`lab up\` didn't make it`,
    "change its keys with the tool that made it",
  );
}

/** A node that can't be told would be cut off by the last step. Those that an interrupted step didn't reach are told now. */
async function assertAllFollow(lab: LabHandle, ids: readonly number[]): Promise<void> {
  const paused = lab.info.nodes.filter((node) => node.status === "paused").map((node) => node.id);
  if (paused.length > 0) {
    throw new LabError("failed", `node ${paused.join(", ")} is paused: it can't take a key`, NEXT.resumeNodes(paused));
  }
  const behind = await findBehind(lab, ids);
  if (behind.length > 0) await reload(lab, behind, ids);
}

/** Makes `nodes` read the key file, and waits until all have `ids`. */
async function reload(lab: LabHandle, nodes: readonly NodeId[], ids: readonly number[]): Promise<void> {
  await Promise.all(nodes.map((id) => lab.engine.kill(lab.name, id, "SIGHUP")));
  let behind: readonly NodeId[] = [];
  try {
    await waitUntil(lab, { timeoutMs: RELOAD_MS_MAX }, async () => {
      behind = await findBehind(lab, ids);
      return { done: behind.length === 0, seen: `node ${behind.join(", ")} has other keys than ${ids.join(", ")}` };
    });
  } catch (error) {
    if (!(error instanceof LabError) || error.exit !== "timeout") throw error;
    const [first = 0] = behind;
    throw new LabError(
      "timeout",
      `node ${behind.join(", ")} doesn't take the keys ${ids.join(", ")}`,
      ["was it given DS_KEYS of its own?", NEXT.readLogs(first), NEXT.repeatKeyRotation()],
      { cause: error },
    );
  }
}

async function findBehind(lab: LabHandle, ids: readonly number[]): Promise<readonly NodeId[]> {
  return (await readKeys(lab)).filter(({ keys }) => keys.join() !== ids.join()).map(({ node }) => node);
}

function idsOf(keys: readonly Key[]): readonly number[] {
  return keys.map((key) => key.id);
}
