// What each command that looks at a lab, or breaks it, has to load before it can ask anything: packages that only some of them use
// must wait for those. Each costs a few milliseconds at every `lab ps`.
import { join } from "node:path";
import { build } from "esbuild";
import { expect, it } from "vitest";
import { PROJECT_ROOT } from "../support/sources.ts";

const LOOKS = [
  "lab/cluster/open-handle.ts",
  "lab/cluster/node-rows.ts",
  "lab/engine/docker/docker-engine.ts",
  "lab/engine/local/local-engine.ts",
  "lab/faults/service.ts",
];
/** Of files, archives, and messages of programs that aren't ours. */
const LATER = ["yaml", "tar-stream", "@msgpack/msgpack"];

it("a command that looks at a lab must not load packages for files, archives and messages", async () => {
  const { metafile } = await build({
    absWorkingDir: PROJECT_ROOT,
    entryPoints: LOOKS.map((path) => join(PROJECT_ROOT, path)),
    outdir: "dist",
    bundle: true,
    // What is imported dynamically becomes a file of its own.
    splitting: true,
    format: "esm",
    platform: "node",
    packages: "external",
    write: false,
    metafile: true,
  });
  const loaded = new Set<string>();
  const pending = Object.entries(metafile.outputs).flatMap(([path, { entryPoint }]) =>
    LOOKS.includes(entryPoint ?? "") ? [path] : [],
  );
  expect(pending).toHaveLength(LOOKS.length);
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    for (const { path: next, kind } of metafile.outputs[path]?.imports ?? []) {
      if (kind !== "import-statement" || loaded.has(next)) continue;
      loaded.add(next);
      pending.push(next);
    }
  }
  expect(loaded).toContain("dockerode");
  expect([...loaded].filter((name) => LATER.includes(name))).toEqual([]);
});
