/**
 * Finds the leftovers of local labs: processes that no record names, and folders that were never finished.
 */
import { readdir, rm } from "node:fs/promises";
import { isLocked } from "../../base/lock.ts";
import { StateDir } from "../../base/state-dir.ts";
import type { Leftover } from "../engine.ts";
import { endProcess, runningProcess } from "./local-process.ts";
import { findNodeProcesses, labDir, listLabs, readLabRecord } from "./local-store.ts";

export async function findLeftovers(): Promise<readonly Leftover[]> {
  const found: Leftover[] = [];
  for (const { pid, lab, id } of await findNodeProcesses()) {
    if (await isLocked(new StateDir(lab))) continue;
    const recorded = await runningProcess(lab, id);
    if (recorded?.mark.pid === pid && (await readLabRecord(lab)) !== null) continue;
    found.push({ kind: "process", id: String(pid), lab, why: `runs as node ${id}, but no record names it` });
  }
  for (const lab of await listLabs()) {
    if ((await readLabRecord(lab)) !== null || (await isLocked(new StateDir(lab)))) continue;
    const entries = await readdir(labDir(lab)).catch(() => []);
    found.push({
      kind: "directory",
      id: labDir(lab),
      lab,
      why: `half-made: ${entries.length} entries and no lab.json`,
    });
  }
  return found;
}

export async function removeLeftovers(leftovers: readonly Leftover[]): Promise<void> {
  for (const item of leftovers) {
    if (item.kind === "process") await endProcess(Number(item.id));
    // Only folders that are ours by their place.
    if (item.kind === "directory" && item.id === labDir(item.lab)) await rm(item.id, { recursive: true, force: true });
  }
}
