/**
 * Partitions that aren't two sides: a ring, in which every node hears a majority but no two the same one, and a bridge, in which one node
 * hears both halves. Both are worth trying on whatever elects: everybody sees enough, nobody sees the same.
 * Source: Kingsbury's Jepsen, nemesis "majorities-ring" and "bridge".
 */
import type { NodeId } from "../../node/wire/ids.ts";
import { LabError } from "../base/lab-error.ts";
import type { Pair } from "./expand.ts";

/** Nodes hear their neighbours in the circle of ids, on both sides alike, so many that each hears a majority with itself. */
export function expandRing(nodes: readonly NodeId[]): readonly Pair[] {
  const count = nodes.length;
  const reach = Math.ceil(Math.floor(count / 2) / 2);
  const pairs = nodes.flatMap((from, i) =>
    nodes.flatMap((to, j) => {
      const steps = Math.abs(i - j);
      const distance = Math.min(steps, count - steps);
      return distance > reach ? [{ from, to, openEnd: null }] : [];
    }),
  );
  if (pairs.length > 0) return pairs;
  throw new LabError("failed", `a ring of ${count} nodes cuts nothing`, "it takes four nodes at least");
}

/** Two halves, drawn; `bridge` reaches both. */
export function expandBridge(
  nodes: readonly NodeId[],
  bridge: NodeId,
  draw: () => number,
): { readonly pairs: readonly Pair[]; readonly halves: readonly (readonly NodeId[])[] } {
  const others = nodes.filter((id) => id !== bridge);
  if (others.length < 2)
    throw new LabError("failed", "a bridge has nobody to stand between", "it takes three nodes at least");
  const order = others.map((id) => ({ id, rank: draw() })).sort((a, b) => a.rank - b.rank);
  const middle = Math.floor(order.length / 2);
  const halves = [order.slice(0, middle), order.slice(middle)].map((half) =>
    half.map(({ id }) => id).sort((a, b) => a - b),
  );
  const [left = [], right = []] = halves;
  const pairs = left.flatMap((a) =>
    right.flatMap((b): Pair[] => [
      { from: a, to: b, openEnd: null },
      { from: b, to: a, openEnd: null },
    ]),
  );
  return { pairs, halves };
}
