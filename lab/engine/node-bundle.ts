/**
 * dist/node.js, the one file that every node runs, kept up to date: in a source checkout it is made again when a source is newer.
 * An installed package has the bundle and no sources; there it is taken as it is.
 */
import { existsSync } from "node:fs";
import { readdir, stat, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { LabError } from "../base/lab-error.ts";
import type { Progress } from "./engine.ts";

/** The project's own folder, from the sources and from a bundle in dist/ alike. */
export function projectRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, "package.json"))) {
    const above = dirname(folder);
    if (above === folder)
      throw new LabError("failed", "energy-lab's own folder can't be found", "install it again: `npm ci`");
    folder = above;
  }
  return folder;
}

/** Absolute path of a bundle that is as new as the sources. Throws LabError with the compiler's report. */
export async function ensureNodeBundle(progress: Progress, root = projectRoot()): Promise<string> {
  const bundle = join(root, "dist/node.js");
  const builder = join(root, "build.mjs");
  const madeAtMs = await mtimeMs(bundle);
  const fromSources = existsSync(builder) && existsSync(join(root, "node/runtime/main.ts"));
  if (!fromSources) {
    if (madeAtMs === 0) throw new LabError("failed", `${bundle} is not there`, "make it: `npm run build`");
    return bundle;
  }
  if (madeAtMs >= (await newestMs(root)) && madeAtMs > 0) return bundle;
  progress({ step: "bundle", state: "start", detail: "the node's sources changed" });
  try {
    const { buildNodeBundle } = (await import(pathToFileURL(builder).href)) as {
      buildNodeBundle: () => Promise<string>;
    };
    await buildNodeBundle();
    // The builder leaves a file alone whose content is right; its time says that it was looked at.
    const now = new Date();
    await utimes(bundle, now, now);
  } catch (error) {
    progress({ step: "bundle", state: "failed" });
    throw new LabError(
      "failed",
      `the node can't be bundled: ${(error as Error).message}`,
      "fix the source above, or `npm ci`",
      {
        cause: error,
      },
    );
  }
  progress({ step: "bundle", state: "done" });
  return bundle;
}

async function newestMs(root: string): Promise<number> {
  const entries = await readdir(join(root, "node"), { recursive: true, withFileTypes: true });
  const sources = entries
    .filter((entry) => entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name));
  const extra = ["build.mjs", "package-lock.json"].map((name) => join(root, name));
  return Math.max(...(await Promise.all([...sources, ...extra].map(mtimeMs))));
}

async function mtimeMs(path: string): Promise<number> {
  return await stat(path).then(
    (info) => info.mtimeMs,
    () => 0,
  );
}
