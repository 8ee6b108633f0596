/**
 * The lines typed at a prompt, kept in the state folder for the next time: one line each, oldest first, readable by its owner only.
 */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { stateRoot } from "../../base/state-dir.ts";

const LINES_MAX = 1_000;

/** @param prompt which prompt: `shell`, or `node` for the nodes' own */
export function historyFile(prompt: "shell" | "node"): string {
  return join(stateRoot(), `${prompt}-history`);
}

/** Newest first; nothing where none was kept. */
export async function readHistory(path: string): Promise<readonly string[]> {
  const text = await readFile(path, "utf8").catch(() => "");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .slice(-LINES_MAX)
    .reverse();
}

/** Replaces the file as a whole. A disk that refuses costs the history only. */
export async function writeHistory(path: string, newestFirst: readonly string[]): Promise<void> {
  const lines = newestFirst.filter((line) => line.trim() !== "").slice(0, LINES_MAX);
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(
      temporary,
      lines
        .toReversed()
        .map((line) => `${line}\n`)
        .join(""),
      { mode: 0o600 },
    );
    await rename(temporary, path);
  } catch {
    // Nothing depends on it.
  }
}
