/** Which two nodes a point of the ring lies between. */

interface Spot {
  readonly x: number;
  readonly y: number;
}

/** So near is meant. */
const NEAR_PX = 9;

/** @returns the pair whose line runs next to the point, the lower id first; null: none does, or the point is at a node */
export function findLink(
  spots: ReadonlyMap<number, Spot>,
  nodeRadius: number,
  at: Spot,
): readonly [number, number] | null {
  const nodes = [...spots].sort(([a], [b]) => a - b);
  if (nodes.some(([, spot]) => Math.hypot(spot.x - at.x, spot.y - at.y) < nodeRadius + NEAR_PX)) return null;
  let found: readonly [number, number] | null = null;
  let nearest = NEAR_PX;
  nodes.forEach(([a, from], n) => {
    for (const [b, to] of nodes.slice(n + 1)) {
      const distance = distanceOf(from, to, at);
      if (distance < nearest) [nearest, found] = [distance, [a, b]];
    }
  });
  return found;
}

function distanceOf(from: Spot, to: Spot, at: Spot): number {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const share = ((at.x - from.x) * dx + (at.y - from.y) * dy) / (dx * dx + dy * dy || 1);
  const along = Math.min(1, Math.max(0, share));
  return Math.hypot(from.x + along * dx - at.x, from.y + along * dy - at.y);
}
