/**
 * Which rooms may run in a browser: a simulated lab with all its use cases, scenarios and checkers. The bundle is made as the build
 * makes it, so a module of Node's that slips into a file below fails here, with the way that led to it.
 */
import { build, type Metafile } from "esbuild";
import { expect, test } from "vitest";
import { withoutPrograms } from "../../build.mjs";
import { PROJECT_ROOT } from "../support/sources.ts";

/** The module with which the world in a page begins. */
const ENTRIES = ["lab/play/play-host.ts", "lab/scenario/parse-scenario.ts"];

const MAY_RUN_IN_BROWSERS =
  /^(?:node\/(?:wire|core|runtime)|lab\/(?:base|control|journal|check|sim\/(?:bugs|checks|cluster|world)|engine|engine\/sim|faults|kind|cluster|scenario|play))\//;

test("the simulated lab must run without Node", async () => {
  const { metafile, warnings } = await build({
    stdin: { contents: ENTRIES.map((entry) => `export * from "./${entry}";`).join("\n"), resolveDir: PROJECT_ROOT },
    absWorkingDir: PROJECT_ROOT,
    bundle: true,
    platform: "browser",
    format: "esm",
    write: false,
    metafile: true,
    logLevel: "silent",
    plugins: [
      withoutPrograms(),
      {
        name: "note-node",
        setup: ({ onResolve }) => onResolve({ filter: /^node:/ }, ({ path }) => ({ path, external: true })),
      },
    ],
  });
  expect(warnings).toEqual([]);
  expect(findNodeModules(metafile)).toEqual([]);
  const own = Object.keys(metafile.inputs).filter((file) => /^(?:node|lab)\//.test(file));
  expect(own.length).toBeGreaterThan(100);
  expect(own.filter((file) => !MAY_RUN_IN_BROWSERS.test(file))).toEqual([]);
});

/** `node:fs <- lab/base/state-dir.ts <- lab/cluster/open-engine.ts <- …`, a line for each import of a module of Node's. */
function findNodeModules({ inputs }: Metafile): readonly string[] {
  const importers = new Map<string, string>();
  for (const [file, { imports }] of Object.entries(inputs))
    for (const { path } of imports) if (!importers.has(path)) importers.set(path, file);
  return Object.entries(inputs).flatMap(([file, { imports }]) =>
    imports
      .filter(({ path }) => path.startsWith("node:"))
      .map(({ path }) => {
        const way = [path];
        for (let at: string | undefined = file; at !== undefined && !way.includes(at); at = importers.get(at))
          way.push(at);
        return way.join(" <- ");
      }),
  );
}
