/**
 * A short name of a journal: equal for the same lines, whatever order they were collected in. It shows that two runs were the same one,
 * on two machines or in a browser; it is no proof against somebody who wants two journals to look alike.
 */
import { sha256Hex64 } from "../../node/wire/sha256.ts";
import { type Entry, processOf } from "./entry.ts";

/** @returns 16 hexadecimal digits */
export function hashJournal(entries: readonly Entry[]): string {
  const lines = entries.map((entry) => [`${processOf(entry)}/${entry.seq}`, entry] as const);
  lines.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return sha256Hex64(lines.map(([, entry]) => canonical(entry)).join("\n"));
}

/** JSON with its fields in one order: what read a line may have put them into another one. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  fields.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join()}}`;
}
