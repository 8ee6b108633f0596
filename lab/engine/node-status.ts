/** What a node's status means for those who want something of it. */
import type { NodeInfo } from "./engine.ts";

/** Its process runs and isn't paused. */
export function isUp(node: NodeInfo): boolean {
  return node.status === "running" || node.status === "starting";
}

/** Its process exists, paused or not. */
export function isAlive(node: NodeInfo): boolean {
  return isUp(node) || node.status === "paused";
}
