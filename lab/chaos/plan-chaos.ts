/**
 * The chaos planner: a schedule of faults from a seed, pure. The same options give the same schedule on every machine.
 *
 * Idea: events come at random gaps around 1/rate. For each a kind is drawn, then its victims and its length among those that keep the
 * schedule's laws (fault-schedule.ts); what can't be placed at that instant gives way to another kind. Faults at unlucky moments are what
 * breaks protocols, so most are short, some overlap, and a third of those on processes hit more than one node where that is allowed.
 */

import type { NodeId } from "../../node/wire/ids.ts";
import type { ProfileName } from "../../node/wire/profile.ts";
import { Draw } from "../sim/world/draw.ts";
import {
  CHAOS_KINDS,
  type ChaosEvent,
  type ChaosKind,
  type ChaosSchedule,
  clashes,
  countDown,
  endOf,
  isProcessFault,
  nodesAt,
  type ProcessFault,
} from "./fault-schedule.ts";

export interface ChaosOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly profile: ProfileName;
  readonly spanMs: number;
  /** Events a second, on average. */
  readonly rate: number;
  readonly kinds: readonly ChaosKind[];
  readonly maxDown: number;
  readonly tradesPerSecond: number;
  /** As in the schedule. */
  readonly network?: string;
  /** The nodes of each host, for faults of that kind. */
  readonly hosts?: readonly (readonly NodeId[])[];
}

/**
 * All that every runtime can do and that promises hold under: `unplug` takes containers, `host` a swarm, and a backup put back may spend money
 * twice.
 */
export const DEFAULT_KINDS: readonly ChaosKind[] = CHAOS_KINDS.filter(
  (kind) => kind !== "unplug" && kind !== "restore" && kind !== "host",
);

/** How often a kind is tried beside the others. */
const WEIGHTS: Readonly<Record<ChaosKind, number>> = {
  kill: 4,
  stop: 1,
  restart: 2,
  leave: 1,
  pause: 3,
  partition: 4,
  isolate: 2,
  netem: 4,
  scale: 1,
  election: 1,
  unplug: 2,
  restore: 1,
  host: 3,
};

/** Times in schedules are multiples of this: people read them. */
const GRAIN_MS = 10;
/** Kinds that are tried at one instant before it stays quiet. */
const TRIES = 6;
/** Longest restart. */
const RESTART_MS = 1_000;
/** Longest join, and the most nodes that a schedule adds. */
const JOIN_MS = 2_000;
export const JOINS_MAX = 2;

/** A minority, so that a majority of the voters is always there. */
export function defaultMaxDown(nodes: number): number {
  return Math.floor((nodes - 1) / 2);
}

export function planChaos(options: ChaosOptions): ChaosSchedule {
  const { seed, nodes, profile, spanMs, tradesPerSecond, maxDown } = options;
  const draw = new Draw(seed, "chaos");
  const bag = options.kinds.flatMap((kind) => Array.from({ length: WEIGHTS[kind] }, () => kind));
  const gapMs = 1_000 / options.rate;
  const network = options.network === undefined ? {} : { network: options.network };
  let schedule: ChaosSchedule = { seed, nodes, profile, spanMs, tradesPerSecond, ...network, maxDown, events: [] };
  for (let atMs = gap(draw, gapMs); atMs < spanMs; atMs += gap(draw, gapMs)) {
    for (let tries = 0; tries < TRIES; tries++) {
      const event = drawEvent(draw, draw.pick(bag), roundTime(atMs), schedule, options.hosts);
      if (event === null || !fits(schedule, event)) continue;
      schedule = { ...schedule, events: [...schedule.events, event] };
      break;
    }
  }
  return schedule;
}

function gap(draw: Draw, meanMs: number): number {
  return Math.max(GRAIN_MS, draw.between(0.25, 1.75) * meanMs);
}

function roundTime(ms: number): number {
  return Math.round(ms / GRAIN_MS) * GRAIN_MS;
}

/** `event` begins last of all, so the most are down when it begins. */
function fits({ events, spanMs, maxDown }: ChaosSchedule, event: ChaosEvent): boolean {
  if (endOf(event) > spanMs || events.some((earlier) => clashes(earlier, event))) return false;
  return !isProcessFault(event) || countDown(events, event.atMs) + event.nodes.length <= maxDown;
}

/** `default` takes about four times as long as `fast` to notice anything, `original` forty times. */
const SPAN_FACTORS: Readonly<Record<ProfileName, number>> = { fast: 1, default: 2.5, original: 10 };

/** Mostly short; long enough now and then for detection, election and a second fault to fall inside. */
function drawSpan(draw: Draw, profile: ProfileName): number {
  const [fromMs, toMs] = draw.pick([
    [200, 1_000],
    [1_000, 4_000],
    [1_000, 4_000],
    [4_000, 10_000],
  ] as const);
  return roundTime(draw.between(fromMs, toMs) * SPAN_FACTORS[profile]);
}

/** Null: nothing of that kind can happen here. */
function drawEvent(
  draw: Draw,
  kind: ChaosKind,
  atMs: number,
  schedule: ChaosSchedule,
  hosts: ChaosOptions["hosts"] = [],
): ChaosEvent | null {
  const ids = Array.from({ length: nodesAt(schedule, atMs) }, (_, i) => i + 1);
  const lastsMs = drawSpan(draw, schedule.profile);
  switch (kind) {
    case "kill":
    case "stop":
    case "leave":
    case "pause":
    case "restore":
      return drawProcessFault(draw, { kind, atMs, lastsMs, ids, maxDown: schedule.maxDown });
    case "restart":
      return drawProcessFault(draw, { kind, atMs, lastsMs: RESTART_MS, ids, maxDown: schedule.maxDown });
    case "partition":
      return drawCut(draw, ids, { atMs, lastsMs });
    case "isolate":
    case "unplug":
      return ids.length < 2 ? null : { kind, atMs, lastsMs, node: draw.pick(ids) };
    case "netem":
      return drawBadLink(draw, ids, { atMs, lastsMs });
    case "scale": {
      const count = ids.length + 1;
      return count > schedule.nodes + JOINS_MAX ? null : { kind, atMs, lastsMs: JOIN_MS, count };
    }
    case "election":
      return { kind, atMs, lastsMs: 0, node: draw.pick(ids) };
    case "host":
      return hosts.length < 2 ? null : drawHostFault(draw, ids, draw.pick(hosts), { atMs, lastsMs });
  }
}

/** What a host's failure does to its nodes: all at once are gone, stand still, or are cut off from those of the other hosts. */
function drawHostFault(
  draw: Draw,
  ids: readonly NodeId[],
  nodes: readonly NodeId[],
  when: { atMs: number; lastsMs: number },
): ChaosEvent {
  const kind = draw.pick(["kill", "pause", "partition"] as const);
  if (kind !== "partition") return { kind, ...when, nodes };
  return { kind, ...when, groups: [nodes, ids.filter((id) => !nodes.includes(id))], oneWay: false };
}

function drawProcessFault(
  draw: Draw,
  fault: Omit<ProcessFault, "nodes"> & { ids: readonly NodeId[]; maxDown: number },
): ProcessFault | null {
  const { ids, maxDown, ...rest } = fault;
  const most = Math.min(maxDown, ids.length);
  if (most < 1) return null;
  const count = draw.chance(0.3) ? draw.integer(1, most) : 1;
  return { ...rest, nodes: pickSome(draw, ids, count) };
}

/** Two or three groups, or one deaf side. */
function drawCut(draw: Draw, ids: readonly NodeId[], when: { atMs: number; lastsMs: number }): ChaosEvent | null {
  if (ids.length < 2) return null;
  const oneWay = draw.chance(0.25);
  const wanted = !oneWay && ids.length >= 3 && draw.chance(0.2) ? 3 : 2;
  const shuffled = pickInAnyOrder(draw, ids, ids.length);
  // Each group gets somebody, the rest go anywhere.
  const groups: NodeId[][] = Array.from({ length: wanted }, () => []);
  for (const [index, id] of shuffled.entries())
    (groups[index < wanted ? index : draw.integer(0, wanted - 1)] as NodeId[]).push(id);
  return { kind: "partition", ...when, groups: groups.map((group) => group.sort((a, b) => a - b)), oneWay };
}

function drawBadLink(draw: Draw, ids: readonly NodeId[], when: { atMs: number; lastsMs: number }): ChaosEvent | null {
  if (ids.length < 2) return null;
  const nodes = draw.chance(0.4) ? ids : pickSome(draw, ids, draw.integer(1, Math.max(1, ids.length - 1)));
  const bad = draw.pick([
    { delayMs: 0, jitterMs: 0, lossPercent: draw.pick([5, 10, 20, 40]), duplicatePercent: 0 },
    { delayMs: draw.pick([20, 50, 100, 300]), jitterMs: draw.pick([0, 10, 20]), lossPercent: 0, duplicatePercent: 0 },
    { delayMs: 20, jitterMs: 20, lossPercent: draw.pick([5, 10, 20]), duplicatePercent: draw.pick([0, 5]) },
    { delayMs: 0, jitterMs: 0, lossPercent: 0, duplicatePercent: draw.pick([5, 20]) },
  ]);
  return { kind: "netem", ...when, nodes, ...bad };
}

/** Ascending. */
function pickSome(draw: Draw, ids: readonly NodeId[], count: number): readonly NodeId[] {
  return pickInAnyOrder(draw, ids, count).sort((a, b) => a - b);
}

function pickInAnyOrder(draw: Draw, ids: readonly NodeId[], count: number): NodeId[] {
  const left = [...ids];
  return Array.from(
    { length: Math.min(count, left.length) },
    () => left.splice(draw.integer(0, left.length - 1), 1)[0] as NodeId,
  );
}
