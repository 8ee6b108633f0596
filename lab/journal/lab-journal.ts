/**
 * The lab's own lines about one lab: `journal.jsonl` in its folder, appended whole lines at a time by whichever process acts. A line's
 * number is its place in the file, so writers needn't know of each other.
 */
import { appendFile, readFile } from "node:fs/promises";
import type { LabClock } from "../clock.ts";
import type { StateDir } from "../state-dir.ts";
import { type Entry, parseEntry } from "./entry.ts";
import type { LabAction } from "./lab-entry.ts";

const FILE = "journal.jsonl";

/** @param msg the sentence for people: "kill 5 SIGKILL" */
export async function noteAction(state: StateDir, clock: LabClock, action: LabAction, msg: string): Promise<void> {
  const line = formatAction(clock, action, msg);
  // A full or read-only disk must not stop what the user asked for.
  try {
    await state.ensure();
    await appendFile(state.file(FILE), `${line}\n`, { mode: 0o600 });
  } catch {
    // Nothing depends on it.
  }
}

/** What the lab did, oldest first; nothing where its folder is lost. */
export async function readLabEntries(state: StateDir): Promise<readonly Entry[]> {
  const text = await readFile(state.file(FILE), "utf8").catch(() => "");
  const lines = text.split("\n").filter((line) => line !== "");
  return lines
    .map((line, index) => parseEntry(line.replace(/^\{/, `{"seq":${index + 1},`)))
    .filter((entry) => entry !== null);
}

function formatAction(clock: LabClock, action: LabAction, msg: string): string {
  const clocks = { time: clock.wallMs(), mono: Math.round(clock.nowMs()) };
  return JSON.stringify({ level: "info", node: 0, inc: 0, ...clocks, kind: "fault", ...action, msg });
}
