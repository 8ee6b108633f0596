/**
 * Small files that tell others about a node: its ready file (for a health check that costs no Node process), and in its data directory
 * where it listens, so that `control` finds it without being told a number, and how it ended, where nobody waits for its process.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const FILE = "node.json";
const EXIT_FILE = "exit.json";

export interface Whereabouts {
  readonly id: number;
  readonly ip: string;
  readonly port: number;
}

/** Throws when the folder can't be written to. */
export function saveWhereabouts(directory: string, whereabouts: Whereabouts): void {
  writeFileSync(join(directory, FILE), `${JSON.stringify({ ...whereabouts, pid: process.pid })}\n`);
}

/** Never throws: a full disk must not change how a process ends. */
export function saveExit(directory: string, exitCode: number): void {
  try {
    const record = { pid: process.pid, exitCode, atMs: Date.now() };
    writeFileSync(join(directory, EXIT_FILE), `${JSON.stringify(record)}\n`);
  } catch {
    // A command that looks for it learns less.
  }
}

/** Null: no node has run with this folder. */
export function readWhereabouts(directory: string): Whereabouts | null {
  try {
    const found = JSON.parse(readFileSync(join(directory, FILE), "utf8")) as Partial<Whereabouts>;
    return typeof found.port === "number" && typeof found.ip === "string" && typeof found.id === "number"
      ? { id: found.id, ip: found.ip, port: found.port }
      : null;
  } catch {
    return null;
  }
}

/** Throws when it can't be written. */
export function writeReadyFile(path: string, id: number): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${id}\n`);
}

export function removeReadyFile(path: string | null): void {
  if (path !== null) rmSync(path, { force: true });
}
