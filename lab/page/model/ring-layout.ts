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
export const CAPTION_RADIUS = 14;
const CAPTION_PX = 62;
/** Around a node's disc lies the circle of those that watch it. */
export const HALO_PX = 8;
const ROWS_MAX = 4;

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
  const fullRadius = Math.min(34, Math.max(8, (room * 1.35) / Math.max(count, 1)), room * 0.2);
  // Captions stand above and below the nodes; nodes too small for captions need none.
  const isCaptioned = fullRadius > CAPTION_RADIUS;
  const margin = isCaptioned ? { x: 34, y: CAPTION_PX } : { x: 30, y: 30 };
  const ringRadius = Math.max(
    40,
    Math.min(size.width / 2 - fullRadius - margin.x, size.height / 2 - fullRadius - margin.y),
  );
  const gapPx = (2 * Math.PI * ringRadius) / slots;
  const leastRadius = isCaptioned ? CAPTION_RADIUS + 0.5 : 8;
  const nodeRadius = Math.min(fullRadius, Math.max(leastRadius, gapPx / 2 - HALO_PX));
  const rows = planRows(gapPx, 2 * (nodeRadius + HALO_PX), ringRadius);
  const places = new Map<number, Place>();
  const cuts: number[] = [];
  const firstLength = groups[0]?.length ?? 0;
  // The first node stands on top; with two sides, the first one is on the left.
  const turn = groups.length > 1 ? Math.PI - ((firstLength - 1) / 2 / slots) * 2 * Math.PI : -Math.PI / 2;
  let slot = 0;
  for (const group of groups) {
    for (const id of group) {
      const angle = turn + (slot / slots) * 2 * Math.PI;
      const radius = ringRadius - (places.size % rows.count) * rows.depth;
      places.set(id, { x: centre.x + radius * Math.cos(angle), y: centre.y + radius * Math.sin(angle), angle });
      slot += 1;
    }
    if (groups.length > 1) cuts.push(turn + ((slot - 0.5 + gap / 2) / slots) * 2 * Math.PI);
    slot += gap;
  }
  return { places, cuts, groups, nodeRadius, ringRadius, centre };
}

/** A ring that is too short for its nodes has more rows: its neighbours stand one behind the other. All in pixels. */
function planRows(gap: number, need: number, ringRadius: number): { readonly count: number; readonly depth: number } {
  if (gap >= need) return { count: 1, depth: 0 };
  const depth = Math.sqrt(need * need - gap * gap * 0.7);
  let count = 2;
  while (count < ROWS_MAX && count * gap * (1 - ((count - 1) * depth) / ringRadius) < need) count += 1;
  return { count, depth };
}
