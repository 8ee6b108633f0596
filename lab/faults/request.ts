/**
 * From a fault that is asked for to the request that `setFault` carries out: the one way there, for the command line, a scenario's step,
 * chaos and a program alike.
 *
 * A command names nodes by selectors ("leader", "1-3"). The request has numbers, and a cause in one wording: the command line that sets
 * the same fault on the same nodes again.
 */
import type { Impairment } from "../../node/wire/control.ts";
import type { NodeId } from "../../node/wire/ids.ts";
import { LabError } from "../base/lab-error.ts";
import { drawFraction } from "../control/world.ts";
import { isUp } from "../engine/node-status.ts";
import { expandIsolate, expandNetem, expandPartition, type Pair } from "./expand.ts";
import { type FaultKind, NO_IMPAIRMENT } from "./fault.ts";
import type { ChosenNode, FaultableLab } from "./faultable-lab.ts";
import { netemFlags, spanFlag } from "./netem-flags.ts";
import { expandBridge, expandRing } from "./shapes.ts";

export type FaultCommand = { /** Null: until healed. */ readonly forMs: number | null } & (
  | NetemCommand
  | { readonly verb: "partition"; readonly groups: readonly string[]; readonly oneWay: boolean }
  | { readonly verb: "ring" }
  /** `bridge`: one node, which reaches both halves. */
  | { readonly verb: "bridge"; readonly bridge: string }
  | { readonly verb: "isolate"; readonly nodes: string }
  | { readonly verb: "unplug"; readonly nodes: string }
);

interface NetemCommand {
  readonly verb: "netem";
  readonly nodes: string;
  /** Only what these send to `nodes`. */
  readonly from?: string | undefined;
  /** Only what `nodes` send to these. */
  readonly to?: string | undefined;
  /** The other way too. */
  readonly both?: boolean | undefined;
  /** On the senders' own interfaces instead. */
  readonly egress?: boolean | undefined;
  readonly impairment: Impairment;
}

export interface FaultRequest {
  /** The command line that asks for it again, by numbers: "netem 4 --delay 100ms". */
  readonly cause: string;
  readonly kind: FaultKind;
  readonly pairs: readonly Pair[];
  readonly impairment: Impairment;
  /** Null: until healed. */
  readonly forMs: number | null;
  readonly egress: boolean;
  /** In no group of a partition: these still reach everyone. */
  readonly bridges: readonly NodeId[];
}

const CUT: Impairment = { ...NO_IMPAIRMENT, cut: true };

/**
 * Finds the nodes that the command means now.
 * @param draw a number in [0, 1), for `random` and the halves of a bridge; default: the world's own chance
 * @throws LabError("usage") for a command that contradicts itself, LabError("notFound") for nodes that aren't there
 */
export async function resolveFault(
  lab: FaultableLab,
  command: FaultCommand,
  draw: () => number = () => drawFraction(lab.engine.world),
): Promise<FaultRequest> {
  const resolve = (selectors: readonly string[]) => lab.resolveGroups(selectors, undefined, draw);
  const { forMs } = command;
  const cut = { kind: "partition", impairment: CUT, forMs, egress: false, bridges: [] } as const;
  switch (command.verb) {
    case "netem":
      return await resolveNetem(lab, command, forMs, resolve);
    case "partition": {
      const groups = await resolve(command.groups);
      const { oneWay } = command;
      const words = ["partition", ...groups.map(formatIds), ...(oneWay ? ["--one-way"] : [])];
      return {
        ...cut,
        ...expandPartition(groups.map(idsOf), lab.ids, { oneWay }),
        cause: describeCause(words, forMs, groups.flat()),
      };
    }
    case "ring":
      return { ...cut, pairs: expandRing(lab.running), cause: describeCause(["partition ring"], forMs, []) };
    case "bridge": {
      const bridge = await resolveBridge(lab, command.bridge, draw);
      const { pairs, halves } = expandBridge(lab.ids, bridge.id, draw);
      const cause = describeCause(["partition bridge", String(bridge.id)], forMs, [bridge]);
      return { ...cut, pairs, cause: `${cause} (${halves.map((half) => half.join(",")).join(" | ")})` };
    }
    case "isolate": {
      const [nodes = []] = await resolve([command.nodes]);
      const cause = describeCause(["isolate", formatIds(nodes)], forMs, nodes);
      return { ...cut, kind: "isolate", pairs: expandIsolate(idsOf(nodes), lab.ids), cause };
    }
    case "unplug": {
      const [nodes = []] = await resolve([command.nodes]);
      const pairs = idsOf(nodes).map((id): Pair => ({ from: id, to: id, openEnd: null }));
      return { ...cut, kind: "unplug", pairs, cause: describeCause(["unplug", formatIds(nodes)], forMs, nodes) };
    }
  }
}

async function resolveNetem(
  lab: FaultableLab,
  command: NetemCommand,
  forMs: number | null,
  resolve: (selectors: readonly string[]) => Promise<readonly (readonly ChosenNode[])[]>,
): Promise<FaultRequest> {
  const { impairment, both = false, egress = false } = command;
  const ends = (["from", "to"] as const).filter((end) => command[end] !== undefined);
  const [nodes = [], ...others] = await resolve([command.nodes, ...ends.map((end) => command[end] ?? "")]);
  const pick = (end: "from" | "to") => (command[end] === undefined ? null : (others[ends.indexOf(end)] ?? []));
  const [from, to] = [pick("from"), pick("to")];
  const pairs = expandNetem(
    { nodes: idsOf(nodes), from: from && idsOf(from), to: to && idsOf(to), both, egress },
    lab.ids,
  );
  const words = [
    "netem",
    formatIds(nodes),
    ...netemFlags(impairment),
    ...(from === null ? [] : ["--from", formatIds(from)]),
    ...(to === null ? [] : ["--to", formatIds(to)]),
    ...(both ? ["--both"] : []),
    ...(egress ? ["--egress"] : []),
  ];
  const cause = describeCause(words, forMs, [...nodes, ...(from ?? []), ...(to ?? [])]);
  return { cause, kind: "netem", pairs, impairment, forMs, egress, bridges: [] };
}

async function resolveBridge(lab: FaultableLab, selector: string, draw: () => number): Promise<ChosenNode> {
  const [chosen = []] = await lab.resolveGroups([selector], isUp, draw);
  const [first, second] = chosen;
  if (first !== undefined && second === undefined) return first;
  const meant = chosen.length === 0 ? "no node" : `${chosen.length} nodes (${idsOf(chosen).join(", ")})`;
  throw new LabError("usage", `"${selector}" means ${meant}, but a bridge is one node`, "name one: 3, leader, random");
}

/** The words, and which of the nodes led at that moment. */
function describeCause(words: readonly string[], forMs: number | null, chosen: readonly ChosenNode[]): string {
  const leader = chosen.find((node) => node.role === "coordinator");
  const note = leader === undefined ? [] : [`(${leader.id}: coordinator)`];
  return [...words, ...spanFlag("--for", forMs), ...note].join(" ");
}

function idsOf(nodes: readonly ChosenNode[]): readonly NodeId[] {
  return nodes.map(({ id }) => id);
}

function formatIds(nodes: readonly ChosenNode[]): string {
  return idsOf(nodes).join(",");
}
