/**
 * What the lab did to the nodes, in the picture of the cluster. A line is written before what takes a node away, so a few lines of the
 * node may still follow; only a new process brings it back.
 */
import type { Entry } from "../../journal/entry.ts";
import type { LabAction } from "../../journal/lab-entry.ts";
import { type ClusterState, createNodeState, type NodeState, type ProcessState } from "./cluster-state.ts";

/** Changes `state` in place. */
export function foldLabAction(state: ClusterState, action: LabAction, entry: Entry, atMs: number): void {
  switch (action.action) {
    case "up":
      for (const id of action.nodes) ensureNode(state, id);
      break;
    case "scale":
      for (const id of action.added) ensureNode(state, id);
      for (const id of action.removed) state.nodes.delete(id);
      break;
    case "remove":
      for (const id of action.nodes) state.nodes.delete(id);
      break;
    case "kill":
      for (const node of nodesOf(state, action.nodes)) foldSignal(node, action.signal);
      break;
    case "stop":
      for (const node of nodesOf(state, action.nodes)) end(node, "stopped");
      break;
    case "leave":
      for (const node of nodesOf(state, action.nodes)) end(node, "left");
      break;
    case "pause":
      for (const node of nodesOf(state, action.nodes)) {
        if (node.process !== "running") continue;
        node.process = "paused";
        node.pausedUntilMs = action.untilMs;
      }
      break;
    case "resume":
      for (const node of nodesOf(state, action.nodes)) if (node.process === "paused") node.process = "running";
      break;
    case "impair":
      state.faults = state.faults.filter((fault) => fault.id !== action.fault);
      state.faults.push({
        id: action.fault,
        cause: entry.msg,
        pairs: action.pairs,
        impairment: action.impairment,
        sinceMs: atMs,
        untilMs: action.untilMs,
      });
      break;
    case "unplug":
      for (const node of nodesOf(state, action.nodes)) node.unplugged = true;
      break;
    case "heal":
      state.faults = state.faults.filter((fault) => !action.healed.includes(fault.id));
      for (const node of nodesOf(state, action.plugged)) node.unplugged = false;
      break;
    case "step":
      state.steps.set(action.path, {
        path: action.path,
        state: action.state,
        detail: action.detail ?? entry.msg,
        sinceMs: atMs,
      });
      break;
    default:
      break;
  }
}

function foldSignal(node: NodeState, signal: string): void {
  if (signal === "SIGSTOP") node.process = "paused";
  else if (signal === "SIGCONT") node.process = "running";
  else end(node, signal === "SIGKILL" ? "killed" : "stopped");
}

function end(node: NodeState, process: ProcessState): void {
  node.process = process;
  node.pausedUntilMs = null;
  node.role = "FOLLOWER";
  node.coordinator = null;
  node.held.clear();
}

function ensureNode(state: ClusterState, id: number): void {
  if (!state.nodes.has(id)) state.nodes.set(id, createNodeState(id));
}

function nodesOf(state: ClusterState, ids: readonly number[]): NodeState[] {
  return ids.flatMap((id) => state.nodes.get(id) ?? []);
}
