/**
 * Runs files of tests against one mutant after the other, as told by its parent. The sources stay as they are: a hook of Node's loader
 * gives the mutant's text instead of the file's, and loads again what imports it. A process of its own, because a mutant may never end;
 * the parent kills it then.
 */
import { readFileSync } from "node:fs";
import { Session } from "node:inspector";
import { type LoadHookContext, registerHooks, stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { PROJECT_ROOT } from "../support/sources.ts";
import { coveredParts } from "./coverage.ts";
import type { Mutant } from "./mutate.ts";

export interface Task {
  /** Null: the code as it is; then it is told which code the tests ran. */
  readonly mutant: Mutant | null;
  readonly test: string;
  /** The files to load again, from the project's root: those that reach the mutant's. */
  readonly stale: readonly string[];
}

export interface Outcome {
  /** The test that failed first; null: none did. */
  readonly noticedBy: string | null;
  /** By source file: where code begins that ran, and where it ends, in turns. */
  readonly covered: Readonly<Record<string, readonly number[]>> | null;
}

const ROOT = pathToFileURL(`${PROJECT_ROOT}/`).href;
const bench = await import("./bench.ts");
const stripped = new Map<string, string>();
let run = 0;
let mutant: Mutant | null = null;
let stale: ReadonlySet<string> | null = new Set();

/** Null: no file of the project. */
function projectFile(url: string): string | null {
  const path = url.startsWith(ROOT) ? (url.slice(ROOT.length).split("?")[0] ?? "") : "";
  return /^(node|lab|test)\//.test(path) && !path.startsWith("test/mutants/") ? path : null;
}

registerHooks({
  resolve(specifier, context, next) {
    if (specifier === "vitest" && projectFile(context.parentURL ?? "") !== null)
      return { url: new URL("bench.ts", import.meta.url).href, shortCircuit: true };
    const found = next(specifier, context);
    const file = projectFile(found.url);
    if (file === null || (stale !== null && !stale.has(file))) return found;
    return { ...found, url: `${found.url.split("?")[0]}?run=${run}` };
  },
  load(url, context: LoadHookContext, next) {
    const file = projectFile(url);
    if (file === null || !file.endsWith(".ts")) return next(url, context);
    return { format: "module", source: sourceOf(file, fileURLToPath(url)), shortCircuit: true };
  },
});

function sourceOf(file: string, path: string): string {
  if (file === mutant?.file) {
    const text = readFileSync(path, "utf8");
    return stripTypeScriptTypes(text.slice(0, mutant.start) + mutant.replacement + text.slice(mutant.end));
  }
  const known = stripped.get(file) ?? stripTypeScriptTypes(readFileSync(path, "utf8"));
  stripped.set(file, known);
  return known;
}

let unhandled: string | null = null;
for (const kind of ["uncaughtException", "unhandledRejection"] as const)
  process.on(kind, (error) => {
    unhandled ??= `an unhandled error: ${error}`;
  });
process.on("message", (task: Task) => {
  void play(task).then((outcome) => process.send?.(outcome));
});
process.send?.("ready");

async function play(task: Task): Promise<Outcome> {
  run++;
  mutant = task.mutant;
  stale = mutant === null ? null : new Set(task.stale);
  unhandled = null;
  const load = (): Promise<unknown> => import(`${pathToFileURL(join(PROJECT_ROOT, task.test)).href}?run=${run}`);
  if (mutant !== null) return { noticedBy: (await bench.runFile(load)) ?? unhandled, covered: null };
  const session = new Session();
  session.connect();
  session.post("Profiler.enable");
  session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  const noticedBy = (await bench.runFile(load)) ?? unhandled;
  let covered: Outcome["covered"] = {};
  session.post("Profiler.takePreciseCoverage", (_, { result }) => {
    covered = coveredParts(
      result.filter(({ url }) => projectFile(url)?.startsWith("test/") === false),
      (url) => projectFile(url) ?? "",
    );
  });
  session.disconnect();
  return { noticedBy, covered };
}
