/** A node's status, read: whether it can do something, and how its process ended, in words. */
import { constants } from "node:os";
import type { NodeInfo } from "./engine.ts";

/** Its process runs and isn't paused. */
export function isUp(node: NodeInfo): boolean {
  return node.status === "running" || node.status === "starting";
}

/** Its process exists, paused or not. */
export function isAlive(node: NodeInfo): boolean {
  return isUp(node) || node.status === "paused";
}

type End = Pick<NodeInfo, "exitCode" | "oomKilled">;

/** "out of memory", "killed by SIGKILL", "exit code 2"; null: it runs, or the engine doesn't know. */
export function describeExit(node: End): string | null {
  if (node.oomKilled) return "out of memory";
  const signal = signalOf(node);
  if (signal !== null) return `killed by ${signal}`;
  return node.exitCode === null ? null : `exit code ${node.exitCode}`;
}

/** The signal that ended its process; null: it exited by itself, or the engine doesn't know. */
export function signalOf({ exitCode }: End): NodeJS.Signals | null {
  // As shells and engines report it: 128 and the signal's number.
  const number = (exitCode ?? 0) - 128;
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  return found === undefined ? null : (found[0] as NodeJS.Signals);
}
