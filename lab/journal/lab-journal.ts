/**
 * The lab's own lines about one lab: `journal.jsonl` in its folder, appended whole lines at a time by whichever process acts. A line's
 * number is its place in the file, so writers needn't know of each other.
 */
import type { LabClock } from "../base/lab-clock.ts";
import type { LabState } from "../base/lab-state.ts";
import { type Entry, parseEntry } from "./entry.ts";
import type { LabAction } from "./lab-entry.ts";

const FILE = "journal.jsonl";

/** Where lines go, and whose they are. */
export interface LabNotebook {
  readonly state: LabState;
  readonly clock: LabClock;
  /** The run's id: what is left of a former lab of this name isn't taken for this one's. Null: the lab has none. */
  readonly run: string | null;
}

/** @param msg the sentence for people: "kill 5 SIGKILL" */
export async function noteAction(notebook: LabNotebook, action: LabAction, msg: string): Promise<void> {
  const line = formatAction(notebook, action, msg);
  // A full or read-only disk must not stop what the user asked for.
  try {
    await notebook.state.append(FILE, `${line}\n`);
  } catch {
    // Nothing depends on it.
  }
}

/** The lab's own lines, and former labs of its name whose lines are left, oldest first; nothing where its folder is lost. */
export async function readLabEntries(state: LabState): Promise<readonly Entry[]> {
  const { bytes } = await state.readFrom(FILE, 0);
  return numberLines(new TextDecoder().decode(bytes), 0);
}

/** The same as it grows: each `read` gives what was appended since the last one. */
export class LabJournalTail {
  readonly #state: LabState;
  #offset = 0;
  #count = 0;

  constructor(state: LabState) {
    this.#state = state;
  }

  async read(): Promise<readonly Entry[]> {
    let { bytes, size } = await this.#state.readFrom(FILE, this.#offset);
    if (size < this.#offset) {
      // Another lab's by now.
      [this.#offset, this.#count] = [0, 0];
      ({ bytes, size } = await this.#state.readFrom(FILE, 0));
    }
    const end = bytes.lastIndexOf(0x0a) + 1;
    const text = new TextDecoder().decode(bytes.subarray(0, end));
    const entries = numberLines(text, this.#count);
    this.#offset += end;
    this.#count += text.split("\n").filter((line) => line !== "").length;
    return entries;
  }
}

/** @param before how many lines of the file come before this text */
function numberLines(text: string, before: number): readonly Entry[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines
    .map((line, index) => parseEntry(line.replace(/^\{/, `{"seq":${before + index + 1},`)))
    .filter((entry) => entry !== null);
}

function formatAction({ clock, run }: LabNotebook, action: LabAction, msg: string): string {
  const clocks = { time: clock.wallMs(), mono: Math.round(clock.nowMs()) };
  const line = { ...(run === null ? {} : { run }), level: "info", node: 0, inc: 0, ...clocks, kind: "fault" };
  return JSON.stringify({ ...line, ...action, msg });
}
