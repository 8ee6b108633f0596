/** Questions about the phase of this node's own life. */
import type { NodeState } from "../state.ts";

/** On its way in: it has not been READY yet. */
export function isNewcomer(state: NodeState): boolean {
  return state.phase === "JOINING" || state.phase === "SYNCING";
}

/** On its way in (back) a node takes its own debits from others like anybody's. */
export function isRestoring(state: NodeState): boolean {
  return state.phase === "JOINING" || state.phase === "SYNCING" || state.phase === "RECOVERING";
}
