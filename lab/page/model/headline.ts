/**
 * The picture in words: headlines, names for screen readers, node lists as the command line takes them.
 */
import type { ClusterState, NodeState } from "./cluster-state.ts";
import { isUp } from "./cluster-state.ts";

export interface Headline {
  readonly text: string;
  /** `agreed`: everybody who runs follows one elected coordinator. */
  readonly state: "agreed" | "provisional" | "disputed" | "none";
}

/** More nodes are counted. */
const NAMED_MAX = 6;

/** The leadership in one line. */
export function describeLeadership(state: ClusterState): Headline {
  const running = [...state.nodes.values()].filter((node) => node.process === "running");
  const leaders = running.filter((node) => node.role === "COORDINATOR").sort((a, b) => a.id - b.id);
  const [leader] = leaders;
  if (leader === undefined) {
    const isElecting = running.some((node) => node.role === "CANDIDATE");
    return { text: isElecting ? "No coordinator: election under way" : "No coordinator", state: "none" };
  }
  if (leaders.length > 1) {
    const names = leaders.map((node) => `${node.id} (term ${node.term}${node.elected ? "" : ", no quorum"})`);
    return { text: `${leaders.length} coordinators: ${names.join(", ")}`, state: "disputed" };
  }
  const others = running.filter((node) => node.coordinator !== leader.id || node.term !== leader.term);
  const how = leader.elected ? `elected, term ${leader.term}` : `provisional, term ${leader.term}: no quorum`;
  if (others.length > 0)
    return {
      text: `Coordinator ${leader.id}, ${how}; not followed by ${others.length > NAMED_MAX ? `${others.length} nodes` : formatIds(others.map((node) => node.id))}`,
      state: "disputed",
    };
  return { text: `Coordinator ${leader.id}, ${how}`, state: leader.elected ? "agreed" : "provisional" };
}

/** "Node 5, coordinator, term 1, 100 credits". */
export function describeNode(node: NodeState): string {
  const { process } = node;
  const parts = [`Node ${node.id}`];
  if (process !== "running") parts.push(process === "left" ? "has left" : process);
  if (isUp(node)) {
    if (node.phase !== "READY") parts.push(node.phase.toLowerCase());
    parts.push(
      node.role === "COORDINATOR"
        ? node.elected
          ? "coordinator"
          : "provisional coordinator"
        : node.role.toLowerCase(),
    );
    parts.push(`term ${node.term}`);
    if (node.coordinator !== null && node.coordinator !== node.id) parts.push(`follows ${node.coordinator}`);
  }
  if (node.balance !== null) parts.push(`${node.balance} credits`);
  if (node.held.size > 0) parts.push(`${node.held.size} held back`);
  return parts.join(", ");
}

/** `1,2`, `3-5`, `1-3,7`: three in a row and more as a range. */
export function formatIds(ids: readonly number[]): string {
  const sorted = [...ids].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let at = 0; at < sorted.length; ) {
    let end = at;
    while (sorted[end + 1] === (sorted[end] as number) + 1) end += 1;
    if (end - at >= 2) parts.push(`${sorted[at]}-${sorted[end]}`);
    else for (let n = at; n <= end; n++) parts.push(String(sorted[n]));
    at = end + 1;
  }
  return parts.join(",");
}
