/**
 * Which nodes can talk to each other under the lab's faults: the sides of a partition.
 *
 * Pure. Two nodes are linked when neither direction between them is cut; a side is what hangs together by links.
 */
import type { NodeId } from "../../node/wire/ids.ts";

/** A directed pair over which nothing arrives. */
export interface Cut {
  readonly from: NodeId;
  readonly to: NodeId;
}

/** The sides, each ascending, the largest first (ties: the one with the lower id). */
export function findSides(
  ids: readonly NodeId[],
  cuts: readonly Cut[],
  unplugged: readonly NodeId[] = [],
): readonly (readonly NodeId[])[] {
  const broken = new Set(cuts.flatMap(({ from, to }) => [`${from}-${to}`, `${to}-${from}`]));
  const areLinked = (a: NodeId, b: NodeId): boolean =>
    !broken.has(`${a}-${b}`) && !unplugged.includes(a) && !unplugged.includes(b);
  const left = new Set([...ids].sort((a, b) => a - b));
  const sides: NodeId[][] = [];
  for (const first of left) {
    left.delete(first);
    const side = [first];
    // Grows while it is walked: a node that is reached may reach others.
    for (const member of side) {
      for (const other of left) {
        if (!areLinked(member, other)) continue;
        left.delete(other);
        side.push(other);
      }
    }
    sides.push(side.sort((a, b) => a - b));
  }
  return sides.sort((a, b) => b.length - a.length || (a[0] ?? 0) - (b[0] ?? 0));
}
