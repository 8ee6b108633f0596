/**
 * Everything that pages are told, kept once for all of them: a bounded stretch of the journal, the newest snapshot, the last notices.
 *
 * Idea: readers pull. Each has its own place in the journal and takes what comes next when its connection takes it (stream.ts), so
 * nothing is queued for anybody, and how much memory it takes doesn't depend on who reads how slowly.
 */
import type { Entry } from "../journal/entry.ts";
import type { Gap, RunFacts } from "../journal/journal.ts";
import type { Notice, ScenarioProgress, Snapshot, StreamMessage, Verdicts } from "./protocol.ts";

/** Items that are said once and matter to readers who come later, too. */
export type Saying = Notice | ScenarioProgress | Verdicts | Extract<StreamMessage, { type: "end" }>;

export interface FeedOptions {
  readonly mode: "live" | "replay";
  readonly facts: RunFacts;
  readonly gaps?: readonly Gap[];
  /** Of the nodes' clocks. */
  readonly nowMs: () => number;
  /** Lines that are kept; older ones are forgotten. */
  readonly entriesMax?: number;
}

const ENTRIES_MAX = 50_000;
const SAYINGS_MAX = 200;

export class Feed {
  readonly options: FeedOptions;
  #entries: Entry[] = [];
  #base = 0;
  #sayings: Saying[] = [];
  #sayingsBase = 0;
  #snapshot: Snapshot | null = null;
  #snapshots = 0;
  #isEnded = false;
  #changed = Promise.withResolvers<void>();

  constructor(options: FeedOptions) {
    this.options = options;
  }

  /** Number of the oldest line that is kept, and the one that the next line will get. */
  get base(): number {
    return this.#base;
  }

  get end(): number {
    return this.#base + this.#entries.length;
  }

  get snapshot(): Snapshot | null {
    return this.#snapshot;
  }

  /** How many snapshots there were: a reader that has seen as many has seen the newest. */
  get snapshots(): number {
    return this.#snapshots;
  }

  get sayingsBase(): number {
    return this.#sayingsBase;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  append(entries: readonly Entry[]): void {
    if (entries.length === 0) return;
    for (const entry of entries) this.#entries.push(entry);
    const max = this.options.entriesMax ?? ENTRIES_MAX;
    // A quarter more before the oldest are cut off: cutting costs as much as is kept.
    if (this.#entries.length > max * 1.25) {
      const surplus = this.#entries.length - max;
      this.#entries = this.#entries.slice(surplus);
      this.#base += surplus;
    }
    this.#wake();
  }

  show(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    this.#snapshots++;
    this.#wake();
  }

  /** After an `end` nothing else is said. */
  say(saying: Saying): void {
    if (this.#isEnded) return;
    this.#sayings.push(saying);
    if (this.#sayings.length > SAYINGS_MAX) {
      this.#sayings.shift();
      this.#sayingsBase++;
    }
    if (saying.type === "end") this.#isEnded = true;
    this.#wake();
  }

  /** At most `count` lines from number `from` on, which must not be below `base`. */
  read(from: number, count: number): readonly Entry[] {
    return this.#entries.slice(from - this.#base, from - this.#base + count);
  }

  /** Everything said from number `from` on. */
  sayingsFrom(from: number): readonly Saying[] {
    return this.#sayings.slice(Math.max(0, from - this.#sayingsBase));
  }

  /** Resolves at the next change. */
  changed(): Promise<void> {
    return this.#changed.promise;
  }

  #wake(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers<void>();
    resolve();
  }
}
