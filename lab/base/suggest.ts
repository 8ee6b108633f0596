/**
 * "Did you mean": the nearest of some known words, by Damerau's distance (insert, delete, replace, swap neighbours).
 */
import type { Hints } from "./hint.ts";
import { LabError } from "./lab-error.ts";

/** The nearest word within a third of its length, at most 3 edits; undefined when nothing is near. */
export function suggest(word: string, known: readonly string[]): string | undefined {
  let best: { word: string; distance: number } | undefined;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    const limit = Math.min(3, Math.max(1, Math.floor(Math.max(word.length, candidate.length) / 3)));
    if (distance <= limit && (best === undefined || distance < best.distance)) best = { word: candidate, distance };
  }
  return best?.word;
}

/** A hint for a word that isn't known: the nearest one. @param otherwise where none is near */
export function didYouMean<T extends Hints>(word: string, known: readonly string[], otherwise: T): string | T {
  const near = suggest(word, known);
  return near === undefined || near === word ? otherwise : `did you mean "${near}"?`;
}

/** `kill,pause`: words of a closed set. @param one what one of them is: "kind". @throws LabError("usage") with the nearest word */
export function pickWords<T extends string>(text: string, known: readonly T[], one: string): readonly T[] {
  return [...new Set(text.split(",").map((word) => word.trim()))].map((word) => {
    const found = known.find((candidate) => candidate === word);
    if (found !== undefined) return found;
    throw new LabError(
      "usage",
      `there is no ${one} "${word}"`,
      didYouMean(word, known, `${one}s: ${known.join(", ")}`),
    );
  });
}

export function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(at(rows, i - 1, j) + 1, (row[j - 1] ?? 0) + 1, at(rows, i - 1, j - 1) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, at(rows, i - 2, j - 2) + 1);
      row.push(least);
    }
    rows.push(row);
  }
  return at(rows, a.length, b.length);
}

function at(rows: readonly (readonly number[])[], i: number, j: number): number {
  return rows[i]?.[j] ?? 0;
}
