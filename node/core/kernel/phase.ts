/** The phase of this node's own life. */

import type { JournalEvent } from "../../wire/journal.ts";
import type { NodeState } from "../state.ts";
import { count, journal } from "./outbox.ts";

/** On its way in: it has not been READY yet. */
export function isNewcomer(state: NodeState): boolean {
  return state.phase === "JOINING" || state.phase === "SYNCING";
}

/** While joining or recovering, a node takes its own debits from others like any other records. */
export function isRestoring(state: NodeState): boolean {
  return state.phase === "JOINING" || state.phase === "SYNCING" || state.phase === "RECOVERING";
}

/** This process stops taking part: others go on without it. `msg` says why, and what to do; `fields` are the line's further ones. */
export function becomeConflict(state: NodeState, msg: string, fields: Partial<JournalEvent> = {}): void {
  state.phase = "CONFLICT";
  count(state, "conflicts");
  journal(state, { kind: "state", level: "error", msg, phase: "CONFLICT", ...fields });
}
