/**
 * Killing nodes and watching who takes over.
 */

import type { NodeId } from "../../node/wire/ids.ts";
import { parseDuration } from "../base/duration.ts";
import { LabError } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";
import type { NodeInfo } from "../engine/engine.ts";
import { kill } from "./change.ts";
import type { Chosen, LabHandle } from "./lab-handle.ts";
import type { Agreed, WaitOptions } from "./wait-for.ts";
import { waitForAgreement } from "./wait-for.ts";

export interface Killed {
  readonly chosen: readonly Chosen[];
  /** The coordinator before the kill. */
  readonly before: NodeId | null;
  /** The lab's clock when the nodes were gone. */
  readonly atMs: number;
}

/** Kills what `selector` means now; every victim is named with its role. */
export async function killNodes(
  lab: LabHandle,
  selector: string,
  signal: string,
  eligible: (node: NodeInfo) => boolean,
): Promise<Killed> {
  const before = await lab.coordinator();
  const resolved = await lab.resolve(selector, eligible);
  const chosen = resolved.map(
    (node): Chosen => ({ ...node, role: before === null ? null : node.id === before ? "coordinator" : "follower" }),
  );
  const gone = chosen.filter((node) => !eligible(node.info));
  if (gone.length > 0) {
    const ids = gone.map((node) => node.id);
    throw new LabError("failed", `node ${ids.join(",")} isn't running`, NEXT.startNodes(ids));
  }
  await kill(
    lab,
    chosen.map((node) => node.id),
    signal,
  );
  const atMs = lab.clock.nowMs();
  await lab.refresh();
  return { chosen, before, atMs };
}

const PATIENCE_MS: Readonly<Record<string, number>> = { fast: 15_000, default: 30_000, original: 90_000 };

/** Long enough for detection and election at the lab's timing, with room for a busy machine. */
export function patienceMs(lab: LabHandle, flag: string | undefined): Promise<number> {
  if (flag !== undefined) return Promise.resolve(parseDuration(flag, "--timeout"));
  return Promise.resolve(PATIENCE_MS[lab.info.profile] ?? 30_000);
}

export function waitForSurvivors(lab: LabHandle, survivors: readonly NodeId[], options: WaitOptions): Promise<Agreed> {
  return waitForAgreement(lab, { ...options, ids: survivors });
}
