/** A node's status, read: whether it can do something, and how its process ended, in words. */
import type { NodeInfo } from "./engine.ts";

/** Its process runs and isn't paused. */
export function isUp(node: NodeInfo): boolean {
  return node.status === "running" || node.status === "starting";
}

/** Its process exists, paused or not. */
export function isAlive(node: NodeInfo): boolean {
  return isUp(node) || node.status === "paused";
}

/** By number, as Linux and macOS agree. */
const SIGNALS: Readonly<Record<number, NodeJS.Signals>> = {
  ...{ 1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 8: "SIGFPE" },
  ...{ 9: "SIGKILL", 11: "SIGSEGV", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM" },
};

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
  return SIGNALS[number] ?? null;
}
