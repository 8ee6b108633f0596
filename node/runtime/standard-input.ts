/**
 * Finds out who speaks on stdin: a person at a terminal, a pipe or a file with commands, or nobody. A pipe that a supervisor holds
 * open and never writes to is nobody.
 */
import { fstatSync } from "node:fs";

export type Speaker = "terminal" | "pipe" | "nobody";

/** A pipe that was filled before the start has its first bytes within this time. */
const FIRST_BYTES_MS = 30;

/** @param prompt DS_PROMPT: null: it depends on what stdin is */
export async function findSpeaker(prompt: boolean | null): Promise<Speaker> {
  if (prompt === false) return "nobody";
  if (process.stdin.isTTY === true) return "terminal";
  if (prompt === true) return "pipe";
  if (!mayHoldCommands()) return "nobody";
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, FIRST_BYTES_MS);
  process.stdin.once("readable", resolve);
  await promise;
  clearTimeout(timer);
  process.stdin.off("readable", resolve);
  return process.stdin.readableLength > 0 ? "pipe" : "nobody";
}

/** Calls `run` when the first command arrives after all; the node is running by then. */
export function onLateInput(run: () => void): void {
  if (!mayHoldCommands()) return;
  const onReadable = (): void => {
    process.stdin.off("readable", onReadable);
    if (process.stdin.readableLength > 0) run();
  };
  process.stdin.on("readable", onReadable);
}

function mayHoldCommands(): boolean {
  try {
    const kind = fstatSync(0);
    return kind.isFIFO() || kind.isFile() || kind.isSocket();
  } catch {
    // It was closed before the start.
    return false;
  }
}
