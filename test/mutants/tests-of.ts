/** The tests that can notice a change of a file: those that import it, however far away, the most specific ones first. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { listSources, PROJECT_ROOT, readImports } from "../support/sources.ts";

export interface TestGraph {
  /** Test files below `suite` ("test/unit") that reach `file`, those with the fewest imports first. */
  testsOf(file: string, suite: string): readonly string[];
}

export function readTestGraph(): TestGraph {
  const imports = new Map<string, readonly string[]>();
  for (const file of listSources("node", "lab", "test")) {
    const text = readFileSync(join(PROJECT_ROOT, file), "utf8");
    imports.set(file, readImports(file, text));
  }
  const reached = new Map<string, ReadonlySet<string>>();
  for (const file of imports.keys()) if (file.endsWith(".test.ts")) reached.set(file, reach(file, imports));
  return {
    testsOf: (file, suite) =>
      [...reached]
        .filter(([test, files]) => test.startsWith(`${suite}/`) && files.has(file))
        .sort(([, a], [, b]) => a.size - b.size)
        .map(([test]) => test),
  };
}

function reach(from: string, imports: ReadonlyMap<string, readonly string[]>): Set<string> {
  const seen = new Set<string>();
  const todo = [from];
  for (let file = todo.pop(); file !== undefined; file = todo.pop()) {
    for (const next of imports.get(file) ?? []) {
      if (seen.has(next) || !imports.has(next)) continue;
      seen.add(next);
      todo.push(next);
    }
  }
  return seen;
}
