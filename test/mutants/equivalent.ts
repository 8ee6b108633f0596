/** Mutants that no test can notice, because the code does the same with them; each with its reason. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_ROOT } from "../support/sources.ts";
import type { Mutant } from "./mutate.ts";

interface Equivalent {
  readonly file: string;
  /** The line as it stands there, without the spaces around it: line numbers move. */
  readonly line: string;
  /** The mutant's text. */
  readonly replacement: string;
  readonly why: string;
}

const KNOWN: readonly Equivalent[] = [];

export function whyEquivalent({ file, line, replacement }: Mutant): string | null {
  const entries = KNOWN.filter((known) => known.file === file && known.replacement === replacement);
  if (entries.length === 0) return null;
  const text = readFileSync(join(PROJECT_ROOT, file), "utf8").split("\n")[line - 1]?.trim();
  return entries.find((known) => known.line === text)?.why ?? null;
}
