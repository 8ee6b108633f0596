/**
 * One line of the journal, and what it changes in the picture of the cluster. Total: a line that says nothing new changes nothing, and
 * no line is an error, whatever version wrote it.
 */
import type { Entry } from "../../journal/entry.ts";
import { readLabAction } from "../../journal/lab-entry.ts";
import {
  type ClusterState,
  createNodeState,
  isUp,
  type MemberState,
  type NodeState,
  type Role,
} from "./cluster-state.ts";
import { foldLabAction } from "./fold-lab.ts";
import { foldBooks, foldMoney } from "./fold-money.ts";

/** Changes `state` in place. @param atMs never earlier than the entry before */
export function foldEntry(state: ClusterState, entry: Entry, atMs: number): void {
  state.atMs = atMs;
  if (entry.node === 0) {
    const action = readLabAction(entry);
    if (action !== null) foldLabAction(state, action, entry, atMs);
    return;
  }
  const node = nodeOf(state, entry.node);
  if (entry.inc > node.inc) beginProcess(node, entry.inc);
  // The last lines of a process whose successor has begun.
  if (entry.inc > 0 && entry.inc < node.inc) return;
  node.written += 1;
  // What it still writes while it ends can move its money, not bring it back.
  if (!isUp(node) && entry.kind !== "deliver" && entry.kind !== "trade") return;
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

/** Ledger and clock are on its disk; the rest it has to find out anew. */
function beginProcess(node: NodeState, inc: number): void {
  const isFirst = node.inc === 0 && isUp(node);
  node.inc = inc;
  if (isFirst) return;
  node.process = "running";
  node.pausedUntilMs = null;
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

/** What a node says of its phase by a sentence only (node/core/lifecycle/join.ts). */
const PHASES: readonly (readonly [RegExp, string])[] = [
  [/^JOIN announced/, "JOINING"],
  [/^Received JOIN_RESPONSE/, "SYNCING"],
];

function foldPhase(state: ClusterState, node: NodeState, entry: Entry): void {
  foldBooks(state, node, entry);
  if (entry.balance !== undefined) {
    node.balance = entry.balance;
    if (entry.msg.startsWith("New account")) state.accounts.set(node.id, entry.balance);
  }
  if (node.process === "paused" && /did not run for/.test(entry.msg)) node.process = "running";
  if (/^exit \d+/.test(entry.msg)) {
    node.process = node.phase === "LEAVING" ? "left" : "stopped";
    return;
  }
  if (typeof entry.phase === "string") {
    node.phase = entry.phase;
    return;
  }
  const found = PHASES.find(([pattern]) => pattern.test(entry.msg));
  if (found === undefined) return;
  const [, phase] = found;
  // Answers of others go on coming when it is READY already.
  if (phase === "SYNCING" && node.phase !== "JOINING") return;
  node.phase = phase;
}
