/**
 * From verbs to directed pairs: who the packets come from, and who sees the effect.
 *
 * Every fault is compiled at its receivers, so a verb is nothing but the set of pairs that it means:
 * - `netem 3` is what 3 sends, as tc on its own interface would have it: 3 -> every other node.
 * - `partition 1,2 3,4,5` cuts both ways between the groups. Nodes in no group keep reaching everyone, as a bridge between the
 *   parts (that is a fault worth trying, and what naming them would have expressed otherwise). A single group is cut off from
 *   all the rest, because a partition of one part means nothing else.
 * - `isolate 3` is `partition 3` for each node named: isolated nodes don't reach each other either.
 */
import type { NodeId } from "../../node/wire/ids.ts";
import { LabError } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";

export interface Pair {
  readonly from: NodeId;
  readonly to: NodeId;
  /** The end that stands for "every other node"; see Fault. */
  readonly openEnd: "from" | "to" | null;
}

export interface NetemTarget {
  readonly nodes: readonly NodeId[];
  /** Only what these send to `nodes`; null: not given. */
  readonly from: readonly NodeId[] | null;
  /** Only what `nodes` send to these; null: not given. */
  readonly to: readonly NodeId[] | null;
  /** The other way too. */
  readonly both: boolean;
  /** On the senders' own interfaces instead. */
  readonly egress: boolean;
}

/** Throws LabError("usage") when the options contradict each other or mean no pair at all. */
export function expandNetem(target: NetemTarget, allNodes: readonly NodeId[]): readonly Pair[] {
  if (target.egress) return expandEgress(target);
  const pairs: Pair[] = [];
  for (const node of target.nodes) {
    if (target.from === null && target.to === null) {
      for (const other of allNodes) pairs.push({ from: node, to: other, openEnd: "to" });
    }
    for (const other of target.from ?? []) pairs.push({ from: other, to: node, openEnd: null });
    for (const other of target.to ?? []) pairs.push({ from: node, to: other, openEnd: null });
  }
  const wanted = target.both ? pairs.flatMap((pair) => [pair, reverse(pair)]) : pairs;
  const found = withoutDoubles(wanted);
  if (found.length === 0) {
    throw new LabError("usage", "no packets between two nodes are meant", NEXT.impairTo());
  }
  return found;
}

/** Throws LabError("usage") for overlapping groups, an empty side, or `oneWay` with more than two sides. */
export function expandPartition(
  groups: readonly (readonly NodeId[])[],
  allNodes: readonly NodeId[],
  options: { readonly oneWay: boolean },
): {
  readonly pairs: readonly Pair[];
  readonly bridges: readonly NodeId[];
} {
  const seen = new Set<NodeId>();
  for (const id of groups.flatMap((group) => [...new Set(group)])) {
    if (seen.has(id))
      throw new LabError("usage", `node ${id} is in two groups`, ["name every node once", NEXT.partition()]);
    seen.add(id);
  }
  const unnamed = allNodes.filter((id) => !seen.has(id));
  const isOneGroup = groups.length === 1;
  const sides = isOneGroup ? [...groups, unnamed] : groups;
  if (sides.length < 2 || sides.some((side) => side.length === 0)) {
    throw new LabError("usage", "a partition takes two sides with at least one node each", [
      "name the groups",
      NEXT.partition(),
    ]);
  }
  if (options.oneWay && sides.length > 2) {
    throw new LabError("usage", `--one-way takes two groups, not ${sides.length}`, NEXT.partitionOneWay());
  }
  const pairs: Pair[] = [];
  sides.forEach((side, index) => {
    for (const other of sides.slice(index + 1)) {
      for (const from of side) for (const to of other) pairs.push({ from, to, openEnd: isOneGroup ? "to" : null });
    }
  });
  return {
    pairs: withoutDoubles(options.oneWay ? pairs : pairs.flatMap((pair) => [pair, reverse(pair)])),
    bridges: isOneGroup ? [] : unnamed,
  };
}

/** Throws LabError("usage") when there is nobody to be isolated from. */
export function expandIsolate(nodes: readonly NodeId[], allNodes: readonly NodeId[]): readonly Pair[] {
  const pairs = nodes.flatMap((node) => allNodes.map((other): Pair => ({ from: node, to: other, openEnd: "to" })));
  const found = withoutDoubles(pairs.flatMap((pair) => [pair, reverse(pair)]));
  if (found.length === 0) throw new LabError("usage", "there is no other node to isolate it from", NEXT.addNode(2));
  return found;
}

function expandEgress(target: NetemTarget): readonly Pair[] {
  if (target.from !== null || target.to !== null || target.both) {
    throw new LabError(
      "usage",
      "--egress acts on all that a node sends: it can't be limited by --from, --to or --both",
      "leave --egress off to impair single pairs",
    );
  }
  return target.nodes.map((node) => ({ from: node, to: node, openEnd: null }));
}

function reverse(pair: Pair): Pair {
  const openEnd = pair.openEnd === null ? null : pair.openEnd === "to" ? "from" : "to";
  return { from: pair.to, to: pair.from, openEnd };
}

/** The first of equals wins; a node doesn't send to itself over the network. */
function withoutDoubles(pairs: readonly Pair[]): readonly Pair[] {
  const byKey = new Map<string, Pair>();
  for (const pair of pairs) {
    const key = `${pair.from}>${pair.to}`;
    if (pair.from !== pair.to && !byKey.has(key)) byKey.set(key, pair);
  }
  return [...byKey.values()];
}
