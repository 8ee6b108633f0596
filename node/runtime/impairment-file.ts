/**
 * Receive-side faults that survive a restart: `{generation, rules}` as JSON, written whole whenever `impair` is obeyed and read
 * before the first packet. The lab may write it too, for a node that is stopped.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { ImpairmentSet } from "../wire/control.ts";
import { codeOf, messageOf } from "./errors.ts";
import type { ImpairmentShelf, LoadedImpairments } from "./fault-desk.ts";

const NOTHING: LoadedImpairments = { ok: true, set: { generation: 0, rules: [] } };

export function openImpairmentFile(path: string): ImpairmentShelf {
  return { load: () => loadImpairments(path), save: (set) => saveImpairments(path, set) };
}

/** A missing file is an empty set; one that can't be understood is a message, and no reason not to start. */
export function loadImpairments(path: string): LoadedImpairments {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    return codeOf(error) === "ENOENT" ? NOTHING : { ok: false, message: `${path}: ${messageOf(error)}` };
  }
  try {
    const parsed = ImpairmentSet.safeParse(JSON.parse(text));
    return parsed.success ? { ok: true, set: parsed.data } : { ok: false, message: `${path} is no list of faults` };
  } catch {
    return { ok: false, message: `${path} is no JSON` };
  }
}

/** Whole or not at all. Throws when the file can't be written. */
export function saveImpairments(path: string, set: ImpairmentSet): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.tmp`;
  writeFileSync(temporary, `${JSON.stringify(set)}\n`, { flush: true });
  renameSync(temporary, path);
}
