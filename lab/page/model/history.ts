/**
 * A journal that can be looked at from any moment in it: grows line by line, live or all at once, and answers "how did it look at t".
 *
 * Idea: the state is copied every few thousand lines; a look at t starts from the copy before t, or from where the last look ended when
 * that is nearer. Of a live run without end the oldest lines are let go.
 */
import type { Entry } from "../../journal/entry.ts";
import { Story, type StoryFacts } from "../../journal/story/story.ts";
import { type ClusterState, copyClusterState, createClusterState } from "./cluster-state.ts";
import { foldEntry } from "./fold-entry.ts";
import { keyOf } from "./fold-money.ts";
import { Marks } from "./marks.ts";
import { setStanding } from "./standing.ts";

export interface BalancePoint {
  readonly atMs: number;
  readonly node: number;
  readonly balance: number;
}

export interface HistoryOptions {
  /** Lines between two copies. */
  readonly stride?: number;
  /** Lines that are kept at most; half as many are let go at a time. */
  readonly keep?: number;
}

const STRIDE = 2_000;
/** Of a live run. A stored one has an end, and is kept whole unless the tab would run out of memory: a line takes about half a kB. */
const KEEP = 400_000;
export const KEEP_STORED = 2_000_000;

export class History {
  readonly story: Story;
  readonly marks = new Marks();
  /** Own word of each node about its account, when it changed. */
  readonly balances: BalancePoint[] = [];
  readonly #stride: number;
  readonly #keep: number;
  /** Absolute number of the first entry that is kept. */
  #base = 0;
  readonly #entries: Entry[] = [];
  readonly #atMs: number[] = [];
  /** Place of the entry among its node's own; and the entry on another node that it follows from, -1: none. */
  readonly #place: number[] = [];
  readonly #cause: number[] = [];
  readonly #records = new Map<string, number>();
  #head: ClusterState = createClusterState();
  readonly #stood = new WeakMap<ClusterState, string>();
  #checkpoints: { readonly count: number; readonly state: ClusterState }[] = [];
  #cursor: { count: number; state: ClusterState } | null = null;

  constructor(facts: StoryFacts, options: HistoryOptions = {}) {
    this.story = new Story(facts);
    this.#stride = options.stride ?? STRIDE;
    this.#keep = options.keep ?? KEEP;
    this.#checkpoints.push({ count: 0, state: createClusterState() });
  }

  /** Absolute number behind the last entry. */
  get end(): number {
    return this.#base + this.#entries.length;
  }

  /** Absolute number of the first entry that is kept. */
  get begin(): number {
    return this.#base;
  }

  get beginMs(): number {
    return this.#atMs[0] ?? 0;
  }

  get endMs(): number {
    return this.#atMs.at(-1) ?? 0;
  }

  /** As of the last entry. */
  get head(): ClusterState {
    return this.#stand(this.#head, this.endMs, this.end);
  }

  entry(index: number): Entry | undefined {
    return this.#entries[index - this.#base];
  }

  /** When it is shown: never before the entry that it follows, whatever the clocks of two machines say. */
  atMs(index: number): number {
    return this.#atMs[index - this.#base] ?? 0;
  }

  placeOf(index: number): number {
    return this.#place[index - this.#base] ?? 0;
  }

  causeOf(index: number): number {
    return this.#cause[index - this.#base] ?? -1;
  }

  /** Entries in causal order; what comes late is put behind what is there. */
  append(entries: readonly Entry[]): void {
    for (const entry of entries) this.#add(entry);
    if (this.#entries.length > this.#keep) this.#trim();
  }

  /** How many entries there are up to and with this instant, as an absolute number. */
  countAt(atMs: number): number {
    let [low, high] = [0, this.#atMs.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#atMs[middle] as number) <= atMs) low = middle + 1;
      else high = middle;
    }
    return this.#base + low;
  }

  /** The cluster at that instant. It is changed by the next look: don't keep it. */
  stateAt(atMs: number): ClusterState {
    const count = this.countAt(atMs);
    return this.#stand(this.#foldUpTo(count), atMs, count);
  }

  /** The cluster after the first `count` entries. It is changed by the next look: don't keep it. */
  stateAfter(count: number): ClusterState {
    const state = this.#foldUpTo(count);
    return this.#stand(state, state.atMs, count);
  }

  /** @returns the entry's number; -1: it isn't there any more */
  indexOf(entry: Entry): number {
    for (let index = this.countAt(entry.time) - 1; index >= this.#base && this.atMs(index) === entry.time; index--)
      if (this.entry(index) === entry) return index;
    return -1;
  }

  /** Many views look at the same instant. */
  #stand(state: ClusterState, atMs: number, count: number): ClusterState {
    const key = `${atMs} ${count} ${this.end}`;
    if (this.#stood.get(state) !== key) setStanding(state, this.story, atMs);
    this.#stood.set(state, key);
    return state;
  }

  #foldUpTo(count: number): ClusterState {
    const goal = Math.min(Math.max(count, this.#base), this.end);
    if (goal === this.end) return this.#head;
    const checkpoint = this.#checkpoints.findLast((candidate) => candidate.count <= goal);
    const nearest = checkpoint ?? { count: this.#base, state: createClusterState() };
    let cursor = this.#cursor;
    if (cursor === null || cursor.count > goal || cursor.count < nearest.count) {
      cursor = { count: nearest.count, state: copyClusterState(nearest.state) };
      this.#cursor = cursor;
    }
    for (; cursor.count < goal; cursor.count++) {
      const at = cursor.count - this.#base;
      foldEntry(cursor.state, this.#entries[at] as Entry, this.#atMs[at] as number);
    }
    return cursor.state;
  }

  #add(line: Entry): void {
    const index = this.end;
    const atMs = Math.max(line.time, this.#atMs.at(-1) ?? Number.NEGATIVE_INFINITY);
    // Everything that is drawn counts in the same, rising time.
    const entry = atMs === line.time ? line : { ...line, time: atMs };
    const balanceBefore = this.#head.nodes.get(entry.node)?.balance ?? null;
    this.#entries.push(entry);
    this.#atMs.push(atMs);
    foldEntry(this.#head, entry, atMs);
    const node = this.#head.nodes.get(entry.node);
    this.#place.push(entry.node === 0 ? 0 : (node?.written ?? 0));
    this.#cause.push(this.#findCause(entry, index));
    this.marks.add(entry, index, this.story.add(entry));
    if (node !== undefined && node.balance !== null && node.balance !== balanceBefore)
      this.balances.push({ atMs, node: node.id, balance: node.balance });
    if (this.end % this.#stride === 0) this.#checkpoints.push({ count: this.end, state: copyClusterState(this.#head) });
  }

  #findCause(entry: Entry, index: number): number {
    if (entry.kind === "recv") return this.#findSend(entry);
    if (entry.record_seq === undefined || entry.from === undefined) return -1;
    const key = keyOf(entry.from, entry.record_seq);
    if (entry.node === entry.from) {
      if (!this.#records.has(key)) this.#records.set(key, index);
      return -1;
    }
    return entry.kind === "deliver" ? (this.#records.get(key) ?? -1) : -1;
  }

  /** A send that was lost with its node's log is made up, so that the message is drawn where it came in. */
  #findSend(entry: Entry): number {
    const { id, from, node, type, time } = entry;
    if (id === undefined || from === undefined) return -1;
    const trip = this.story.trips.of(id);
    if (trip !== undefined) return trip.entry.reconstructed === true ? -1 : this.indexOf(trip.entry);
    const send = { ...entry, kind: "send", node: from, to: node, time, reconstructed: true } as const;
    this.story.trips.addLine(type === undefined ? send : { ...send, type });
    return -1;
  }

  #trim(): void {
    const drop = this.#entries.length - Math.floor(this.#keep / 2);
    const base = this.#base + drop;
    const state = copyClusterState(this.stateAfter(base));
    this.#checkpoints = [{ count: base, state }, ...this.#checkpoints.filter((checkpoint) => checkpoint.count > base)];
    this.#cursor = null;
    this.#base = base;
    for (const column of [this.#entries, this.#atMs, this.#place, this.#cause]) column.splice(0, drop);
    for (const [key, index] of this.#records) if (index < base) this.#records.delete(key);
    const fromMs = this.beginMs;
    const stale = this.balances.findIndex((point) => point.atMs >= fromMs);
    if (stale > 0) this.balances.splice(0, stale);
    this.story.trips.forget(fromMs);
    this.marks.forget(fromMs);
  }
}
