/**
 * Ways to make a chaos schedule smaller: fewer events, fewer nodes, less load, less time, rounder numbers. Pure.
 *
 * Every proposal keeps the laws of a schedule (fault-schedule.ts), and each is smaller by the measure that `simpler` goes by, so shrinking
 * ends: fewer nodes, a good network, less load, a shorter span, kills in place of stops, shorter faults, fewer victims, milder links, earlier and rounder instants.
 */
import type { NodeId } from "../../node/wire/ids.ts";
import {
  type BadLink,
  type ChaosEvent,
  type ChaosSchedule,
  type Cut,
  endOf,
  findBreach,
  nodesAt,
  type ProcessFault,
} from "./fault-schedule.ts";

/** Smallest group in which anything can be disputed. */
const NODES_MIN = 2;
/** Instants and spans are tried at these, the coarsest first. */
const GRAINS_MS = [5_000, 1_000, 500, 100, 50] as const;
/** A shorter fault is none, on a real machine. */
const LASTS_MIN_MS = 100;
/** After the last event: time for what it does to show. */
const TAIL_MS = 1_000;

/** Without the events at these places; null: what is left makes no schedule (a victim that never joined). */
export function withoutEvents(schedule: ChaosSchedule, places: ReadonlySet<number>): ChaosSchedule | null {
  return lawful({ ...schedule, events: schedule.events.filter((_, place) => !places.has(place)) });
}

/** Simpler schedules, the greatest simplification first. */
export function* simplerSchedules(schedule: ChaosSchedule): Generator<ChaosSchedule> {
  for (const proposal of proposals(schedule)) {
    const candidate = lawful(proposal);
    if (candidate !== null) yield candidate;
  }
}

function* proposals(schedule: ChaosSchedule): Generator<ChaosSchedule> {
  for (let id = schedule.nodes; id >= 1 && schedule.nodes > NODES_MIN; id--) yield withoutNode(schedule, id);
  yield* withGoodNetwork(schedule);
  yield* withLessLoad(schedule);
  yield* withLessTime(schedule);
  for (const [place, event] of schedule.events.entries())
    for (const simpler of simplerEvents(event)) yield replaceEvent(schedule, place, simpler);
  yield* withRounderTimes(schedule);
}

function lawful(schedule: ChaosSchedule): ChaosSchedule | null {
  return findBreach(schedule) === null ? schedule : null;
}

/** Higher ids move down by one; events that were about this node alone go with it. */
export function withoutNode(schedule: ChaosSchedule, gone: NodeId): ChaosSchedule {
  const rename = (id: NodeId) => (id > gone ? id - 1 : id);
  const keep = (ids: readonly NodeId[]) => ids.filter((id) => id !== gone).map(rename);
  const events = schedule.events.flatMap((event): ChaosEvent[] => {
    if (event.kind === "scale") return [{ ...event, count: event.count - 1 }];
    if (event.kind === "partition") {
      const groups = event.groups.map(keep).filter((group) => group.length > 0);
      return groups.length < 2 ? [] : [{ ...event, groups }];
    }
    if ("nodes" in event) {
      const nodes = keep(event.nodes);
      return nodes.length === 0 ? [] : [{ ...event, nodes }];
    }
    return event.node === gone ? [] : [{ ...event, node: rename(event.node) }];
  });
  return { ...schedule, nodes: schedule.nodes - 1, maxDown: schedule.maxDown, events };
}

function* withGoodNetwork({ network, ...schedule }: ChaosSchedule): Generator<ChaosSchedule> {
  if (network !== undefined) yield schedule;
}

function* withLessLoad(schedule: ChaosSchedule): Generator<ChaosSchedule> {
  const { tradesPerSecond } = schedule;
  const rounds = [0, 1, 2, 5, 10, 20, 50, 100, Math.ceil(tradesPerSecond / 2)];
  for (const rate of rounds) if (rate < tradesPerSecond) yield { ...schedule, tradesPerSecond: rate };
}

/** Nothing after the last event, and no quiet time before the first or between two of them. */
function* withLessTime(schedule: ChaosSchedule): Generator<ChaosSchedule> {
  const { events, spanMs } = schedule;
  const endMs = Math.max(TAIL_MS, ...events.map((event) => endOf(event) + TAIL_MS));
  if (endMs < spanMs) yield { ...schedule, spanMs: endMs };
  for (const [place, event] of events.entries()) {
    const before = events.slice(0, place);
    const quietFromMs = Math.max(0, ...before.map(endOf));
    const quietMs = event.atMs - quietFromMs;
    for (const keptMs of [0, 1_000, Math.floor(quietMs / 2)])
      if (keptMs < quietMs) yield moveUp(schedule, place, quietMs - keptMs);
  }
}

function moveUp(schedule: ChaosSchedule, fromPlace: number, byMs: number): ChaosSchedule {
  const events = schedule.events.map((event, place) =>
    place < fromPlace ? event : { ...event, atMs: event.atMs - byMs },
  );
  return { ...schedule, events, spanMs: schedule.spanMs - byMs };
}

function replaceEvent(schedule: ChaosSchedule, place: number, event: ChaosEvent): ChaosSchedule {
  return { ...schedule, events: schedule.events.map((other, at) => (at === place ? event : other)) };
}

function* simplerEvents(event: ChaosEvent): Generator<ChaosEvent> {
  if (event.kind === "partition") yield* simplerCuts(event);
  else if (event.kind === "netem") yield* simplerLinks(event);
  else if ("nodes" in event) yield* simplerProcessFaults(event);
  if (event.kind === "election" || event.kind === "scale" || event.kind === "restart") return;
  const halfMs = Math.floor(event.lastsMs / 2 / LASTS_MIN_MS) * LASTS_MIN_MS;
  for (const lastsMs of [500, 1_000, 2_000, halfMs])
    if (lastsMs < event.lastsMs && lastsMs >= LASTS_MIN_MS) yield { ...event, lastsMs };
}

/** Three groups become two: the others lose their members to nobody, and hear everybody. */
function* simplerCuts(cut: Cut): Generator<ChaosEvent> {
  const { groups } = cut;
  if (groups.length > 2) for (const gone of groups) yield { ...cut, groups: groups.filter((group) => group !== gone) };
}

function* simplerLinks(link: BadLink): Generator<ChaosEvent> {
  const parts = ["delayMs", "jitterMs", "lossPercent", "duplicatePercent"] as const;
  const given = parts.filter((part) => link[part] > 0);
  if (given.length > 1) for (const part of given) yield { ...link, [part]: 0 };
  for (const id of link.nodes)
    if (link.nodes.length > 1) yield { ...link, nodes: link.nodes.filter((other) => other !== id) };
}

function* simplerProcessFaults(fault: ProcessFault): Generator<ChaosEvent> {
  if (fault.kind === "stop" || fault.kind === "leave") yield { ...fault, kind: "kill" };
  for (const id of fault.nodes)
    if (fault.nodes.length > 1) yield { ...fault, nodes: fault.nodes.filter((other) => other !== id) };
}

/** To the next lower multiple of a coarse grain: one event's instant or span, or the whole span. */
function* withRounderTimes(schedule: ChaosSchedule): Generator<ChaosSchedule> {
  for (const [place, event] of schedule.events.entries()) {
    for (const atMs of rounder(event.atMs)) yield replaceEvent(schedule, place, { ...event, atMs });
    for (const lastsMs of rounder(event.lastsMs))
      if (lastsMs >= LASTS_MIN_MS) yield replaceEvent(schedule, place, { ...event, lastsMs });
  }
  for (const spanMs of rounder(schedule.spanMs)) if (spanMs > 0) yield { ...schedule, spanMs };
}

function rounder(ms: number): readonly number[] {
  const isRound = (grain: number) => ms % grain === 0;
  const best = GRAINS_MS.findIndex(isRound);
  const coarser = best < 0 ? GRAINS_MS : GRAINS_MS.slice(0, best);
  return [...new Set(coarser.map((grain) => Math.floor(ms / grain) * grain))];
}

/** One line: "3 nodes, 2 faults in 4 s, 5 trades/s". */
export function describeSize(schedule: ChaosSchedule): string {
  const { nodes, events, spanMs, tradesPerSecond } = schedule;
  const joined = nodesAt(schedule, spanMs) - nodes;
  const joins = joined > 0 ? ` and ${joined} that join` : "";
  const faults = events.length === 1 ? "one fault" : `${events.length} faults`;
  return `${nodes} nodes${joins}, ${faults} in ${spanMs / 1_000} s, ${tradesPerSecond} trades/s`;
}
