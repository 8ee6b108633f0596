/**
 * A journal as the checkers read it: cut into the lives of its processes, with each delivery as a value. Read once for a journal, however
 * many checkers ask.
 */
import type { Entry } from "../journal/entry.ts";
import type { Journal, RunFacts } from "../journal/journal.ts";
import { readLabAction } from "../journal/lab-entry.ts";

/** One process of a node, from its start to its end. */
export interface Life {
  readonly node: number;
  /** 0, 1, 2, … of its node. */
  readonly number: number;
  readonly entries: readonly Entry[];
  /** What it found on its disk (`books: boot`); null: the line is missing, or the node doesn't tell details. */
  readonly boot: Entry | null;
  /** No line of it is missing, as far as one can know. */
  readonly isWhole: boolean;
}

/** A debit that a replica applied. */
export interface Delivery {
  readonly entry: Entry;
  readonly origin: number;
  readonly seq: number;
  readonly payee: number;
  readonly amount: number;
  readonly trade: string;
  /** `initiator/request`; null: no control request is behind it, or it isn't told. */
  readonly request: string | null;
  readonly causes: ReadonlyMap<number, number>;
  /** The log goes on here after its disk was lost (PROTOCOL.md, lost disk). */
  readonly isFence: boolean;
}

export interface Story {
  readonly journal: Journal;
  readonly facts: RunFacts;
  /** Wall clock of the first and the last line. */
  readonly beginMs: number;
  readonly endMs: number;
  /** By start. */
  readonly lives: readonly Life[];
  readonly livesOf: ReadonlyMap<number, readonly Life[]>;
  /** What the lab did, in order. */
  readonly labEntries: readonly Entry[];
  /** Nodes whose disk the lab replaced by an empty one, with when. */
  readonly wiped: ReadonlyMap<number, readonly number[]>;
}

const stories = new WeakMap<Journal, Story>();

export function readStory(journal: Journal): Story {
  const known = stories.get(journal);
  if (known !== undefined) return known;
  const story = tellStory(journal);
  stories.set(journal, story);
  return story;
}

/** Null: the line is about something else. */
export function readDelivery(entry: Entry): Delivery | null {
  const { kind, from, to, record_seq: seq, id: trade, amount = 0 } = entry;
  const isApplied = kind === "deliver" || (kind === "trade" && entry.outcome === "committed") || kind === "state";
  if (!isApplied || seq === undefined || from === undefined || to === undefined || trade === undefined) return null;
  const initiator = trade.slice(0, trade.indexOf("-"));
  const request = typeof entry.request === "string" ? `${initiator}/${entry.request}` : null;
  return {
    entry,
    origin: from,
    seq,
    payee: to,
    amount,
    trade,
    request,
    causes: readVector(entry.vc),
    isFence: from === to,
  };
}

export function readVector(vector: unknown): Map<number, number> {
  if (typeof vector !== "object" || vector === null) return new Map();
  return new Map(Object.entries(vector).map(([id, value]) => [Number(id), Number(value)]));
}

/** `3/17`: the seventeenth debit of node 3. */
export function nameOf({ origin, seq }: { readonly origin: number; readonly seq: number }): string {
  return `${origin}/${seq}`;
}

function tellStory(journal: Journal): Story {
  const { entries, facts, gaps } = journal;
  const perNode = new Map<number, Entry[]>();
  const labEntries: Entry[] = [];
  const wiped = new Map<number, number[]>();
  let beginMs = Number.POSITIVE_INFINITY;
  let endMs = Number.NEGATIVE_INFINITY;
  for (const entry of entries) {
    beginMs = Math.min(beginMs, entry.time);
    endMs = Math.max(endMs, entry.time);
    if (entry.node === 0) {
      labEntries.push(entry);
      const action = readLabAction(entry);
      if (action?.action === "wipe")
        for (const id of action.nodes) wiped.set(id, [...(wiped.get(id) ?? []), entry.time]);
      continue;
    }
    const own = perNode.get(entry.node);
    if (own === undefined) perNode.set(entry.node, [entry]);
    else own.push(entry);
  }
  const incomplete = new Set(gaps.map(({ node, inc }) => `${node}.${inc}`));
  const livesOf = new Map([...perNode].map(([node, own]) => [node, cutIntoLives(node, own, facts, incomplete)]));
  const lives = [...livesOf.values()].flat().sort((a, b) => startOf(a) - startOf(b));
  return { journal, facts, beginMs, endMs, lives, livesOf, labEntries, wiped };
}

/** A life begins with its boot line; without details, with a new incarnation. */
function cutIntoLives(
  node: number,
  entries: readonly Entry[],
  facts: RunFacts,
  incomplete: ReadonlySet<string>,
): readonly Life[] {
  const parts: Entry[][] = [];
  for (const [index, entry] of entries.entries()) {
    const before = entries[index - 1];
    const current = parts.at(-1);
    const isNext = facts.isDetailed ? entry.books === "boot" && !isAwaited(entry, current) : entry.inc !== before?.inc;
    if (current === undefined || (isNext && current.some((line) => line.inc > 0)))
      parts.push([...takeForerunners(current ?? [], entry), entry]);
    else current.push(entry);
  }
  return parts.map((own, number) => {
    const boot = own.find((entry) => entry.books === "boot") ?? null;
    const isWhole = (boot !== null || !facts.isDetailed) && !own.some(({ inc }) => incomplete.has(`${node}.${inc}`));
    return { node, number, entries: own, boot, isWhole };
  });
}

/** The first process wrote something before its boot line: how long it hadn't run, on a busy machine. */
function isAwaited(boot: Entry, current: readonly Entry[] = []): boolean {
  return current.at(-1)?.inc === boot.inc && !current.some(({ books }) => books === "boot");
}

/** What a process wrote before its boot line (faults that are in force again) stands at the end of the life before: moves it out. */
function takeForerunners(before: Entry[], boot: Entry): readonly Entry[] {
  if (before[0]?.inc === boot.inc) return [];
  const last = before.findLastIndex(({ inc }) => inc !== boot.inc);
  return before.splice(last + 1);
}

function startOf(life: Life): number {
  return life.entries[0]?.time ?? 0;
}
