/** The events of a history that need a place in the diagram, in the order in which it happened, and which events an arrow joins. */
import type { NodeId } from "../../../node/wire/ids.ts";
import type { Trip } from "../../journal/story/trips.ts";
import { type Chronicle, type FaultSpan, findLosses } from "./chronicle.ts";
import type { Moment } from "./moments.ts";
import type { PlacedEvent } from "./time-scale.ts";

export interface PlannedArrow {
  readonly trip: Trip;
  readonly to: NodeId;
  /** Of its arrival, or of its being thrown away, among the events; null: nobody saw its end. */
  readonly index: number | null;
  readonly fate: "received" | "lost";
  readonly cause: string | null;
  readonly arrivedAtMs: number | null;
  readonly isDouble: boolean;
}

export interface Plan {
  readonly events: readonly { readonly placed: PlacedEvent }[];
  readonly sends: ReadonlyMap<Trip, number>;
  readonly arrows: readonly PlannedArrow[];
  readonly marks: readonly { readonly moment: Moment; readonly index: number }[];
}

export interface PlanInput {
  readonly history: Chronicle;
  readonly trips: readonly Trip[];
  readonly moments: readonly Moment[];
  readonly faults: readonly FaultSpan[];
  readonly isInside: (atMs: number) => boolean;
  readonly xOf: ReadonlyMap<NodeId, number>;
}

/** Everything that needs a place, in causal order: the journal's own, which knows causes that clocks of milliseconds don't. */
export function planEvents({ history, trips, moments, faults, isInside, xOf }: PlanInput): Plan {
  const rank = new Map(history.entries.map((entry, i) => [entry, i]));
  const drafts: {
    at: number;
    atMs: number;
    node: number;
    room: number;
    trip?: Trip;
    end?: Omit<PlannedArrow, "index">;
    moment?: Moment;
  }[] = [];
  const lost: PlannedArrow[] = [];
  for (const trip of trips) {
    const at = rank.get(trip.entry) ?? 0;
    drafts.push({ at, atMs: trip.sentAtMs, node: trip.from, room: 5, trip });
    const doubled = new Set(trip.doubles.map(({ node }) => node));
    for (const { node, atMs, entry } of trip.arrivals) {
      if (!xOf.has(node)) continue;
      const end = {
        trip,
        to: node,
        fate: "received" as const,
        cause: null,
        arrivedAtMs: atMs,
        isDouble: doubled.has(node),
      };
      drafts.push({ at: rank.get(entry) ?? at, atMs, node, room: 5, end });
    }
    for (const { node, atMs, cause } of findLosses(history, trip)) {
      if (!xOf.has(node)) continue;
      lost.push({ trip, to: node, fate: "lost", cause, arrivedAtMs: atMs, isDouble: false, index: null });
    }
  }
  for (const moment of moments)
    drafts.push({
      at: rank.get(moment.entry) ?? 0,
      atMs: moment.atMs,
      node: moment.node,
      room: moment.text === "" ? 5 : 13,
      moment,
    });
  for (const fault of faults) {
    const at = rank.get(fault.entry) ?? 0;
    if (isInside(fault.fromMs)) drafts.push({ at, atMs: fault.fromMs, node: 0, room: 18 });
    // Its end may have no line (a planned end, or the journal's).
    const after = history.entries.findIndex(({ time }) => time >= fault.toMs);
    if (isInside(fault.toMs))
      drafts.push({ at: after < 0 ? history.entries.length : after - 0.5, atMs: fault.toMs, node: 0, room: 18 });
  }
  drafts.sort((a, b) => a.at - b.at);
  const sends = new Map<Trip, number>();
  const arrows: PlannedArrow[] = [];
  const marks: { moment: Moment; index: number }[] = [];
  const events = drafts.map(({ trip, end, moment, node, atMs, room }, index) => {
    if (trip !== undefined) sends.set(trip, index);
    if (moment !== undefined) marks.push({ moment, index });
    const sentAt = end === undefined ? undefined : sends.get(end.trip);
    if (end !== undefined) arrows.push({ ...end, index });
    const below = sentAt === undefined ? {} : { below: { index: sentAt, by: 16 } };
    return { placed: { node, atMs, room, ...below } };
  });
  return { events, sends, arrows: [...arrows, ...lost], marks };
}
