/**
 * Two runs side by side: until where they are the same, and where they part first.
 *
 * Idea: clocks of two runs have nothing in common, and neither has the order in which independent things happen. So what a process did in
 * one step (or about then) of one run is looked for in what it did there in the other. Lines stand in
 * causal order, so the first line without a counterpart has only causes that both runs share; what follows may follow from it.
 *
 * Datagrams, and whatever a clock or a die decides (times, names of requests), tell nothing of two runs of different worlds. Two runs of
 * one simulated world are to be equal to the last byte, so there the names of their journals decide.
 */
import { type Entry, processOf } from "./entry.ts";
import type { Journal } from "./journal.ts";
import { hashJournal } from "./journal-hash.ts";

export interface Difference {
  readonly run: "A" | "B";
  readonly entry: Entry;
  /** Since the first line of its run. */
  readonly sinceMs: number;
}

export interface Comparison {
  /** Line for line, with their times. */
  readonly isEqual: boolean;
  /** In one simulated world, whose runs can be equal. */
  readonly isSameWorld: boolean;
  /** Events that both runs have. */
  readonly common: number;
  /** The step in which they part, in words; null: before the first one, or nowhere. */
  readonly step: string | null;
  /** Events of one run only, by cause, both runs' together. */
  readonly differences: readonly Difference[];
  /** The last event at the same node that both have, before the first difference; null: none. */
  readonly before: Entry | null;
}

interface Told {
  readonly entry: Entry;
  readonly words: string;
  readonly step: string | null;
  /** How many steps have begun. */
  readonly part: number;
}

export function compareRuns(a: Journal, b: Journal): Comparison {
  const isEqual = hashJournal(withoutRun(a)) === hashJournal(withoutRun(b));
  const isSameWorld = a.facts.runtime === "sim" && b.facts.runtime === "sim" && a.facts.seed === b.facts.seed;
  // What only a detailed journal has tells nothing beside one that isn't.
  const isDetailed = a.facts.isDetailed && b.facts.isDetailed;
  const [first, second] = [tell(a, isDetailed), tell(b, isDetailed)];
  const [onlyA, onlyB] = findLone(first, second);
  const differences = merge(differencesOf("A", a, onlyA), differencesOf("B", b, onlyB));
  const head = differences[0];
  const lone = new Set(onlyA);
  const parting = [...onlyA, ...onlyB].find(({ entry }) => entry === head?.entry);
  const told = head?.run === "B" ? second : first;
  const earlier = told.slice(0, parting === undefined ? 0 : told.indexOf(parting));
  const before = earlier.findLast(({ entry }) => entry.node === head?.entry.node)?.entry ?? null;
  const common = first.filter((event) => !lone.has(event)).length;
  return { isEqual, isSameWorld, common, step: parting?.step ?? null, differences, before };
}

/** The lab's name is in the name of its run: it doesn't matter here. */
function withoutRun({ entries }: Journal): readonly Entry[] {
  return entries.map(({ run: _run, ...entry }) => entry as Entry);
}

const OF_DATAGRAMS: ReadonlySet<string> = new Set(["send", "recv", "drop", "duplicate"]);
/** Decided by clocks and dice, or by the place of a line in its file. */
const OF_CHANCE: ReadonlySet<string> = new Set([
  ...[
    "run",
    "seq",
    "time",
    "mono",
    "msg",
    "vc",
    "id",
    "request",
    "trade",
    "untilMs",
    "atMs",
    "ms",
    "rtt_ms",
    "inc",
    "peer_inc",
  ],
  ...["detail", "boot", "boot_id", "tookMs", "nonce", "hash", "ledger_hash", "address", "ip"],
]);

function tell({ entries }: Journal, isDetailed: boolean): readonly Told[] {
  const told: Told[] = [];
  const lives = new Map<number, string[]>();
  let step: string | null = null;
  let part = 0;
  for (const entry of entries) {
    if (OF_DATAGRAMS.has(entry.kind) || (!isDetailed && entry.level === "debug")) continue;
    if (entry.node === 0 && entry.action === "step" && entry.state === "begin") {
      step = String(entry.detail ?? entry.path);
      part += 1;
    }
    const own = lives.get(entry.node) ?? [];
    lives.set(entry.node, own);
    if (!own.includes(processOf(entry))) own.push(processOf(entry));
    const fields = Object.entries(entry).filter(([name, value]) => !OF_CHANCE.has(name) && typeof value !== "number");
    const numbers = ["node", "term", "coordinator", "balance", "peer", "amount", "record_seq", "exit", "by"].map(
      (name) => entry[name],
    );
    const words = JSON.stringify([own.indexOf(processOf(entry)), numbers, fields.sort(([x], [y]) => (x < y ? -1 : 1))]);
    told.push({ entry, words, step, part });
  }
  return told;
}

/** Steps that may lie between counterparts. */
const BLUR = 2;

/** Those without a counterpart, of each, in their order. Borders of steps blur: the lab's clock shows whole milliseconds. */
function findLone(a: readonly Told[], b: readonly Told[]): readonly [readonly Told[], readonly Told[]] {
  const left = new Map<string, Told[]>();
  for (const event of b) {
    const equal = left.get(event.words);
    if (equal === undefined) left.set(event.words, [event]);
    else equal.push(event);
  }
  const onlyA = a.filter(({ words, part }) => {
    const others = left.get(words) ?? [];
    const at = others.findIndex((other) => Math.abs(other.part - part) <= BLUR);
    if (at >= 0) others.splice(at, 1);
    return at < 0;
  });
  const rest = new Set([...left.values()].flat());
  return [onlyA, b.filter((told) => rest.has(told))];
}

function differencesOf(run: "A" | "B", { entries }: Journal, lone: readonly Told[]): readonly Difference[] {
  const beganMs = entries[0]?.time ?? 0;
  return lone.map(({ entry }) => ({ run, entry, sinceMs: entry.time - beganMs }));
}

function merge(a: readonly Difference[], b: readonly Difference[]): readonly Difference[] {
  return [...a, ...b].sort((x, y) => x.sinceMs - y.sinceMs);
}
