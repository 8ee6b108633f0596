/**
 * The data directory of a node: made when missing, durably, or refused with words.
 *
 * Why the parents are synced: a file is durable only when every directory on the way to it has its entry on disk. SQLite syncs the
 * folder that its files are in; the folders that are made here have nobody else to do that.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { codeOf, messageOf, OperatorError } from "./errors.ts";
import { platformOf } from "./platform.ts";

/** Throws OperatorError when it can't be made, or is something else than a folder. */
export function makeDataDirectory(directory: string): void {
  const path = resolve(directory);
  try {
    const first = mkdirSync(path, { recursive: true });
    if (first !== undefined) syncNewDirectories(path, first);
  } catch (error) {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === false)
      throw new OperatorError(`${directory} is a file, not a folder`, "give another --data-dir");
    throw new OperatorError(
      `can't make the folder ${directory}: ${messageOf(error)}`,
      isFull(error) ? "make room on the disk, then start again" : "give a --data-dir that this user can write to",
    );
  }
}

/** Each new folder, and the old one that got the topmost of them. */
function syncNewDirectories(last: string, first: string): void {
  for (let path = last; ; path = dirname(path)) {
    syncDirectory(path);
    if (path === dirname(first)) return;
  }
}

/** Makes the directory's entries durable, where the system has a way to. Throws a system error. */
export function syncDirectory(path: string): void {
  if (!platformOf(process.platform).syncsFolders) return;
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function isFull(error: unknown): boolean {
  return codeOf(error) === "ENOSPC" || codeOf(error) === "EDQUOT";
}
