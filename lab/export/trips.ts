/**
 * What became of each message: sent by one node, received by some, thrown away or never seen by others, received twice.
 *
 * Lines of `send`, `recv`, `drop` and `duplicate` are put together by the message's name. What no line tells of is concluded: a node that
 * lived when a message was sent to it, and neither received nor dropped it, didn't get it, unless the journal ends too soon to know.
 */
import type { NodeId } from "../../node/wire/ids.ts";
import type { Entry } from "../journal/entry.ts";
import { kindOfMessage, type MessageKind } from "../journal/message-kinds.ts";
import type { Life } from "./lives.ts";
import { datagramOf, parseMessageId } from "./message-ids.ts";

export interface Arrival {
  readonly node: NodeId;
  readonly atMs: number;
  readonly entry: Entry;
}

export interface Loss {
  readonly node: NodeId;
  /** Null: no line tells of it. */
  readonly atMs: number | null;
  /** `cut`, `lost`, `rate_dropped`, `stale_incarnation`, …; `down`: nobody was there to receive it; `never seen`: nobody knows why. */
  readonly cause: string;
}

export interface Trip {
  readonly id: string;
  readonly type: string;
  readonly kind: MessageKind;
  readonly from: NodeId;
  /** Null: to all. */
  readonly to: NodeId | null;
  readonly sentAtMs: number;
  /** The line of its send, or what was made up for one that is lost (`isReconstructed`). */
  readonly entry: Entry;
  readonly isReconstructed: boolean;
  readonly arrivals: readonly Arrival[];
  readonly losses: readonly Loss[];
  /** Second and later copies. */
  readonly doubles: readonly { readonly node: NodeId; readonly atMs: number }[];
}

/** A message that is younger than this when the journal ends may still be on its way: a link's delay, a node's burst of work. */
const OPEN_MS = 1_000;

interface Traces {
  readonly received: Map<string, Arrival[]>;
  /** By datagram. */
  readonly dropped: Map<string, Loss[]>;
  readonly doubled: Map<string, { node: NodeId; atMs: number }[]>;
}

/**
 * @param entries in causal order, reconstructed sends among them
 * @param originMs wall clock from which times count
 */
export function traceTrips(entries: readonly Entry[], lives: readonly Life[], originMs: number): readonly Trip[] {
  const traces = collectTraces(entries, originMs);
  const endMs = entries.reduce((last, { time }) => Math.max(last, time), originMs) - originMs;
  const seen = new Set<string>();
  const trips: Trip[] = [];
  for (const entry of entries) {
    if (entry.kind !== "send" || entry.id === undefined || seen.has(entry.id)) continue;
    seen.add(entry.id);
    const arrivals = traces.received.get(entry.id) ?? [];
    const sentAtMs = entry.time - originMs;
    const trip = {
      id: entry.id,
      type: entry.type ?? "message",
      from: entry.node,
      to: entry.to ?? null,
      sentAtMs,
      entry,
    };
    trips.push({
      ...trip,
      kind: kindOfMessage(trip.type),
      isReconstructed: entry.reconstructed === true,
      arrivals,
      losses: findLosses(trip, arrivals, traces.dropped.get(datagramOf(entry.id)) ?? [], { lives, endMs }),
      doubles: traces.doubled.get(entry.id) ?? [],
    });
  }
  return trips;
}

function collectTraces(entries: readonly Entry[], originMs: number): Traces {
  const traces: Traces = { received: new Map(), dropped: new Map(), doubled: new Map() };
  for (const entry of entries) {
    const { id, node, kind } = entry;
    if (id === undefined || parseMessageId(id) === null) continue;
    const atMs = entry.time - originMs;
    if (kind === "recv") {
      const arrivals = traces.received.get(id) ?? [];
      // Named twice by one node: the second one is a copy, whatever it is called.
      if (arrivals.some((arrival) => arrival.node === node)) append(traces.doubled, id, { node, atMs });
      else append(traces.received, id, { node, atMs, entry });
    } else if (kind === "duplicate") append(traces.doubled, id, { node, atMs });
    else if (kind === "drop") {
      // The simulator's network tells of losses in the sender's journal.
      const receiver = node === entry.from && entry.to !== undefined ? entry.to : node;
      const cause = typeof entry.reason === "string" ? entry.reason.replace("impaired_", "") : "lost";
      append(traces.dropped, datagramOf(id), { node: receiver, atMs, cause });
    }
  }
  return traces;
}

function findLosses(
  trip: Pick<Trip, "from" | "to" | "sentAtMs" | "entry">,
  arrivals: readonly Arrival[],
  dropped: readonly Loss[],
  { lives, endMs }: { lives: readonly Life[]; endMs: number },
): readonly Loss[] {
  const arrived = new Set(arrivals.map(({ node }) => node));
  const known = dropped.filter(
    ({ node }, i) => !arrived.has(node) && dropped.findIndex((loss) => loss.node === node) === i,
  );
  // Whom a lost send was meant for isn't known.
  if (trip.entry.reconstructed === true) return known;
  const told = new Set([...arrived, ...known.map(({ node }) => node)]);
  const alive = new Set(
    lives.filter((life) => life.fromMs <= trip.sentAtMs && trip.sentAtMs < life.toMs).map(({ node }) => node),
  );
  const meant = trip.to === null ? [...alive].filter((node) => node !== trip.from) : [trip.to];
  const isOpen = trip.sentAtMs > endMs - OPEN_MS;
  const concluded = meant
    .filter((node) => !told.has(node) && (!alive.has(node) || !isOpen))
    .map((node) => ({ node, atMs: null, cause: alive.has(node) ? "never seen" : "down" }));
  return [...known, ...concluded];
}

function append<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}
