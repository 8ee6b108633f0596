/**
 * A space-time diagram as numbers: nodes are columns, time runs downwards, messages are arrows between columns. Pure, without a word of SVG:
 * the file that `lab export svg` writes and the page draw the same layout.
 *
 * Heartbeats and probes go on all the time: unless they are asked for, they are counted beside the quiet spans in which they happen.
 */
import type { NodeId } from "../../../node/wire/ids.ts";
import type { MessageKind } from "../../journal/message-kinds.ts";
import type { Hold } from "../../journal/story/holds.ts";
import type { Reign } from "../../journal/story/reigns.ts";
import type { Trip } from "../../journal/story/trips.ts";
import type { Chronicle, FaultSpan } from "./chronicle.ts";
import { labelArrows } from "./diagram-labels.ts";
import { type Plan, type PlannedArrow, planEvents } from "./events.ts";
import { drawLifelines, inWindow, placeOf } from "./lifelines.ts";
import type { Moment } from "./moments.ts";
import { type PlacedEvent, placeEvents, type Scale, type Tick } from "./time-scale.ts";

export interface LayoutOptions {
  /** Milliseconds since the journal's first line. */
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly nodes?: readonly NodeId[];
  /** True: drawn; false: left out; absent: counted. */
  readonly heartbeats?: boolean;
  /** Pixels between two columns; absent: as their number suggests. */
  readonly columnPx?: number;
}

export interface Column {
  readonly node: NodeId;
  readonly x: number;
}

export interface Lifeline {
  readonly node: NodeId;
  readonly x: number;
  readonly y0: number;
  readonly y1: number;
  readonly state: "alive" | "paused" | "down";
}

export interface Arrow {
  readonly trip: Trip;
  readonly to: NodeId;
  readonly kind: MessageKind;
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
  /** `lost` ends in a cross. */
  readonly fate: "received" | "lost";
  readonly isDouble: boolean;
  readonly cause: string | null;
  readonly arrivedAtMs: number | null;
}

export interface Label {
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly kind: MessageKind;
}

export interface Mark {
  readonly moment: Moment;
  readonly x: number;
  readonly y: number;
}

export interface Band {
  readonly fault: FaultSpan;
  readonly y0: number;
  readonly y1: number;
  readonly columns: readonly number[];
  /** Where a wall stands between two columns: nothing passes in either direction. */
  readonly cuts: readonly number[];
}

/** A quiet span that is shorter on the page than it was. */
export interface Quiet {
  readonly y0: number;
  readonly y1: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly heartbeats: number;
  readonly probes: number;
}

export interface SpaceTimeLayout {
  readonly width: number;
  readonly height: number;
  readonly top: number;
  readonly bottom: number;
  readonly columns: readonly Column[];
  readonly columnPx: number;
  readonly lifelines: readonly Lifeline[];
  readonly reigns: readonly { readonly reign: Reign; readonly x: number; readonly y0: number; readonly y1: number }[];
  readonly holds: readonly { readonly hold: Hold; readonly x: number; readonly y0: number; readonly y1: number }[];
  readonly bands: readonly Band[];
  readonly arrows: readonly Arrow[];
  readonly labels: readonly Label[];
  readonly marks: readonly Mark[];
  readonly ticks: readonly Tick[];
  readonly quiets: readonly Quiet[];
  /** Wall clock from which the reader counts, and of the upper and the lower edge. */
  readonly originMs: number;
  readonly fromMs: number;
  readonly toMs: number;
}

export const GUTTER_PX = 108;
const TOP_PX = 96;
const RIGHT_PX = 150;
/** The average height of an event where several nodes are at work. */
const ROW_PX = 3.5;

export function layOutSpaceTime(history: Chronicle, options: LayoutOptions = {}): SpaceTimeLayout {
  const { originMs, story } = history;
  const fromMs = originMs + Math.max(0, options.fromMs ?? 0);
  const toMs = Math.min(history.endMs, originMs + (options.toMs ?? Number.POSITIVE_INFINITY));
  const nodes = history.nodes.filter((node) => options.nodes === undefined || options.nodes.includes(node));
  const columnPx = options.columnPx ?? Math.round(Math.min(210, Math.max(92, 960 / Math.max(1, nodes.length))));
  const columns = nodes.map((node, i) => ({ node, x: GUTTER_PX + columnPx * (i + 0.5) }));
  const xOf = new Map(columns.map(({ node, x }) => [node, x]));
  const isInside = (atMs: number): boolean => atMs >= fromMs && atMs <= toMs;
  const trips = story.trips.all.filter(
    (trip) => isInside(trip.sentAtMs) && xOf.has(trip.from) && (options.heartbeats === true || !isCollapsed(trip)),
  );
  const moments = history.moments.filter(({ node, atMs }) => isInside(atMs) && xOf.has(node));
  const faults = history.faults.filter((fault) => fault.fromMs <= toMs && fault.toMs >= fromMs);
  const plan = planEvents({ history, trips, moments, faults, isInside, xOf });
  const quietMs = quietOf(toMs - fromMs);
  const placed = plan.events.map((event) => event.placed);
  const scale = placeEvents(placed, { top: TOP_PX, quietMs, pxPerMs: chooseScale(placed, quietMs), fromMs, toMs });
  const arrows = plan.arrows.map((arrow) => drawArrow(arrow, plan.sends, scale, xOf)).filter((arrow) => arrow !== null);
  const marks = plan.marks.map(({ moment, index }) => ({
    moment,
    x: xOf.get(moment.node) ?? 0,
    y: scale.ys[index] ?? 0,
  }));
  const bands = faults.map((fault) => drawBand(fault, scale, xOf, { fromMs, toMs }));
  const spans = { yOf: placeOf(plan, scale), xOf, fromMs, toMs };
  return {
    width: GUTTER_PX + columnPx * nodes.length + RIGHT_PX,
    height: scale.bottom + 40,
    top: TOP_PX,
    bottom: scale.bottom,
    columns,
    columnPx,
    lifelines: drawLifelines(history, spans, columns),
    reigns: inWindow(story.reigns.all, spans).map(({ item, ...rest }) => ({
      reign: { ...item, toMs: Math.min(item.toMs, history.endMs) },
      ...rest,
    })),
    holds: inWindow(story.holds.all, spans).map(({ item, ...rest }) => ({ hold: item, ...rest })),
    bands,
    arrows,
    labels: labelArrows(arrows, marks),
    marks,
    ticks: scale.ticks,
    quiets: options.heartbeats === false ? findQuiets(scale, []) : findQuiets(scale, story.trips.all),
    ...{ originMs, fromMs, toMs },
  };
}

/** Seconds are long in a minute, milliseconds in a second. */
function quietOf(spanMs: number): number {
  return Math.min(250, Math.max(5, spanMs / 60));
}

/** So that time takes about as much of a busy span as its events need anyway. */
function chooseScale(events: readonly PlacedEvent[], quietMs: number): number {
  const times = events.map(({ atMs }) => atMs).sort((a, b) => a - b);
  const gaps = times.map((atMs, i) => atMs - (times[i - 1] ?? atMs)).filter((gapMs) => gapMs <= quietMs);
  const busyMs = gaps.reduce((sum, gapMs) => sum + gapMs, 0);
  return Math.min(1.5, (events.length * ROW_PX) / Math.max(1, busyMs));
}

/** Heartbeats and probes, and what only answers them. */
function isCollapsed({ kind }: Trip): boolean {
  return kind === "heartbeat" || kind === "probe";
}

/** A lost message ends beside its receiver, and a little lower than it began: as if it had been on its way. */
const LOST_BEFORE_PX = 24;
const LOST_DROP_PX = 13;

function drawArrow(
  { index, ...arrow }: PlannedArrow,
  sends: Plan["sends"],
  scale: Scale,
  xOf: ReadonlyMap<NodeId, number>,
): Arrow | null {
  const [x0, xEnd, y0] = [xOf.get(arrow.trip.from), xOf.get(arrow.to), scale.ys[sends.get(arrow.trip) ?? -1]];
  if (x0 === undefined || xEnd === undefined || y0 === undefined) return null;
  const place = { trip: arrow.trip, to: arrow.to, kind: arrow.trip.kind, x0, y0 };
  const told = { fate: arrow.fate, cause: arrow.cause, arrivedAtMs: arrow.arrivedAtMs, isDouble: arrow.isDouble };
  if (index !== null) return { ...place, ...told, x1: xEnd, y1: scale.ys[index] ?? y0 };
  return { ...place, ...told, x1: xEnd - Math.sign(xEnd - x0) * LOST_BEFORE_PX, y1: y0 + LOST_DROP_PX };
}

function drawBand(
  fault: FaultSpan,
  scale: Scale,
  xOf: ReadonlyMap<NodeId, number>,
  { fromMs, toMs }: { fromMs: number; toMs: number },
): Band {
  const y0 = scale.yAt(Math.max(fromMs, fault.fromMs));
  const touched =
    fault.kind === "partition"
      ? [...xOf.values()]
      : fault.nodes.map((node) => xOf.get(node)).filter((x) => x !== undefined);
  const y1 = Math.max(y0 + 6, scale.yAt(Math.min(toMs, fault.toMs)));
  return { fault, y0, y1, columns: touched, cuts: fault.kind === "partition" ? findWalls(fault, xOf) : [] };
}

function findWalls({ pairs }: FaultSpan, xOf: ReadonlyMap<NodeId, number>): readonly number[] {
  const isCut = (a: NodeId, b: NodeId): boolean => pairs.some(({ from, to }) => from === a && to === b);
  const columns = [...xOf];
  return columns.slice(1).flatMap(([right, x], i) => {
    const [left, before] = columns[i] ?? [right, x];
    return isCut(left, right) && isCut(right, left) ? [(before + x) / 2] : [];
  });
}

function findQuiets(scale: Scale, trips: readonly Trip[]): readonly Quiet[] {
  const counted = trips.filter(isCollapsed).sort((a, b) => a.sentAtMs - b.sentAtMs);
  let next = 0;
  return scale.bursts.slice(1).map((after, i) => {
    const before = scale.bursts[i];
    const [fromMs, toMs] = [before?.toMs ?? 0, after.fromMs];
    const counts = { heartbeat: 0, probe: 0 };
    for (let trip = counted[next]; trip !== undefined && trip.sentAtMs < toMs; trip = counted[++next])
      if (trip.sentAtMs >= fromMs) counts[trip.kind === "heartbeat" ? "heartbeat" : "probe"] += 1;
    return { y0: before?.y1 ?? 0, y1: after.y0, fromMs, toMs, heartbeats: counts.heartbeat, probes: counts.probe };
  });
}
