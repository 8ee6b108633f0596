/**
 * Runs tests against one mutant after the other, as told by its parent. The sources stay as they are: Vite is given the mutant's text
 * instead of the file's. A process of its own, because a mutant may never end; the parent kills it then.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createVitest } from "vitest/node";
import { PROJECT_ROOT } from "../support/sources.ts";
import type { Mutant } from "./mutate.ts";

export interface Task {
  /** Null: the code as it is. */
  readonly mutant: Mutant | null;
  /** One list after the other, until a test fails. */
  readonly stages: readonly (readonly string[])[];
}

export interface Outcome {
  /** The test that failed first; null: none did. */
  readonly noticedBy: string | null;
}

/** A test on a busy machine: what hangs is the parent's business. */
const TIMEOUT_MS = 120_000;

let active: { readonly path: string; readonly text: string } | null = null;

/** One project of its own, since plugins of the whole don't reach the projects of vitest.config.ts. */
const vitest = await createVitest(
  {
    config: false,
    root: PROJECT_ROOT,
    include: ["test/unit/**/*.test.ts", "test/sim/**/*.test.ts"],
    testTimeout: TIMEOUT_MS,
    hookTimeout: TIMEOUT_MS,
    watch: false,
    bail: 1,
    reporters: [],
    silent: true,
    // It would give the unchanged text.
    fsModuleCache: false,
    pool: "threads",
    maxWorkers: 1,
  },
  {
    plugins: [
      {
        name: "mutant",
        enforce: "pre",
        load: (id) => (active !== null && id.split("?")[0] === active.path ? active.text : null),
      },
    ],
  },
);
const specifications = await vitest.globTestSpecifications();

process.on("message", (task: Task) => {
  void play(task).then((outcome) => process.send?.(outcome));
});
process.send?.("ready");

async function play({ mutant, stages }: Task): Promise<Outcome> {
  const path = mutant === null ? null : join(PROJECT_ROOT, mutant.file);
  if (mutant !== null && path !== null) {
    const text = readFileSync(path, "utf8");
    active = { path, text: text.slice(0, mutant.start) + mutant.replacement + text.slice(mutant.end) };
    vitest.invalidateFile(path);
  }
  try {
    for (const stage of stages) {
      const failed = await runStage(stage);
      if (failed !== null) return { noticedBy: failed };
    }
    return { noticedBy: null };
  } finally {
    active = null;
    if (path !== null) vitest.invalidateFile(path);
  }
}

async function runStage(files: readonly string[]): Promise<string | null> {
  const wanted = new Set(files.map((file) => join(PROJECT_ROOT, file)));
  const chosen = specifications.filter(({ moduleId }) => wanted.has(moduleId));
  if (chosen.length === 0) return null;
  // Vitest keeps the results of former runs, and stops at once when one of them has failed.
  vitest.state.filesMap.clear();
  vitest.state.idMap.clear();
  vitest.state.errorsSet.clear();
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(chosen);
  for (const module of testModules) {
    if (module.state() !== "failed" || !wanted.has(module.moduleId)) continue;
    for (const test of module.children.allTests("failed")) return `${module.relativeModuleId}: ${test.fullName}`;
    return module.relativeModuleId;
  }
  return unhandledErrors.length > 0 ? "an unhandled error" : null;
}
