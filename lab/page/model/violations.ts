/**
 * Where in the journal the lines are that prove a checker's violations.
 */
import type { CheckResult } from "../../check/verdict.ts";
import type { Entry } from "../../journal/entry.ts";
import type { History } from "./history.ts";

/** Puts a mark where each violation shows. */
export function markViolations(history: History, checks: readonly CheckResult[]): void {
  const proofs = checks.flatMap(({ check, violations }) =>
    violations.flatMap(({ what, proof }) => {
      const last = proof.at(-1);
      return last === undefined ? [] : [{ check, what, key: keyOfEntry(last) }];
    }),
  );
  if (proofs.length === 0) return;
  const places = findEntries(
    history,
    proofs.map((proof) => proof.key),
  );
  for (const { check, what, key } of proofs) {
    const index = places.get(key);
    if (index === undefined) continue;
    const node = history.entry(index)?.node ?? 0;
    history.marks.addViolation({ node, atMs: history.atMs(index), index, text: `${check}: ${what}` });
  }
}

/** @returns the entry's number in the history; null: it isn't there */
export function findEntry(history: History, entry: Entry): number | null {
  const key = keyOfEntry(entry);
  return findEntries(history, [key]).get(key) ?? null;
}

/** Number of the first event of this run that the other one doesn't have; null: it has none. */
export function findParting<Run extends string>(
  history: History,
  differences: readonly { readonly run: Run; readonly entry: Entry }[],
  run: Run,
): number | null {
  const first = differences.find((difference) => difference.run === run);
  return first === undefined ? null : findEntry(history, first.entry);
}

function findEntries(history: History, keys: readonly string[]): ReadonlyMap<string, number> {
  const wanted = new Set(keys);
  const found = new Map<string, number>();
  for (let index = history.begin; index < history.end && found.size < wanted.size; index++) {
    const entry = history.entry(index);
    if (entry === undefined) continue;
    const key = keyOfEntry(entry);
    if (wanted.has(key)) found.set(key, index);
  }
  return found;
}

function keyOfEntry(entry: Entry): string {
  return `${entry.node}.${entry.inc}/${entry.seq}`;
}
