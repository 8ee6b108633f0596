/**
 * Gathers the journal of a lab that exists, or that has just ended: the nodes' lines from the engine, the lab's own from its folder.
 * The engine keeps a node's lines over its restarts and over every partition, so nothing here asks the nodes.
 */
import type { NodeId } from "../../node/wire/ids.ts";
import type { LogLine } from "../engine/engine.ts";
import type { Lab } from "../lab.ts";
import { readDetail } from "./detail.ts";
import { type Entry, parseEntry } from "./entry.ts";
import { assembleJournal, type Journal } from "./journal.ts";
import { readLabEntries } from "./lab-journal.ts";

export interface CollectOptions {
  /** Wall clock of the nodes; null: from the beginning. */
  readonly sinceMs?: number | null;
  readonly seed?: number | null;
  readonly signal?: AbortSignal;
  /** Every line that a node wrote, also what is no line of a journal. */
  readonly onLine?: (line: LogLine) => void;
}

/** Whatever isn't a line of a journal (a crash's last words) is left to `lab logs`. */
export async function collectJournal(lab: Lab, options: CollectOptions = {}): Promise<Journal> {
  const [own, others] = await Promise.all([readLabEntries(lab.state), readNodeEntries(lab, lab.ids, options)]);
  const since = options.sinceMs ?? Number.NEGATIVE_INFINITY;
  const entries = [...own.filter((entry) => entry.time >= since), ...others];
  const { name, run, runtime, profile, voters } = lab.info;
  const spec = await lab.engine.readSpec(name);
  const env = spec?.env ?? {};
  const facts = {
    lab: name,
    run,
    runtime,
    profile,
    voters,
    nodes: [...new Set([...lab.ids, ...others.map((entry) => entry.node)])].sort((a, b) => a - b),
    seed: options.seed ?? null,
    ...readDetail(env),
  };
  return assembleJournal(facts, entries);
}

export async function readNodeEntries(
  lab: Lab,
  nodes: readonly NodeId[],
  options: CollectOptions = {},
): Promise<readonly Entry[]> {
  const signal = options.signal ?? new AbortController().signal;
  const entries: Entry[] = [];
  const request = { follow: false, tail: null, sinceMs: options.sinceMs ?? null, signal };
  for await (const line of lab.engine.logs(lab.name, nodes, request)) {
    options.onLine?.(line);
    const entry = parseEntry(line.text);
    if (entry !== null) entries.push(entry);
  }
  return entries;
}
