/**
 * Gathers the journal of a lab that exists, or that has just ended: the nodes' lines from the engine, the lab's own from its folder.
 * The engine keeps a node's lines over its restarts and over every partition, so nothing here asks the nodes.
 */
import type { NodeId } from "../../node/wire/ids.ts";
import { LabError } from "../base/lab-error.ts";
import type { LogLine } from "../engine/engine.ts";
import { type Entry, formatEntry, isOfRun, parseEntry } from "../journal/entry.ts";
import { assembleJournal, type Journal } from "../journal/journal.ts";
import { readLabEntries } from "../journal/lab-journal.ts";
import type { LabHandle } from "./lab-handle.ts";

/** Lines of nodes that were removed, in the lab's folder. */
const REMOVED = "removed.jsonl";

export interface CollectOptions {
  /** Wall clock of the nodes; null: from the beginning. */
  readonly sinceMs?: number | null;
  readonly seed?: number | null;
  readonly signal?: AbortSignal;
  /** Every line that a node wrote, also what is no line of a journal. */
  readonly onLine?: (line: LogLine) => void;
}

/** Whatever isn't a line of a journal (a crash's last words) is left to `lab logs`. */
export async function collectJournal(lab: LabHandle, options: CollectOptions = {}): Promise<Journal> {
  const [own, present, removed] = await Promise.all([
    readLabEntries(lab.state),
    readNodeLines(lab, lab.ids, options),
    readKeptEntries(lab),
  ]);
  const others = [...removed, ...present.entries].filter((entry) => isOfRun(entry, lab.info.run));
  const since = options.sinceMs ?? Number.NEGATIVE_INFINITY;
  const entries = [...own.filter((entry) => entry.time >= since), ...others];
  const { name, run, runtime, profile, voters, env } = lab.info;
  const facts = {
    lab: name,
    run,
    runtime,
    profile,
    voters,
    nodes: [...new Set([...lab.ids, ...others.map((entry) => entry.node)])].sort((a, b) => a - b),
    seed: options.seed ?? null,
    ...lab.kind.facts(env),
    ...(present.unseen !== "" && { unseen: present.unseen }),
  };
  return assembleJournal(facts, entries);
}

/** A node's lines go with it: the command that removes it keeps them first. */
export async function keepEntries(lab: LabHandle, id: NodeId): Promise<void> {
  try {
    const { entries } = await readNodeLines(lab, [id]);
    await lab.state.append(REMOVED, entries.map((entry) => `${formatEntry(entry)}\n`).join(""));
  } catch (error) {
    // Nothing depends on it but the verdict of a later check, which says what is missing.
    if (!(error instanceof LabError)) throw error;
  }
}

async function readKeptEntries(lab: LabHandle): Promise<readonly Entry[]> {
  const lines = new TextDecoder().decode((await lab.state.readFrom(REMOVED, 0)).bytes).split("\n");
  return lines.map(parseEntry).filter((entry) => entry !== null);
}

async function readNodeLines(
  lab: LabHandle,
  nodes: readonly NodeId[],
  options: CollectOptions = {},
): Promise<{ readonly entries: readonly Entry[]; readonly unseen: string }> {
  const signal = options.signal ?? new AbortController().signal;
  const entries: Entry[] = [];
  const output: LogLine[] = [];
  const request = { follow: false, tail: null, sinceMs: options.sinceMs ?? null, signal };
  const read = await lab.kind.lineReader(lab);
  for await (const line of lab.engine.logs(lab.name, nodes, request)) {
    options.onLine?.(line);
    if (lab.isTapped) output.push(line);
    const entry = read(line);
    if (entry !== null) entries.push(entry);
  }
  return (await lab.kind.readTap(lab, output)) ?? { entries, unseen: "" };
}
