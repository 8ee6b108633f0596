/** The tests that can notice a change of a file: those that import it, however far away, the most specific ones first. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { listSources, PROJECT_ROOT, readImports } from "../support/sources.ts";

export interface TestGraph {
  /** Test files below `suite` ("test/unit") that reach `file`, those with the fewest imports first. */
  testsOf(file: string, suite: string): readonly string[];
  /** The file itself and every file that imports it, however far away. */
  reaching(file: string): readonly string[];
  /** Changes with the text of a test and of everything that it imports. */
  digestOf(test: string): string;
}

export function readTestGraph(): TestGraph {
  const imports = new Map<string, readonly string[]>();
  const texts = new Map<string, string>();
  for (const file of listSources("node", "lab", "test")) {
    const text = readFileSync(join(PROJECT_ROOT, file), "utf8");
    imports.set(file, readImports(file, text));
    texts.set(file, text);
  }
  const importers = new Map([...imports.keys()].map((file) => [file, [] as string[]]));
  for (const [file, all] of imports) for (const imported of all) importers.get(imported)?.push(file);
  const reached = new Map<string, ReadonlySet<string>>();
  for (const file of imports.keys()) if (file.endsWith(".test.ts")) reached.set(file, reach(file, imports));
  return {
    testsOf: (file, suite) =>
      [...reached]
        .filter(([test, files]) => test.startsWith(`${suite}/`) && files.has(file))
        .sort(([, a], [, b]) => a.size - b.size)
        .map(([test]) => test),
    reaching: (file) => [file, ...reach(file, importers)],
    digestOf: (test) => {
      const hash = createHash("sha1");
      for (const file of [test, ...[...(reached.get(test) ?? [])].sort()])
        hash.update(file).update(texts.get(file) ?? "");
      return hash.digest("hex");
    },
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
