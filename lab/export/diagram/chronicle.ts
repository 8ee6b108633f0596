/**
 * A finished run as diagrams need it: its story (lab/journal/story), the moments that a person would tell of, and what became of each
 * message, also where no line says so. All times are wall clocks; what is written counts from `originMs`.
 */
import type { NodeId } from "../../../node/wire/ids.ts";
import type { Entry } from "../../journal/entry.ts";
import type { Journal, RunFacts } from "../../journal/journal.ts";
import { orderCausally } from "../../journal/order.ts";
import type { Fault } from "../../journal/story/link-faults.ts";
import type { Span } from "../../journal/story/span.ts";
import { Story } from "../../journal/story/story.ts";
import type { Trip } from "../../journal/story/trips.ts";
import { reconstructSends } from "./message-ids.ts";
import { findMoments, type Moment } from "./moments.ts";

export interface Chronicle {
  readonly facts: RunFacts;
  /** Wall clock of the first and the last line; 0 for an empty journal. */
  readonly originMs: number;
  readonly endMs: number;
  /** In causal order, reconstructed sends among them. */
  readonly entries: readonly Entry[];
  readonly nodes: readonly NodeId[];
  readonly story: Story;
  readonly faults: readonly FaultSpan[];
  readonly moments: readonly Moment[];
}

/** The faults that the lab made: links, cables, and processes that were paused. */
export interface FaultSpan extends Span {
  readonly kind: Fault["kind"] | "pause";
  /** The sentence that set it: `partition 1,2 3-5`. */
  readonly label: string;
  /** Whose links or process it is about; for links the senders. */
  readonly nodes: readonly NodeId[];
  readonly pairs: Fault["pairs"];
  readonly entry: Entry;
  /** It was still in force when the journal ended. */
  readonly isOpen: boolean;
}

/** A copy of a message that its receiver didn't get. */
export interface LostCopy {
  readonly node: NodeId;
  /** Null: no line says so. */
  readonly atMs: number | null;
  /** `cut`, `lost`, `rate_dropped`, …; `down`: the receiver had no process; `never seen`: the reason isn't known. */
  readonly cause: string;
}

export function readChronicle(journal: Journal): Chronicle {
  const added = reconstructSends(journal.entries);
  const entries = added.length === 0 ? journal.entries : orderCausally([...journal.entries, ...added]);
  const story = new Story(journal.facts);
  for (const entry of entries) story.add(entry);
  const [originMs, endMs] = entries.length === 0 ? [0, 0] : [story.beginMs, story.endMs];
  const nodes = new Set([...journal.facts.nodes, ...story.lives.ofNode.keys()]);
  return {
    ...{ facts: journal.facts, originMs, endMs, entries, story },
    nodes: [...nodes].sort((a, b) => a - b),
    faults: listFaults(story, endMs),
    moments: findMoments(entries, story),
  };
}

function listFaults({ faults, stops }: Story, endMs: number): readonly FaultSpan[] {
  const pauses = stops.all
    .filter(({ by }) => by === "lab")
    .map(({ node, fromMs, toMs, untilMs, entry }) => {
      const pause = { kind: "pause" as const, label: `node ${node} is paused`, nodes: [node], pairs: [], entry };
      return { ...pause, fromMs, toMs: Math.min(toMs, untilMs ?? toMs) };
    });
  const links = faults.all.map((fault) => ({ ...fault, label: fault.entry.msg }));
  return [...links, ...pauses]
    .map((fault) => ({ ...fault, toMs: Math.min(fault.toMs, endMs), isOpen: fault.toMs > endMs }))
    .sort((a, b) => a.fromMs - b.fromMs);
}

/** A message that is younger than this when the journal ends may still be on its way: a link's delay, a node's burst of work. */
const OPEN_MS = 1_000;

/**
 * Finds the nodes that didn't get the message. A node that lived when it was sent, and neither received nor dropped it, didn't get it, unless the
 * journal ends too soon to know.
 */
export function findLosses({ story, endMs }: Chronicle, trip: Trip): readonly LostCopy[] {
  const dropped = story.trips.lossesOf(trip);
  // Whom a lost send was meant for isn't known.
  if (trip.entry.reconstructed === true) return dropped;
  const told = new Set([...trip.arrivals, ...dropped].map(({ node }) => node));
  const { from, to, sentAtMs } = trip;
  const runs = (node: NodeId): boolean => story.lifeAt(node, sentAtMs) !== null;
  const meant = to === null ? [...story.lives.ofNode.keys()].filter((node) => node !== from && runs(node)) : [to];
  const isOpen = sentAtMs > endMs - OPEN_MS;
  const concluded = meant
    .filter((node) => !told.has(node) && !(isOpen && runs(node)))
    .map((node) => ({ node, atMs: null, cause: runs(node) ? "never seen" : "down" }));
  return [...dropped, ...concluded];
}
