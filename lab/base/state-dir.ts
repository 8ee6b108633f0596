/**
 * The CLI's own files about one lab: `$XDG_STATE_HOME/energy-lab/<lab>/`, mode 0700.
 *
 * Idea: nothing here is needed to take a lab down. The engine's labels (docker) or its process table (local) are the record that
 * a lab exists; a file that is lost is read back from the nodes or begins again. Files are replaced whole (write aside, rename), so a CLI that is
 * killed in the middle leaves the old content or the new one.
 */
import { randomBytes } from "node:crypto";
import { appendFile, mkdir, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import { LabError } from "./lab-error.ts";
import type { LabState, LockOptions } from "./lab-state.ts";
import { lockDir } from "./lock.ts";
import { explainSystemError } from "./system-error.ts";

/** Names that are safe as a folder, a container's name and a label alike. */
const NAME = /^[a-z0-9](?:[a-z0-9_-]{0,38}[a-z0-9])?$/;

/** Begins the names of folders that are being removed: no lab can have such a name. */
const DOOMED = ".removing-";

export function stateRoot(environment: NodeJS.ProcessEnv = process.env): string {
  const base = environment.XDG_STATE_HOME;
  return join(base !== undefined && isAbsolute(base) ? base : join(homedir(), ".local", "state"), "energy-lab");
}

/** Throws LabError("usage") for a name that can't be a folder or a label. */
export function checkLabName(name: string): string {
  if (NAME.test(name)) return name;
  throw new LabError(
    "usage",
    `"${name}" can't be the name of a lab`,
    "use 1 to 40 of a-z, 0-9, - and _, beginning and ending with a letter or a digit",
  );
}

/** Folders whose removal was interrupted. */
export async function listDoomedDirs(root = stateRoot()): Promise<readonly string[]> {
  const names = await readdir(root).catch(() => []);
  return names.filter((name) => name.startsWith(DOOMED)).map((name) => join(root, name));
}

/** Labs that have a folder here, whether or not they still exist. */
export async function listStateDirs(root = stateRoot()): Promise<readonly string[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw explainSystemError(error) ?? error;
  });
  return entries.filter((entry) => entry.isDirectory() && NAME.test(entry.name)).map((entry) => entry.name);
}

export class StateDir implements LabState {
  readonly lab: string;
  readonly path: string;
  readonly isShared = true;

  constructor(lab: string, root = stateRoot()) {
    this.lab = checkLabName(lab);
    this.path = join(root, lab);
  }

  file(name: string): string {
    return join(this.path, name);
  }

  async ensure(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await mkdir(this.path, { recursive: true, mode: 0o700 });
        return;
      } catch (error) {
        // mkdir fails with ENOENT when another process removes the folder at this instant.
        if ((error as NodeJS.ErrnoException).code === "ENOENT" && attempt < 5) continue;
        throw explainSystemError(error) ?? error;
      }
    }
  }

  /** What `parse` makes of the file's JSON; null when it is absent, half-written, or `parse` throws. */
  async readJson<T>(name: string, parse: (json: unknown) => T): Promise<T | null> {
    try {
      return parse(JSON.parse(await readFile(this.file(name), "utf8")));
    } catch (error) {
      // A file that may not be read isn't a file that isn't there.
      if ((error as NodeJS.ErrnoException).code === "EACCES") throw explainSystemError(error) ?? error;
      return null;
    }
  }

  /** Replaces the file as a whole; readable by its owner only. */
  async writeJson(name: string, value: unknown): Promise<void> {
    await this.ensure();
    const temporary = this.file(`${name}.${process.pid}.${randomBytes(4).toString("hex")}.tmp`);
    await writeFile(temporary, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
    await rename(temporary, this.file(name));
  }

  async removeFile(name: string): Promise<void> {
    await rm(this.file(name), { force: true });
  }

  async append(name: string, text: string): Promise<void> {
    await this.ensure();
    await appendFile(this.file(name), text, { mode: 0o600 });
  }

  async readFrom(name: string, offset: number): Promise<{ bytes: Buffer; size: number }> {
    try {
      await using file = await open(this.file(name));
      const { size } = await file.stat();
      const wanted = Math.max(0, size - offset);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(wanted), 0, wanted, offset);
      return { bytes: buffer.subarray(0, bytesRead), size };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return { bytes: Buffer.alloc(0), size: 0 };
      throw error;
    }
  }

  lock(options: LockOptions): Promise<AsyncDisposable> {
    return lockDir(this, options);
  }

  async list(): Promise<readonly string[]> {
    return await readdir(this.path).catch(() => []);
  }

  /**
   * Removes everything that is known about the lab here. The folder is renamed first: a process that waits for its lock then makes a new one
   * in a new folder instead of in one that is being emptied.
   */
  async remove(): Promise<void> {
    const doomed = join(dirname(this.path), `${DOOMED}${randomBytes(6).toString("hex")}`);
    try {
      await rename(this.path, doomed);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
      throw error;
    }
    await rm(doomed, { recursive: true, force: true, maxRetries: 3 });
  }
}
