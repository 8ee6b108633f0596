/**
 * The context of a running step: the lab, its clock, the scenario's random generator, and the signal that ends it.
 */

import type { NodeId } from "../../node/wire/ids.ts";
import { parseDuration } from "../base/duration.ts";
import { type LabClock, sleep } from "../base/lab-clock.ts";
import { LabError } from "../base/lab-error.ts";
import type { Chosen, LabHandle } from "../cluster/lab-handle.ts";
import { explainExit } from "../cluster/wait-for.ts";
import type { NodeInfo } from "../engine/engine.ts";
import type { Draw } from "../sim/world/draw.ts";
import type { Loads } from "./loads.ts";
import type { ScenarioRuntime } from "./scenario-schema.ts";

/** The result of a step that succeeded. */
export interface Outcome {
  /** The nodes that it meant: "killed 5 (coordinator)". */
  readonly resolved: string;
  /** The observation: "agree after 1.8 s"; empty: none. */
  readonly seen: string;
}

export interface StepContext {
  readonly lab: LabHandle;
  readonly runtime: ScenarioRuntime;
  readonly clock: LabClock;
  /** From the scenario's seed: the same draws on every runtime. */
  readonly draw: Draw;
  readonly loads: Loads;
  /** Nodes that a step has ended: anybody else who exits did so by itself. */
  readonly down: Set<NodeId>;
  /** The disks that steps have saved. */
  readonly disks: Map<NodeId, Uint8Array>;
  /** Ends this step: Ctrl-C, or another branch of `parallel` that failed. */
  readonly signal: AbortSignal;
}

/** @throws LabError("interrupted") */
export function pass(context: StepContext, span: string): Promise<void> {
  return sleep(context.clock, spanMs(span), context.signal);
}

export function spanMs(span: string): number {
  return parseDuration(span, "a span of time");
}

/** Selectors of one step, at one instant, drawn by the scenario's dice. */
export async function resolveGroups(
  { lab, draw }: StepContext,
  selectors: readonly string[],
  eligible: (node: NodeInfo) => boolean = () => true,
): Promise<readonly (readonly Chosen[])[]> {
  return await lab.resolveGroups(selectors, eligible, () => draw.fraction());
}

export async function resolveNodes(
  context: StepContext,
  selector: string,
  eligible: (node: NodeInfo) => boolean = () => true,
): Promise<readonly Chosen[]> {
  return (await resolveGroups(context, [selector], eligible))[0] ?? [];
}

/** The one node that is meant. @throws LabError("failed") when it is several, or none */
export async function resolveOne(
  context: StepContext,
  selector: string,
  eligible: (node: NodeInfo) => boolean = () => true,
): Promise<NodeId> {
  const chosen = await resolveNodes(context, selector, eligible);
  const [first, second] = chosen;
  if (first !== undefined && second === undefined) return first.id;
  const meant = chosen.length === 0 ? "no node" : `${chosen.length} nodes (${idsOf(chosen).join(", ")})`;
  throw new LabError("failed", `"${selector}" means ${meant}`, "name one: 3, leader, random");
}

export function idsOf(chosen: readonly Chosen[]): readonly NodeId[] {
  return chosen.map((node) => node.id);
}

/** @throws LabError("failed") with the last words of a node that exited though no step ended it */
export async function assertNobodyDied({ lab, down }: StepContext): Promise<void> {
  const dead = lab.info.nodes.filter(({ id, status }) => status === "exited" && !down.has(id)).map(({ id }) => id);
  if (dead.length > 0) throw await explainExit(lab, dead);
}
