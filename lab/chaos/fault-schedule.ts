/**
 * A chaos schedule as data: what happens to whom, when and for how long, all in whole milliseconds and concrete ids. A scenario is made
 * of it (scenario-of.ts), and a smaller schedule when a run of it failed (reductions.ts).
 *
 * Its laws hold for every schedule that is planned or shrunk, and `findBreach` says which one doesn't: faults lie inside the span, no
 * node suffers two process faults at once, never are more than `maxDown` nodes down or paused, and one cut ends before the next.
 */

import type { NodeId } from "../../node/wire/ids.ts";
import type { ProfileName } from "../../node/wire/profile.ts";

export const CHAOS_KINDS = [
  "kill",
  "stop",
  "restart",
  "leave",
  "pause",
  "partition",
  "isolate",
  "netem",
  "scale",
  "election",
  "unplug",
  "restore",
  // Drawn as a kill, a pause or a partition of all nodes of one host.
  "host",
] as const;
export type ChaosKind = (typeof CHAOS_KINDS)[number];

interface Timed {
  /** From the beginning of the schedule. */
  readonly atMs: number;
  readonly lastsMs: number;
}

/**
 * Down or not running for `lastsMs`, then started or resumed again. A restart is back at once: its span is what that may take. A `restore`
 * saves the disks first, and at its end kills the nodes and starts them with these.
 */
export interface ProcessFault extends Timed {
  readonly kind: "kill" | "stop" | "restart" | "leave" | "pause" | "restore";
  readonly nodes: readonly NodeId[];
}

/** Nobody of one group hears anybody of another. */
export interface Cut extends Timed {
  readonly kind: "partition";
  readonly groups: readonly (readonly NodeId[])[];
  /** The second group doesn't hear the first, which does hear the second. */
  readonly oneWay: boolean;
}

/** One node hears nobody and nobody hears it; `unplug`: the engine takes its network away. */
export interface Isolation extends Timed {
  readonly kind: "isolate" | "unplug";
  readonly node: NodeId;
}

/** Packets of the nodes are delayed, lost, duplicated. */
export interface BadLink extends Timed {
  readonly kind: "netem";
  readonly nodes: readonly NodeId[];
  readonly delayMs: number;
  readonly jitterMs: number;
  readonly lossPercent: number;
  readonly duplicatePercent: number;
}

/** One more node joins, with the next id. */
export interface Join extends Timed {
  readonly kind: "scale";
  readonly count: number;
}

export interface Election extends Timed {
  readonly kind: "election";
  readonly node: NodeId;
}

export type ChaosEvent = ProcessFault | Cut | Isolation | BadLink | Join | Election;

export interface ChaosSchedule {
  readonly seed: number;
  /** Nodes at the beginning; their ids are 1 to this. */
  readonly nodes: number;
  readonly profile: ProfileName;
  readonly spanMs: number;
  /** Trades a second among random pairs, all the time; 0: none. */
  readonly tradesPerSecond: number;
  /** Impairment of all links all the time, in the words of a scenario's `netem` behind the nodes: `jitter 20ms loss 5%`. */
  readonly network?: string;
  /** Nodes that are down or paused at once, at most. */
  readonly maxDown: number;
  /** In the order of their instants. */
  readonly events: readonly ChaosEvent[];
}

/** A node that starts or stops needs this much time before the next process fault may be its. */
export const SETTLE_MS = 1_500;

export function endOf(event: Timed): number {
  return event.atMs + event.lastsMs;
}

export function isProcessFault(event: ChaosEvent): event is ProcessFault {
  return "nodes" in event && event.kind !== "netem";
}

/** Cuts and isolations: they decide who can talk with whom. */
export function isCut(event: ChaosEvent): event is Cut | Isolation {
  return event.kind === "partition" || event.kind === "isolate" || event.kind === "unplug";
}

/** Ids that an event names, in no order. */
export function namedIds(event: ChaosEvent): readonly NodeId[] {
  if ("nodes" in event) return event.nodes;
  if (event.kind === "partition") return event.groups.flat();
  return event.kind === "scale" ? [] : [event.node];
}

/** Nodes that exist at that instant. */
export function nodesAt(schedule: ChaosSchedule, atMs: number): number {
  const joins = schedule.events.filter((event) => event.kind === "scale" && endOf(event) <= atMs);
  return joins.reduce((count, event) => Math.max(count, event.kind === "scale" ? event.count : 0), schedule.nodes);
}

/** Nodes that are down or paused at that instant. */
export function countDown(events: readonly ChaosEvent[], atMs: number): number {
  let down = 0;
  for (const event of events)
    if (isProcessFault(event) && event.atMs <= atMs && atMs < endOf(event)) down += event.nodes.length;
  return down;
}

/** The largest number of them, whenever that is. */
export function mostDown(events: readonly ChaosEvent[]): number {
  return Math.max(0, ...events.map(({ atMs }) => countDown(events, atMs)));
}

/** The first law that the schedule breaks, as a sentence; null: it keeps all. */
export function findBreach(schedule: ChaosSchedule): string | null {
  const { events, spanMs, maxDown } = schedule;
  for (const [index, event] of events.entries()) {
    const before = events[index - 1];
    if (before !== undefined && before.atMs > event.atMs) return `${describe(event)} stands after a later event`;
    if (event.atMs < 0 || event.lastsMs < 0 || endOf(event) > spanMs) return `${describe(event)} isn't inside the span`;
    const known = nodesAt(schedule, event.atMs);
    const stranger = namedIds(event).find((id) => id < 1 || id > known);
    if (stranger !== undefined) return `${describe(event)} names node ${stranger} of ${known}`;
    const clash = events.slice(0, index).find((other) => clashes(other, event));
    if (clash !== undefined) return `${describe(event)} begins before ${describe(clash)} has ended`;
  }
  const down = mostDown(events);
  return down > maxDown ? `${down} nodes are down at once, ${maxDown} may be` : null;
}

/** Two faults that mustn't overlap; `earlier` begins first. */
export function clashes(earlier: ChaosEvent, later: ChaosEvent): boolean {
  if (isCut(earlier) && isCut(later)) return endOf(earlier) > later.atMs;
  // A joining node is no member yet, and two of them can't be told apart.
  if (earlier.kind === "scale" && later.kind === "scale") return endOf(earlier) > later.atMs;
  // A node without a network can't be told to leave, nor be seen to come back; one that is down can't call an election.
  const needsNode = (event: ChaosEvent) =>
    isProcessFault(event) || event.kind === "unplug" || event.kind === "election";
  if (!needsNode(earlier) || !needsNode(later)) return false;
  const shared = namedIds(earlier).some((id) => namedIds(later).includes(id));
  return shared && endOf(earlier) + SETTLE_MS > later.atMs;
}

function describe({ kind, atMs }: ChaosEvent): string {
  return `${kind} at ${atMs} ms`;
}
