/**
 * The journal of a lab, past and then live: everything that was written until now in causal order, then what comes, merged within a
 * window (live-merge.ts). Nodes that come to the lab later, restarts and what the lab itself does are all in it.
 */
import type { NodeId } from "../../node/wire/ids.ts";
import { REAL_CLOCK, sleep } from "../clock.ts";
import type { Lab } from "../lab.ts";
import { collectJournal } from "./collect.ts";
import { type Entry, parseEntry } from "./entry.ts";
import { LabJournalTail } from "./lab-journal.ts";
import { LiveMerge } from "./live-merge.ts";

export interface FollowOptions {
  /** Wall clock of the nodes; null: from the beginning. */
  readonly sinceMs: number | null;
  readonly signal: AbortSignal;
}

/** How long a line waits for those that belong before it: an engine hands lines on within a few milliseconds. */
export const REORDER_MS = 300;
const POLL_MS = 100;
/** How often one looks whether nodes have come. */
const REFRESH_MS = 1_000;
/** The live streams begin this much before the last line of the past: what is told twice is shown once. */
const OVERLAP_MS = 2_000;

/** Ends when the signal says so. @throws LabError when the lab goes away or the engine fails */
export async function* followJournal(lab: Lab, { sinceMs, signal }: FollowOptions): AsyncGenerator<readonly Entry[]> {
  const past = await collectJournal(lab, { sinceMs, signal });
  const merge = new LiveMerge(REORDER_MS);
  for (const entry of past.entries) merge.push(entry, 0);
  yield merge.take(Number.POSITIVE_INFINITY);
  const lastMs = past.entries.reduce((last, { time }) => Math.max(last, time), Number.NEGATIVE_INFINITY);
  const fromMs = Number.isFinite(lastMs) ? lastMs - OVERLAP_MS : sinceMs;
  const ended = new AbortController();
  const both = AbortSignal.any([signal, ended.signal]);
  const readers = new NodeReaders(lab, { sinceMs: fromMs, signal: both }, (entry) =>
    merge.push(entry, performance.now()),
  );
  const own = new LabJournalTail(lab.state);
  try {
    let refreshedAtMs = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      if (performance.now() - refreshedAtMs >= REFRESH_MS) {
        await readers.readNewcomers();
        refreshedAtMs = performance.now();
      }
      for (const entry of await own.read()) merge.push(entry, performance.now());
      readers.assertSound();
      const due = merge.take(performance.now());
      if (due.length > 0) yield due;
      await sleep(REAL_CLOCK, POLL_MS, signal).catch(() => {});
    }
    yield merge.take(Number.POSITIVE_INFINITY);
  } finally {
    ended.abort();
  }
}

/** One stream for the nodes that are there at the beginning, one more for each that comes. */
class NodeReaders {
  readonly #lab: Lab;
  readonly #options: FollowOptions;
  readonly #onEntry: (entry: Entry) => void;
  readonly #known = new Set<NodeId>();
  #failure: unknown = null;

  constructor(lab: Lab, options: FollowOptions, onEntry: (entry: Entry) => void) {
    this.#lab = lab;
    this.#options = options;
    this.#onEntry = onEntry;
  }

  async readNewcomers(): Promise<void> {
    await this.#lab.refresh();
    const newcomers = this.#lab.ids.filter((id) => !this.#known.has(id));
    if (newcomers.length === 0) return;
    for (const id of newcomers) this.#known.add(id);
    this.#read(newcomers).catch((error: unknown) => {
      if (!this.#options.signal.aborted) this.#failure ??= error;
    });
  }

  assertSound(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  async #read(ids: readonly NodeId[]): Promise<void> {
    const request = { follow: true, tail: null, ...this.#options };
    for await (const { text } of this.#lab.engine.logs(this.#lab.name, ids, request)) {
      const entry = parseEntry(text);
      if (entry !== null) this.#onEntry(entry);
    }
  }
}
