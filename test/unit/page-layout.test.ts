/** Nothing on the page lies over anything else, in labs of any size that people look at, on a phone, a laptop and a screen. */
import { describe, expect, it } from "vitest";
import { LabelRoom } from "../../lab/page/draw/place-label.ts";
import { HEAD_PX, planHeads } from "../../lab/page/model/column-heads.ts";
import { spanOf, WHOLE_RUN, zoomOverview } from "../../lab/page/model/overview.ts";
import { HALO_PX, layoutRing } from "../../lab/page/model/ring-layout.ts";

const COUNTS = [3, 5, 20, 50];
/** Of the ring, where the page is 390 x 844, 1280 x 720, 1920 x 1080. */
const STAGES = [
  { width: 390, height: 411 },
  { width: 501, height: 501 },
  { width: 848, height: 885 },
];

function idsTo(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n + 1);
}

describe.each(STAGES)("a ring of $width x $height", (size) => {
  it.each(COUNTS)("must keep %i nodes apart and inside, whole and cut", (count) => {
    const ids = idsTo(count);
    const cut = [ids.filter((id) => id % 3 === 0), ids.filter((id) => id % 3 !== 0)];
    for (const groups of [[ids], cut, [...cut, [count + 1]]]) {
      const { places, nodeRadius } = layoutRing(groups, size);
      const spots = [...places.values()];
      expect(spots.length).toBe(groups.flat().length);
      for (const [n, a] of spots.entries()) {
        expect(Math.min(a.x, a.y, size.width - a.x, size.height - a.y)).toBeGreaterThanOrEqual(nodeRadius + HALO_PX);
        for (const b of spots.slice(n + 1))
          expect(Math.hypot(a.x - b.x, a.y - b.y), `${count} nodes`).toBeGreaterThan(2 * nodeRadius + HALO_PX);
      }
    }
  });
});

it("a label must take the first place that is clear, stay on the stage, and cover as little as it can", () => {
  const room = new LabelRoom({ width: 200, height: 100 }, [{ x: 100, y: 50, radius: 20 }]);
  const label = { width: 60, height: 20 };
  const above = { x: 100, y: 15 };
  const below = { x: 100, y: 85 };
  expect(room.place(label, [{ x: 100, y: 40 }, above, below])).toMatchObject(above);
  expect(room.place(label, [above, below])).toMatchObject(below);
  expect(room.place(label, [{ x: -50, y: 50 }])).toMatchObject({ x: 32, y: 50 });
  // All is taken: it lies where it covers least.
  expect(room.place(label, [above, { x: 100, y: 50 }])).toMatchObject(above);
});

it.each(COUNTS)("the heads of %i columns must not touch, and name all coordinators", (count) => {
  for (const width of [390, 425, 545]) {
    const ids = idsTo(count);
    const columns = ids.map((id, n) => ({ id, x: 40 + ((width - 80) * n) / (count - 1) }));
    for (const leaders of [[count], [count - 1, count], [1, 2, count]]) {
      const heads = planHeads(columns, (id) => leaders.includes(id), width);
      expect(heads.map(({ id }) => id)).toEqual(expect.arrayContaining(leaders));
      const xs = heads.map(({ x }) => x);
      for (let n = 1; n < xs.length; n++)
        expect((xs[n] as number) - (xs[n - 1] as number)).toBeGreaterThanOrEqual(HEAD_PX - 1e-6);
      expect(xs.at(-1)).toBeLessThanOrEqual(width - HEAD_PX / 2);
    }
  }
});

it("the time line must zoom around the pointer, stay inside the run, and turn over when the moment leaves it", () => {
  const run = { beginMs: 1_000, endMs: 101_000 };
  expect(spanOf(WHOLE_RUN, run, 50_000)).toEqual(run);
  const twice = zoomOverview(run, run, 2, 26_000);
  const shown = spanOf(twice, run, 26_000);
  // A quarter of the strip before and after.
  expect(shown).toEqual({ beginMs: 13_500, endMs: 63_500 });
  expect(spanOf(twice, run, 63_000)).toEqual(shown);
  expect(spanOf(twice, run, 70_000)).toEqual({ beginMs: 45_000, endMs: 95_000 });
  expect(spanOf(twice, run, 101_000)).toEqual({ beginMs: 51_000, endMs: 101_000 });
  expect(zoomOverview(shown, run, 0.5, 26_000)).toBe(WHOLE_RUN);
  // At most so far that a second is shown.
  const { beginMs, endMs } = spanOf(zoomOverview(run, run, 1e9, 2_000), run, 2_000);
  expect(endMs - beginMs).toBeCloseTo(1_000);
});
