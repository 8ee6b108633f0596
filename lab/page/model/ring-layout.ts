/**
 * Where the nodes stand on the ring: in the order of their ids, those that can still talk to each other together, with a gap where the
 * network is cut.
 */
import type { ClusterState } from "./cluster-state.ts";

export interface Place {
  readonly x: number;
  readonly y: number;
  /** Direction from the centre, radians. */
  readonly angle: number;
}

export interface RingLayout {
  readonly places: ReadonlyMap<number, Place>;
  /** Directions from the centre in which a cut runs outwards. */
  readonly cuts: readonly number[];
  readonly groups: readonly (readonly number[])[];
  readonly nodeRadius: number;
  readonly ringRadius: number;
  readonly centre: { readonly x: number; readonly y: number };
}

/** Nodes smaller than this have no caption. */
export const CAPTION_RADIUS = 16;
const CAPTION_PX = 62;

/** Directed pairs between which nothing passes, as `from>to`. */
export function findCutPairs(state: ClusterState): ReadonlySet<string> {
  const pairs = new Set<string>();
  for (const fault of state.faults) {
    if (fault.kind !== "partition") continue;
    for (const { from, to } of fault.pairs) {
      if (from !== to) pairs.add(`${from}>${to}`);
      else for (const other of state.nodes.keys()) if (other !== from) pairs.add(`${from}>${other}`);
    }
  }
  for (const node of state.nodes.values()) {
    if (!node.unplugged) continue;
    for (const other of state.nodes.keys())
      if (other !== node.id) pairs.add(`${node.id}>${other}`).add(`${other}>${node.id}`);
  }
  return pairs;
}

/** Groups of nodes that can reach each other, at least by way of others and in one direction. Each group by id, groups by their lowest id. */
export function findGroups(ids: readonly number[], cut: ReadonlySet<string>): readonly (readonly number[])[] {
  const left = new Set(ids);
  const groups: number[][] = [];
  for (const first of ids) {
    if (!left.delete(first)) continue;
    const group = [first];
    for (const id of group)
      for (const other of [...left])
        if (!(cut.has(`${id}>${other}`) && cut.has(`${other}>${id}`)) && left.delete(other)) group.push(other);
    groups.push(group.sort((a, b) => a - b));
  }
  return groups;
}

export function layoutRing(
  groups: readonly (readonly number[])[],
  size: { readonly width: number; readonly height: number },
): RingLayout {
  const count = groups.reduce((sum, group) => sum + group.length, 0);
  const gap = groups.length > 1 ? Math.max(0.7, count / 14) : 0;
  const slots = Math.max(1, count + gap * (groups.length > 1 ? groups.length : 0));
  const centre = { x: size.width / 2, y: size.height / 2 };
  const room = Math.max(60, Math.min(size.width, size.height) / 2);
  const nodeRadius = Math.min(34, Math.max(8, (room * 1.35) / Math.max(count, 1)), room * 0.2);
  // Captions stand above and below the nodes; nodes too small for captions need none.
  const margin = nodeRadius > CAPTION_RADIUS ? { x: 34, y: CAPTION_PX } : { x: 30, y: 30 };
  const ringRadius = Math.max(
    40,
    Math.min(size.width / 2 - nodeRadius - margin.x, size.height / 2 - nodeRadius - margin.y),
  );
  const places = new Map<number, Place>();
  const cuts: number[] = [];
  const firstLength = groups[0]?.length ?? 0;
  // The first node stands on top; with two sides, the first one is on the left.
  const turn = groups.length > 1 ? Math.PI - ((firstLength - 1) / 2 / slots) * 2 * Math.PI : -Math.PI / 2;
  let slot = 0;
  for (const group of groups) {
    for (const id of group) {
      const angle = turn + (slot / slots) * 2 * Math.PI;
      places.set(id, { x: centre.x + ringRadius * Math.cos(angle), y: centre.y + ringRadius * Math.sin(angle), angle });
      slot += 1;
    }
    if (groups.length > 1) cuts.push(turn + ((slot - 0.5 + gap / 2) / slots) * 2 * Math.PI);
    slot += gap;
  }
  return { places, cuts, groups, nodeRadius, ringRadius, centre };
}
