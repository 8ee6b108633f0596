/**
 * The lab's own lines about one lab: `journal.jsonl` in its folder, appended whole lines at a time by whichever process acts. A line's
 * number is its place in the file, so writers needn't know of each other.
 */
import { appendFile, open, readFile } from "node:fs/promises";
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
  return numberLines(text, 0);
}

/** The same as it grows: each `read` gives what was appended since the last one. */
export class LabJournalTail {
  readonly #path: string;
  #offset = 0;
  #count = 0;

  constructor(state: StateDir) {
    this.#path = state.file(FILE);
  }

  async read(): Promise<readonly Entry[]> {
    const file = await open(this.#path, "r").catch(() => null);
    if (file === null) return [];
    try {
      const { size } = await file.stat();
      // Another lab's by now.
      if (size < this.#offset) [this.#offset, this.#count] = [0, 0];
      const buffer = Buffer.alloc(size - this.#offset);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, this.#offset);
      const end = buffer.subarray(0, bytesRead).lastIndexOf(0x0a) + 1;
      const text = buffer.toString("utf8", 0, end);
      const entries = numberLines(text, this.#count);
      this.#offset += end;
      this.#count += text.split("\n").filter((line) => line !== "").length;
      return entries;
    } finally {
      await file.close();
    }
  }
}

/** @param before how many lines of the file come before this text */
function numberLines(text: string, before: number): readonly Entry[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines
    .map((line, index) => parseEntry(line.replace(/^\{/, `{"seq":${before + index + 1},`)))
    .filter((entry) => entry !== null);
}

function formatAction(clock: LabClock, action: LabAction, msg: string): string {
  const clocks = { time: clock.wallMs(), mono: Math.round(clock.nowMs()) };
  return JSON.stringify({ level: "info", node: 0, inc: 0, ...clocks, kind: "fault", ...action, msg });
}
