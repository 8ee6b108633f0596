/**
 * One line of the journal, and what it changes in the picture of the cluster. Total: a line that says nothing new changes nothing, and
 * no line is an error, whatever version wrote it.
 */
import type { Entry } from "../../journal/entry.ts";
import { type LabAction, readLabAction } from "../../journal/lab-entry.ts";
import { type ClusterState, createNodeState, type MemberState, type NodeState, type Role } from "./cluster-state.ts";
import { foldBooks, foldMoney } from "./fold-money.ts";

/** Changes `state` in place. @param atMs never earlier than the entry before */
export function foldEntry(state: ClusterState, entry: Entry, atMs: number): void {
  state.atMs = atMs;
  if (entry.node === 0) {
    const action = readLabAction(entry);
    if (action !== null) foldAction(state, action, entry, atMs);
    return;
  }
  const node = nodeOf(state, entry.node);
  if (entry.inc > node.inc) beginProcess(node, entry.inc);
  // The last lines of a process whose successor has begun.
  if (entry.inc > 0 && entry.inc < node.inc) return;
  node.written += 1;
  switch (entry.kind) {
    case "recv":
      if (entry.from !== undefined) node.heardAt.set(entry.from, atMs);
      break;
    case "member":
      foldMember(node, entry, atMs);
      break;
    case "election":
      foldElection(node, entry);
      break;
    case "state":
      foldPhase(state, node, entry);
      break;
    case "trade":
    case "deliver":
    case "hold":
      foldMoney(state, node, entry, atMs);
      break;
    case "drop":
      if (typeof entry.phase === "string") node.phase = entry.phase;
      break;
    default:
      break;
  }
}

export function nodeOf(state: ClusterState, id: number): NodeState {
  let node = state.nodes.get(id);
  if (node === undefined) {
    node = createNodeState(id);
    state.nodes.set(id, node);
  }
  return node;
}

/** Ledger and clock are on its disk; it has to find out the rest again. */
function beginProcess(node: NodeState, inc: number): void {
  const isFirst = node.inc === 0;
  node.inc = inc;
  if (isFirst) return;
  node.phase = "JOINING";
  node.role = "FOLLOWER";
  node.coordinator = null;
  node.elected = false;
  node.members.clear();
  node.heardAt.clear();
  node.held.clear();
}

function foldMember(node: NodeState, entry: Entry, atMs: number): void {
  if (entry.peer === undefined || entry.state === undefined) return;
  const state = entry.state as MemberState;
  if (node.members.get(entry.peer)?.state === state) return;
  node.members.set(entry.peer, { state, sinceMs: atMs });
  if (state === "ALIVE" && !node.heardAt.has(entry.peer)) node.heardAt.set(entry.peer, atMs);
}

function foldElection(node: NodeState, entry: Entry): void {
  if (entry.role !== undefined) node.role = entry.role as Role;
  if (entry.term !== undefined) node.term = entry.term;
  if (entry.elected !== undefined) node.elected = entry.elected;
  if (entry.coordinator !== undefined) node.coordinator = entry.coordinator;
}

function foldPhase(state: ClusterState, node: NodeState, entry: Entry): void {
  foldBooks(state, node, entry);
  if (entry.balance !== undefined) node.balance = entry.balance;
  if (typeof entry.phase === "string") node.phase = entry.phase;
}

/** Which nodes there are, and how far a scenario is; the rest is the story's. */
function foldAction(state: ClusterState, action: LabAction, entry: Entry, atMs: number): void {
  if (action.action === "up") for (const id of action.nodes) nodeOf(state, id);
  else if (action.action === "scale") {
    for (const id of action.added) nodeOf(state, id);
    for (const id of action.removed) state.nodes.delete(id);
  } else if (action.action === "remove") for (const id of action.nodes) state.nodes.delete(id);
  else if (action.action === "step") {
    const { path, state: stage, detail = entry.msg } = action;
    state.steps.set(path, { path, state: stage, detail, sinceMs: atMs });
  }
}
