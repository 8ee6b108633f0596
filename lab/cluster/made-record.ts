/** `lab.json` in the lab's folder: how the last lab of this name was made. `down` removes it together with the folder. */
import type { LabState } from "../base/lab-state.ts";
import type { ProcessMark } from "../base/process-table.ts";
import type { RuntimeName } from "../engine/engine.ts";

export const MADE_FILE = "lab.json";

export interface MadeRecord {
  readonly runtime?: RuntimeName;
  /** The command that makes it, or that removes it at its end; absent: it outlives all commands. */
  readonly upBy?: ProcessMark | null;
}

/** Null: there is none, or none that can be read. */
export function readMadeRecord(state: LabState): Promise<MadeRecord | null> {
  return state.readJson(MADE_FILE, (json) => json as MadeRecord);
}
