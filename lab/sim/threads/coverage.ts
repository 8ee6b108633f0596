/**
 * Which lines of the core schedules have reached. Assertions are left out: they must not be reached.
 */
import { existsSync, readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { fileURLToPath } from "node:url";

export const COVERAGE_QUESTION = "coverage";

/** What the profiler says of one file: the innermost of its nested ranges counts. */
export interface ScriptCoverage {
  readonly url: string;
  readonly functions: readonly {
    readonly ranges: readonly { readonly startOffset: number; readonly endOffset: number; readonly count: number }[];
  }[];
}

/** By file of node/core: the numbers of the lines that weren't reached, from 1, and how many lines of code there are. */
export type Unreached = Readonly<Record<string, { readonly lines: readonly number[]; readonly of: number }>>;

export interface CoverageAnswer {
  readonly unreached: Unreached;
}

export interface CoverageReport {
  readonly lines: number;
  readonly reached: number;
  /** `node/core/step.ts:12: code`, in the order of files. */
  readonly unreached: readonly string[];
}

const CORE = /\/(node\/core\/.+\.ts)$/;
const ASSERTION = /\b(assert|unreachable)\(|\bthrow new\b/;

/** The worker as a source; null: there are no sources here. */
export function coverageWorkerFile(): URL | null {
  const file = new URL(
    import.meta.url.endsWith(".ts") ? "./coverage-worker.ts" : "../lab/sim/threads/coverage-worker.ts",
    import.meta.url,
  );
  return existsSync(file) ? file : null;
}

export function unreachedIn(scripts: readonly ScriptCoverage[]): Unreached {
  const found: Record<string, Unreached[string]> = {};
  for (const script of scripts) {
    const name = CORE.exec(script.url)?.[1];
    if (name !== undefined) found[name] = linesOf(script, readFileSync(fileURLToPath(script.url), "utf8"));
  }
  return found;
}

function linesOf({ functions }: ScriptCoverage, source: string): Unreached[string] {
  const isReached = new Uint8Array(source.length).fill(1);
  const ranges = functions
    .flatMap((one) => one.ranges)
    .sort((a, b) => b.endOffset - b.startOffset - (a.endOffset - a.startOffset));
  for (const { startOffset, endOffset, count } of ranges) isReached.fill(count > 0 ? 1 : 0, startOffset, endOffset);
  const code = withoutComments(stripTypeScriptTypes(source));
  const lines: number[] = [];
  let of = 0;
  let from = 0;
  for (const [index, text] of code.split("\n").entries()) {
    const at = from + text.search(/\w/);
    from += text.length + 1;
    if (!/\w/.test(text) || ASSERTION.test(text) || /^\s*(import|export \{)/.test(text)) continue;
    of += 1;
    if (isReached[at] === 0) lines.push(index + 1);
  }
  return { lines, of };
}

/** Blanks in their place: nothing moves. Strings of the core hold no comment signs. */
function withoutComments(code: string): string {
  return code.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, (comment) => comment.replace(/[^\n]/g, " "));
}

/** A line is reached when any thread has reached it. */
export function sumUpCoverage(threads: readonly Unreached[]): CoverageReport {
  const files = [...new Set(threads.flatMap((thread) => Object.keys(thread)))].sort();
  let lines = 0;
  const unreached: string[] = [];
  for (const file of files) {
    const all = threads.flatMap((thread) => thread[file] ?? []);
    lines += all[0]?.of ?? 0;
    const source = readFileSync(new URL(`../../../${file}`, coverageWorkerFile() ?? import.meta.url), "utf8").split(
      "\n",
    );
    for (const line of all[0]?.lines ?? [])
      if (all.every((thread) => thread.lines.includes(line)))
        unreached.push(`${file}:${line}: ${(source[line - 1] ?? "").trim()}`);
  }
  return { lines, reached: lines - unreached.length, unreached };
}
