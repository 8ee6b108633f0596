/**
 * A journal as a story: who lived when, who led, what the lab broke and for how long, what became of each message, what waited for its
 * causes, and the moments that a person would tell of. Every picture is made of this.
 */
import type { NodeId } from "../../node/wire/ids.ts";
import type { Entry } from "../journal/entry.ts";
import type { Journal, RunFacts } from "../journal/journal.ts";
import { orderCausally } from "../journal/order.ts";
import { originOf } from "./export-options.ts";
import { type FaultSpan, findFaultSpans } from "./fault-spans.ts";
import { findLives, type Life, type Span } from "./lives.ts";
import { reconstructSends } from "./message-ids.ts";
import { findMoments, type Moment } from "./moments.ts";
import { type Trip, traceTrips } from "./trips.ts";

export interface Reign extends Span {
  readonly node: NodeId;
  readonly role: "COORDINATOR" | "CANDIDATE";
  readonly term: number;
  /** False: provisional, without a majority. */
  readonly elected: boolean;
}

/** A record that waited for its causes. */
export interface Hold extends Span {
  readonly node: NodeId;
  readonly entry: Entry;
  /** Null: never, or not before the journal ended. */
  readonly delivered: Entry | null;
}

export interface History {
  readonly facts: RunFacts;
  /** Wall clock of the first line; all other times count from it. */
  readonly originMs: number;
  readonly endMs: number;
  /** In causal order, reconstructed sends among them. */
  readonly entries: readonly Entry[];
  readonly nodes: readonly NodeId[];
  readonly lives: readonly Life[];
  readonly reigns: readonly Reign[];
  readonly faults: readonly FaultSpan[];
  readonly trips: readonly Trip[];
  readonly holds: readonly Hold[];
  readonly moments: readonly Moment[];
}

export function readHistory(journal: Journal): History {
  const originMs = originOf(journal);
  const added = reconstructSends(journal.entries);
  const entries = added.length === 0 ? journal.entries : orderCausally([...journal.entries, ...added]);
  const endMs = entries.reduce((last, { time }) => Math.max(last, time), originMs) - originMs;
  const lives = findLives(entries, originMs, endMs);
  return {
    facts: journal.facts,
    originMs,
    endMs,
    entries,
    nodes: [...new Set([...journal.facts.nodes, ...lives.map(({ node }) => node)])].sort((a, b) => a - b),
    lives,
    reigns: findReigns(entries, lives, originMs),
    faults: findFaultSpans(entries, originMs, endMs),
    trips: traceTrips(entries, lives, originMs),
    holds: findHolds(entries, originMs, endMs),
    moments: findMoments(entries, lives, originMs),
  };
}

function findReigns(entries: readonly Entry[], lives: readonly Life[], originMs: number): readonly Reign[] {
  const reigns: Reign[] = [];
  const elections = entries.filter(({ kind, role }) => kind === "election" && role !== undefined);
  for (const life of lives) {
    const told = elections.filter(({ node, inc }) => node === life.node && inc === life.inc);
    told.forEach((entry, i) => {
      if (entry.role !== "COORDINATOR" && entry.role !== "CANDIDATE") return;
      const next = told[i + 1];
      const { role, term = 0, elected = false } = entry;
      const span = { fromMs: entry.time - originMs, toMs: next === undefined ? life.toMs : next.time - originMs };
      const last = reigns.at(-1);
      const goesOn =
        last?.node === life.node &&
        last.role === role &&
        last.term === term &&
        last.elected === elected &&
        last.toMs === span.fromMs;
      if (goesOn) reigns[reigns.length - 1] = { ...last, toMs: span.toMs };
      else reigns.push({ node: life.node, role, term, elected, ...span });
    });
  }
  return reigns;
}

function findHolds(entries: readonly Entry[], originMs: number, endMs: number): readonly Hold[] {
  const open = new Map<string, Entry>();
  const holds: Hold[] = [];
  for (const entry of entries) {
    if (entry.record_seq === undefined) continue;
    const key = `${entry.node}.${entry.inc} ${entry.from}/${entry.record_seq}`;
    const begun = open.get(key);
    if (entry.kind === "hold" && entry.released !== true && begun === undefined) open.set(key, entry);
    else if (begun !== undefined && (entry.kind === "deliver" || entry.released === true)) {
      open.delete(key);
      holds.push({
        node: entry.node,
        entry: begun,
        delivered: entry,
        fromMs: begun.time - originMs,
        toMs: entry.time - originMs,
      });
    }
  }
  for (const entry of open.values())
    holds.push({ node: entry.node, entry, delivered: null, fromMs: entry.time - originMs, toMs: endMs });
  return holds.sort((a, b) => a.fromMs - b.fromMs);
}
