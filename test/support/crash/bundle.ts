// The production node with crash points put between its parts: made from the same sources by replacing two imports, so that the
// sources themselves carry nothing of it.
import { join } from "node:path";
import { build, type Plugin } from "esbuild";

const root = join(import.meta.dirname, "../../..");
/** Read by the replaced parts alone: what a bundle without them can't contain. */
export const CRASH_MARK = "CRASH_AT";

export async function buildCrashBundle(): Promise<string> {
  const outfile = join(root, ".test-artifacts", "crash-node", "node.js");
  await build({
    absWorkingDir: root,
    entryPoints: ["node/runtime/main.ts"],
    outfile,
    bundle: true,
    platform: "node",
    target: "node22",
    format: "esm",
    banner: {
      js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
    logLevel: "silent",
    plugins: [crashPoints()],
  });
  return outfile;
}

function crashPoints(): Plugin {
  const folder = import.meta.dirname;
  return {
    name: "crash-points",
    setup(esbuild) {
      esbuild.onResolve({ filter: /^(\.\/driver\.ts|node:sqlite)$/ }, ({ path, importer }) => {
        if (!importer.includes("/node/runtime/")) return undefined;
        return { path: join(folder, path === "node:sqlite" ? "sqlite.ts" : "driver.ts") };
      });
    },
  };
}
