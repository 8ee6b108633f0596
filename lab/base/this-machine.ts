/** The facts of the operating system that runs this program (node/runtime/platform.ts), and where it finds commands. */
import { existsSync, realpathSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { platformOf } from "../../node/runtime/platform.ts";

export const PLATFORM = platformOf(process.platform);

/**
 * The file that a shell would run for `name`; null: none. Folders of npm don't count: they are on the PATH of its scripts only, and
 * not of the user's shell.
 */
export function findOnPath(name: string, path: string): string | null {
  const folders = path
    .split(delimiter)
    .filter((folder) => folder !== "" && !/[\\/]node_modules[\\/]\.bin$/.test(folder));
  const files = folders.flatMap((folder) => PLATFORM.commandEndings.map((ending) => join(folder, name + ending)));
  return files.find((file) => existsSync(file)) ?? null;
}

/** True when `npx NAME` in this folder runs a command that was installed here or above. */
export function isFoundByNpx(name: string, folder: string): boolean {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, "node_modules", ".bin", name))) return true;
    if (dirname(at) === at) return false;
  }
}

export function isSameFile(a: string, b: string): boolean {
  try {
    return realpathSync(a) === realpathSync(b);
  } catch {
    return false;
  }
}
