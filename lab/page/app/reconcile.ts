/**
 * The nodes' own words in place of what the journal doesn't tell: a page that is opened late has no line of a node's beginning, so it
 * knows neither its balance nor its term. What the journal says stands.
 */
import type { NodeWords, Snapshot } from "../../dash/protocol.ts";
import type { Story } from "../../journal/story/story.ts";
import type { ClusterState, MemberState, NodeState, Role } from "../model/cluster-state.ts";
import { nodeOf } from "../model/fold-entry.ts";

/** Fills gaps of `state` in place. */
export function reconcile(state: ClusterState, { nodes, atMs }: Snapshot, story: Story): void {
  for (const { id, says } of nodes) {
    if (says === null) continue;
    const node = nodeOf(state, id);
    const lives = story.lives.ofNode.get(id) ?? [];
    // Its journal tells of its beginning, so it tells all that is known.
    if (node.inc > says.inc || lives.at(-1)?.boot != null) continue;
    fill(node, says, atMs);
  }
}

function fill(node: NodeState, says: NodeWords, atMs: number): void {
  node.inc = says.inc;
  node.balance ??= says.balance;
  if (node.phase === "JOINING") node.phase = says.phase;
  if (node.term === 0)
    Object.assign(node, {
      term: says.term,
      role: says.role as Role,
      coordinator: says.coordinator,
      elected: says.elected,
    });
  for (const { id, state, silent_ms: silentMs } of says.members) {
    if (id === node.id || node.members.has(id)) continue;
    node.members.set(id, { state: state as MemberState, sinceMs: atMs });
    if (silentMs !== null && !node.heardAt.has(id)) node.heardAt.set(id, atMs - silentMs);
  }
}

/** Whether lines are missing before the first one that is here. */
export function beginsLate(story: Story): boolean {
  return [...story.lives.ofNode.values()].some(([first]) => first?.isWhole === false);
}
