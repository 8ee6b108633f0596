/**
 * One lock per lab, so that two CLIs don't change one lab's nodes or faults at the same time.
 *
 * Idea: the lock is a file made by `link` (atomic: it exists or it doesn't) that names its holder by process id and start time.
 * A holder that was killed is recognised by that mark, and its lock is taken over. Taking over is itself exclusive: only who
 * creates `steal-<nonce of the dead lock>` may replace that lock, and looks again before doing so.
 *
 * By hand, because packages for lock files take a holder for dead when its file is old: a command that was suspended would lose its
 * lock, and a killed one would keep it for a while. A process mark is right at once.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { link, readFile, rename, stat, unlink, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { LabError } from "./lab-error.ts";
import type { LockOptions } from "./lab-state.ts";
import { findProcess, ownMark } from "./process-table.ts";
import type { StateDir } from "./state-dir.ts";

interface Holder {
  readonly pid: number;
  readonly start: string;
  readonly nonce: string;
  /** The command, as the user typed it. */
  readonly purpose: string;
}

/** How long a take-over may last before it counts as abandoned: it takes a few system calls. */
const STEAL_MS_MAX = 5_000;

/** Waits for the lock of the lab whose folder this is. @throws LabError("failed") when another process keeps it for too long */
export async function lockDir(dir: StateDir, options: LockOptions): Promise<AsyncDisposable> {
  await dir.ensure();
  const path = dir.file("lock");
  const holder: Holder = { ...(await ownMark()), nonce: randomBytes(8).toString("hex"), purpose: options.purpose };
  const own = dir.file(`lock-${holder.nonce}`);
  const deadlineMs = Date.now() + (options.timeoutMs ?? 30_000);
  await writeHolder(dir, own, holder);
  let told = false;
  try {
    for (let waitMs = 5; ; waitMs = Math.min(waitMs * 2, 100)) {
      if (await tryLink(own, path)) break;
      // `down` may have removed the folder with our file in it.
      if (!existsSync(own)) await writeHolder(dir, own, holder);
      const current = await readHolder(path);
      if (current !== null && (await findProcess(current)) === null) {
        if (await takeOver(dir, path, own, current)) break;
      } else if (current !== null && !told) {
        told = true;
        options.onWait?.(current);
      }
      if (Date.now() > deadlineMs) {
        const who = current === null ? path : `process ${current.pid}: ${current.purpose}`;
        throw new LabError(
          "failed",
          `lab "${dir.lab}" is being changed by another command (${who})`,
          "wait until it ends, or end it, and repeat",
        );
      }
      await sleep(waitMs, undefined, options.signal === undefined ? {} : { signal: options.signal });
    }
  } finally {
    await unlink(own).catch(() => {});
  }
  return {
    async [Symbol.asyncDispose]() {
      // `down` may have removed the folder, and another process made a new one.
      if ((await readHolder(path))?.nonce === holder.nonce) await unlink(path).catch(() => {});
    },
  };
}

/** Is a living process changing the lab at this moment? What looks half-made may be half-way then. */
export async function isLocked(dir: StateDir): Promise<boolean> {
  const holder = await readHolder(dir.file("lock"));
  return holder !== null && (await findProcess(holder)) !== null;
}

async function writeHolder(dir: StateDir, own: string, holder: Holder): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await dir.ensure();
      await writeFile(own, JSON.stringify(holder), { mode: 0o600 });
      return;
    } catch (error) {
      // The folder went away between the two.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || attempt === 5) throw error;
    }
  }
}

async function tryLink(own: string, path: string): Promise<boolean> {
  try {
    await link(own, path);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "EEXIST" || code === "ENOENT") return false;
    throw error;
  }
}

async function takeOver(dir: StateDir, path: string, own: string, dead: Holder): Promise<boolean> {
  const steal = dir.file(`steal-${dead.nonce}`);
  if (!(await tryLink(own, steal))) {
    const age = await stat(steal).then(
      (entry) => Date.now() - entry.ctimeMs,
      () => 0,
    );
    if (age > STEAL_MS_MAX) await unlink(steal).catch(() => {});
    await sleep(5);
    return false;
  }
  try {
    if ((await readHolder(path))?.nonce !== dead.nonce) return false;
    // A second name for our own file: renaming one hard link onto another of the same file would do nothing.
    await rename(own, path);
    return true;
  } finally {
    await unlink(steal).catch(() => {});
  }
}

async function readHolder(path: string): Promise<Holder | null> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as Holder;
  } catch {
    return null;
  }
}
