/**
 * A chaos schedule as a scenario: concrete steps with concrete nodes at concrete times, so that every run of the file gives the same
 * commands. Its last steps bring everything back, and wait until the group has got over it; then the checkers judge. Pure.
 */
import type { NodeId } from "../../node/wire/ids.ts";
import { ACTIONS } from "../scenario/actions.ts";
import type { Scenario, Step } from "../scenario/scenario-schema.ts";
import { type ChaosEvent, type ChaosSchedule, endOf } from "./fault-schedule.ts";
import { JOINS_MAX } from "./plan-chaos.ts";

/** Credits enough for the load never to run dry, few enough that some trades are refused for it. */
const CREDITS = 200;
const AMOUNTS: [number, number] = [1, 20];
/** Until all follow one coordinator and have equal ledgers again, after everything is healed. */
const RECOVERY_S = { fast: 60, default: 120, original: 240 } as const;
/** Longer than any promise about time may take (lab/check/bounds.ts): else nothing can be said of the end. Groups above ten take longer. */
const CALM_MS = { fast: 14_000, default: 31_000, original: 81_000 } as const;

export interface ChaosScenarioOptions {
  /** Names the lab and, with `.yaml`, the file. */
  readonly name: string;
  readonly title: string;
  /** Journal every datagram. */
  readonly wire: boolean;
  /** The lab's own ids, in place of 1, 2, …; default: those. */
  readonly ids?: readonly NodeId[];
}

export function chaosScenario(planned: ChaosSchedule, options: ChaosScenarioOptions): Scenario {
  const schedule = options.ids === undefined ? planned : withIds(planned, options.ids);
  const { profile, seed } = schedule;
  const nodes = options.ids === undefined ? schedule.nodes : nodesFieldOf(options.ids);
  const steps = [...networkSteps(schedule), ...loadSteps(schedule), ...faultSteps(schedule), ...closingSteps(schedule)];
  const { name, title, wire } = options;
  return { name, title, nodes, profile, credits: CREDITS, seed, ...(wire ? {} : { wire }), checks: "all", steps };
}

/** The ids of a lab that exists, where they aren't 1 to n. */
function nodesFieldOf(ids: readonly NodeId[]): Scenario["nodes"] {
  return ids.every((id, index) => id === index + 1) ? ids.length : Object.fromEntries(ids.map((id) => [id, {}]));
}

function withIds(schedule: ChaosSchedule, ids: readonly NodeId[]): ChaosSchedule {
  const nameOf = (planned: NodeId) => ids[planned - 1] ?? planned;
  const events = schedule.events.map((event): ChaosEvent => {
    if (event.kind === "scale") return event;
    if (event.kind === "partition") return { ...event, groups: event.groups.map((group) => group.map(nameOf)) };
    return "nodes" in event ? { ...event, nodes: event.nodes.map(nameOf) } : { ...event, node: nameOf(event.node) };
  });
  return { ...schedule, events };
}

/** Everybody runs again by then. */
function closingSteps(schedule: ChaosSchedule): readonly Step[] {
  const at = spanText(schedule.spanMs);
  const within = `${RECOVERY_S[schedule.profile]}s`;
  return [
    { at, heal: {}, note: "the end: everything is brought back" },
    ...(schedule.tradesPerSecond > 0 ? [{ load: { stop: true } } as const] : []),
    { wait: { converged: true, within } },
    { sleep: { for: spanText(calmMs(schedule)) }, note: "as long as promises about time may take" },
  ];
}

/** How long the end has to be quiet. */
export function calmMs({ profile, nodes }: Pick<ChaosSchedule, "profile" | "nodes">): number {
  return Math.ceil(CALM_MS[profile] * Math.max(1, (nodes + JOINS_MAX) / 10));
}

function networkSteps({ network }: ChaosSchedule): readonly Step[] {
  return network === undefined ? [] : [networkStep(network)];
}

/** Between all who are there by then. */
function networkStep(network: string): Step {
  return { netem: ACTIONS.netem.parse(`all ${network}`) };
}

function loadSteps({ tradesPerSecond: rate }: ChaosSchedule): readonly Step[] {
  return rate > 0 ? [{ load: { rate: `${rate}/s`, amount: AMOUNTS } }] : [];
}

interface TimedStep {
  readonly atMs: number;
  readonly step: Step;
}

/** In the order of their instants; of two at the same instant the one that brings somebody back comes first. */
function faultSteps({ events, network }: ChaosSchedule): readonly Step[] {
  const begins = events.map((event): TimedStep => ({ atMs: event.atMs, step: beginOf(event) }));
  const ends = events.flatMap((event): TimedStep[] => {
    const step = endStepOf(event, network);
    return step === null ? [] : [{ atMs: endOf(event), step }];
  });
  return [...ends, ...begins]
    .toSorted((a, b) => a.atMs - b.atMs)
    .map(({ atMs, step }) => (atMs === 0 ? step : { at: spanText(atMs), ...step }));
}

function beginOf(event: ChaosEvent): Step {
  const lasts = spanText(event.lastsMs);
  switch (event.kind) {
    case "kill":
      return { kill: nodesOf(event) };
    case "stop":
      return { stop: nodesOf(event) };
    case "restart":
      return { restart: nodesOf(event) };
    case "leave":
      return { leave: nodesOf(event) };
    case "restore":
      return { "save-disk": nodesOf(event) };
    case "pause":
      return { pause: { ...nodesOf(event), for: lasts } };
    case "partition": {
      const groups = event.groups.map((group) => group.join(","));
      return { partition: { groups, ...(event.oneWay ? { oneWay: true } : {}), for: lasts } };
    }
    case "isolate":
      return { isolate: { nodes: String(event.node), for: lasts } };
    case "unplug":
      return {
        unplug: { nodes: String(event.node) },
        otherwise: { isolate: { nodes: String(event.node), for: lasts } },
      };
    case "netem":
      return { netem: { ...nodesOf(event), ...linkOf(event), for: lasts } };
    case "scale":
      return { scale: { to: event.count } };
    case "election":
      return { election: { node: String(event.node) } };
  }
}

/** Events that don't end by themselves, and the impairment of all links, for the links of a new node. */
function endStepOf(event: ChaosEvent, network: string | undefined): Step | null {
  switch (event.kind) {
    case "scale":
      return network === undefined ? null : networkStep(network);
    case "kill":
    case "stop":
    case "leave":
      return { start: nodesOf(event) };
    case "restore": {
      const nodes = nodesOf(event);
      return { sequence: [{ kill: nodes }, { "restore-disk": nodes }, { start: nodes }] };
    }
    case "unplug":
      return { plug: { nodes: String(event.node) }, otherwise: "skip" };
    default:
      return null;
  }
}

function nodesOf({ nodes }: { readonly nodes: readonly number[] }): { nodes: string } {
  return { nodes: nodes.join(",") };
}

function linkOf(link: Extract<ChaosEvent, { kind: "netem" }>) {
  const { delayMs, jitterMs, lossPercent, duplicatePercent } = link;
  return {
    ...(delayMs > 0 ? { delay: `${delayMs}ms` } : {}),
    ...(jitterMs > 0 ? { jitter: `${jitterMs}ms` } : {}),
    ...(lossPercent > 0 ? { loss: `${lossPercent}%` } : {}),
    ...(duplicatePercent > 0 ? { dup: `${duplicatePercent}%` } : {}),
  };
}

/** "1.25s", "800ms": exact. */
export function spanText(ms: number): string {
  return ms < 1_000 ? `${ms}ms` : `${ms / 1_000}s`;
}
