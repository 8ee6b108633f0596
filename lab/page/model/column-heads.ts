/**
 * Names above the columns of a space-time diagram: as many as there is room for, and those of coordinators always.
 */
export interface ColumnHead {
  readonly id: number;
  readonly x: number;
}

/** Two digits on a badge. */
export const HEAD_PX = 24;

/** @param columns in their order, `x` in pixels */
export function planHeads(
  columns: readonly ColumnHead[],
  leads: (id: number) => boolean,
  width: number,
): readonly ColumnHead[] {
  const leaders = pushApart(
    columns.filter(({ id }) => leads(id)),
    width,
  );
  const [first, last] = [columns[0], columns.at(-1)];
  const gap = columns.length < 2 ? HEAD_PX : ((last?.x ?? 0) - (first?.x ?? 0)) / (columns.length - 1);
  const every = Math.max(1, Math.ceil(HEAD_PX / gap));
  const others = columns.filter(
    ({ id, x }, n) => n % every === 0 && !leads(id) && leaders.every((leader) => Math.abs(leader.x - x) >= HEAD_PX),
  );
  return [...others, ...leaders].sort((a, b) => a.x - b.x);
}

/** Coordinators of neighbouring columns stand side by side: first from the left, then back from the right edge. */
function pushApart(heads: readonly ColumnHead[], width: number): readonly ColumnHead[] {
  const xs = heads.map(({ x }) => x);
  for (let n = 1; n < xs.length; n++) xs[n] = Math.max(xs[n] as number, (xs[n - 1] as number) + HEAD_PX);
  for (let n = xs.length - 1; n >= 0; n--)
    xs[n] = Math.min(xs[n] as number, (xs[n + 1] ?? width + HEAD_PX / 2) - HEAD_PX);
  return heads.map(({ id }, n) => ({ id, x: xs[n] as number }));
}
