/**
 * Two processes never share a data directory: the first holds an exclusive transaction on a small database in it.
 *
 * Why not a file with a process id: the kernel frees this lock at the very death of its holder, however it died, and containers
 * all have the same process ids.
 */
import { DatabaseSync } from "node:sqlite";
import { messageOf, OperatorError } from "./errors.ts";
import { isBusy } from "./sqlite-errors.ts";

export interface DirectoryLock {
  release(): void;
}

/** Throws OperatorError when another process holds it. `path` is the lock's own file. */
export function lockDirectory(directory: string, path: string): DirectoryLock {
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(path);
    database.exec("PRAGMA journal_mode = MEMORY; PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE");
  } catch (error) {
    database?.close();
    if (isBusy(error))
      throw new OperatorError(
        `another node uses the folder ${directory}`,
        "stop it, or give this node a --data-dir of its own",
      );
    throw new OperatorError(
      `can't lock the folder ${directory}: ${messageOf(error)} (${path})`,
      "give a folder, on a local disk, in which this user may make and change files",
    );
  }
  const held = database;
  return { release: () => held.close() };
}
