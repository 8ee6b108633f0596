/** The phase of this node's own life. */

import type { NodeState } from "../state.ts";
import { journal } from "./outbox.ts";

/** On its way in: it has not been READY yet. */
export function isNewcomer(state: NodeState): boolean {
  return state.phase === "JOINING" || state.phase === "SYNCING";
}

/** While joining or recovering, a node takes its own debits from others like any other records. */
export function isRestoring(state: NodeState): boolean {
  return state.phase === "JOINING" || state.phase === "SYNCING" || state.phase === "RECOVERING";
}

/** This process stops taking part: others go on without it. `msg` says why, and what to do. */
export function becomeConflict(state: NodeState, msg: string): void {
  state.phase = "CONFLICT";
  journal(state, { kind: "state", level: "error", msg, phase: "CONFLICT" });
}
