/**
 * The journal of a run: the lines of all nodes and of the lab in one causal order, what is missing of them, and what the run was.
 * Checkers and exporters are pure functions of this value.
 */
import type { NodeId } from "../../node/wire/ids.ts";
import { type Entry, isOfRun, processOf } from "./entry.ts";
import { findForgetful, orderCausally } from "./order.ts";

/** Facts about the run; stored beside the lines. */
export interface RunFacts {
  readonly lab: string;
  readonly run: string | null;
  readonly runtime: "docker" | "swarm" | "local" | "sim";
  readonly profile: string;
  readonly nodes: readonly NodeId[];
  readonly voters: readonly NodeId[];
  /** Of the simulated world or of the random choices; null: there were none. */
  readonly seed: number | null;
  /** Whether every delivery was written down (DS_LOG_LEVEL=DEBUG); without that checkers can't judge deliveries. */
  readonly isDetailed: boolean;
  /** Its nodes ran a program that isn't ours: our own promises aren't its own. */
  readonly isForeign?: boolean | undefined;
  /** Messages that its tap doesn't know of, in words; absent: none. */
  readonly unseen?: string | undefined;
  /** Whether every datagram was (DS_JOURNAL=wire); exporters draw arrows from them. */
  readonly hasWire: boolean;
}

/** Lines that a process wrote and that aren't there. */
export interface Gap {
  readonly node: NodeId;
  readonly inc: number;
  /** Numbers of the first and the last missing line. */
  readonly from: number;
  readonly to: number;
  /** `rotated`: the beginning is gone; `lost`: the process says that it couldn't write them, or they were cut out. */
  readonly cause: "rotated" | "lost";
}

export interface Journal {
  readonly facts: RunFacts;
  /** In causal order: what happened because of something comes after it. */
  readonly entries: readonly Entry[];
  readonly gaps: readonly Gap[];
}

/** @param entries in any order; doubles (the same line collected twice) and lines of other runs are dropped */
export function assembleJournal(facts: RunFacts, entries: readonly Entry[]): Journal {
  const unique = new Map<string, Entry>();
  const own = keepRun(entries, facts.run);
  const forgetful = findForgetful(own);
  for (const entry of own) {
    const key = `${processOf(entry)}/${entry.seq}${forgetful.has(entry.node) ? ` at ${entry.time}` : ""}`;
    if (!unique.has(key)) unique.set(key, entry);
  }
  const all = [...unique.values()];
  return { facts, entries: orderCausally(all), gaps: findGaps(all) };
}

/**
 * Without what was kept of former labs of the same name: lines say which run they are of. What the lab itself wrote without that, as older
 * versions did, is of this run from its last `up` on. The lab's lines are numbered by their place in its file, which begins with the former
 * lab's: they are numbered again.
 */
function keepRun(entries: readonly Entry[], run: string | null): readonly Entry[] {
  if (run === null) return entries;
  const upMs = entries.reduce(
    (last, { node, action, time }) => (node === 0 && action === "up" ? Math.max(last, time) : last),
    Number.NEGATIVE_INFINITY,
  );
  const isOwn = (entry: Entry): boolean =>
    isOfRun(entry, run) && (entry.run !== undefined || entry.node !== 0 || entry.time >= upMs);
  const own = entries.filter(isOwn);
  const before = entries.reduce(
    (last, entry) => (entry.node === 0 && !isOwn(entry) ? Math.max(last, entry.seq) : last),
    0,
  );
  if (before === 0) return own;
  return own.map((entry) => (entry.node === 0 && entry.seq > before ? { ...entry, seq: entry.seq - before } : entry));
}

/** A killed process's last lines can't be missed here: nobody knows how many there were. */
function findGaps(entries: readonly Entry[]): readonly Gap[] {
  const numbers = new Map<string, { node: NodeId; inc: number; seqs: number[] }>();
  for (const entry of entries) {
    const key = processOf(entry);
    const process = numbers.get(key) ?? { node: entry.node, inc: entry.inc, seqs: [] };
    numbers.set(key, process);
    process.seqs.push(entry.seq);
  }
  const gaps: Gap[] = [];
  for (const { node, inc, seqs } of numbers.values()) {
    let expected = 1;
    for (const seq of seqs.sort((a, b) => a - b)) {
      if (seq > expected)
        gaps.push({ node, inc, from: expected, to: seq - 1, cause: expected === 1 ? "rotated" : "lost" });
      expected = seq + 1;
    }
  }
  return gaps;
}
