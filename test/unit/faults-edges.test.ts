// Where the values of faults change their form or their meaning: units, majorities, chances, what the kernel prints.
import { describe, expect, test } from "vitest";
import { minorOf, perMillion, whyNoEgress } from "../../lab/faults/compile.ts";
import { EMPTY_FAULT_LIST, FaultList, NO_IMPAIRMENT } from "../../lab/faults/fault.ts";
import { netemFlags, spanFlag } from "../../lab/faults/netem-flags.ts";
import { expandBridge, expandRing } from "../../lab/faults/shapes.ts";

const ids = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

test.each([
  [null, null],
  [0, null],
  [-1, null],
  [1, "1ms"],
  [999, "999ms"],
  [1_000, "1s"],
  [1_001, "1001ms"],
  [1_500, "1500ms"],
  [60_000, "60s"],
])("a span of %j ms must be written as %j", (ms, text) => {
  expect(spanFlag("--for", ms)).toEqual(text === null ? [] : ["--for", text]);
});

test("netem's flags must be those that say something, with units that hold no digits back", () => {
  expect(netemFlags(NO_IMPAIRMENT)).toEqual([]);
  expect(netemFlags({ delayMs: 100, jitterMs: 1, loss: 0.1, duplicate: 0.005, reorder: 1 })).toEqual([
    "--delay",
    "100ms",
    "--jitter",
    "1ms",
    "--loss",
    "10%",
    "--dup",
    "0.5%",
    "--reorder",
    "100%",
  ]);
  const rates = [1, 999, 1_000, 1_500, 64_000, 1_000_000, 1_500_000, 2_000_000];
  expect(rates.map((rateBps) => netemFlags({ rateBps })[1])).toEqual([
    "1bit",
    "999bit",
    "1kbit",
    "1500bit",
    "64kbit",
    "1mbit",
    "1500kbit",
    "2mbit",
  ]);
});

describe("shapes", () => {
  test.each(ids(9).slice(3))("a ring of %i must let each node hear a majority, and never all", (count) => {
    const pairs = expandRing(ids(count));
    const unheard = ids(count).map((to) => pairs.filter((pair) => pair.to === to).length);
    const [first = 0] = unheard;
    expect(new Set(unheard).size).toBe(1);
    expect(first).toBeGreaterThan(0);
    expect(count - first).toBeGreaterThan(count / 2);
    // One neighbour fewer on each side would be no majority.
    expect(count - first - 2).toBeLessThanOrEqual(count / 2);
    expect(pairs.every(({ from, to }) => pairs.some((back) => back.from === to && back.to === from))).toBe(true);
  });

  test.each(ids(3))("a ring of %i cuts nothing, and must be refused", (count) => {
    expect(() => expandRing(ids(count))).toThrow(/cuts nothing/);
  });

  test("a bridge must stand between halves that differ by one node at most, drawn by chance", () => {
    const ranks = [0.9, 0.1, 0.5, 0.2];
    const { halves, pairs } = expandBridge(ids(5), 3, () => ranks.shift() ?? 0);
    expect(halves).toEqual([
      [2, 5],
      [1, 4],
    ]);
    expect(pairs).toHaveLength(8);
    expect(pairs.some(({ from, to }) => from === 3 || to === 3)).toBe(false);
    expect(expandBridge(ids(4), 4, () => 0).halves.map(({ length }) => length)).toEqual([1, 2]);
    expect(expandBridge(ids(3), 1, () => 0).pairs).toHaveLength(2);
    expect(() => expandBridge(ids(2), 1, () => 0)).toThrow(/nobody to stand between/);
  });
});

test("the kernel's numbers must be within its ranges", () => {
  expect([0, 1e-9, 4e-7, 1e-6, 1.5e-6, 0.2, 1].map(perMillion)).toEqual([1, 1, 1, 1, 2, 200_000, 1_000_000]);
  expect(["10.0.0.1", "10.0.1.0", "10.203.7.11", "10.9.255.255"].map(minorOf)).toEqual([1, 256, 1_803, 65_535]);
  const list = (fields: object): boolean => FaultList.safeParse({ ...EMPTY_FAULT_LIST, ...fields }).success;
  expect([{}, { generation: -1 }, { generation: 1 }, { nextId: 0 }, { nextId: 2 }].map(list)).toEqual([
    true,
    false,
    true,
    false,
    true,
  ]);
});

test("--egress must be refused where the kernel can't do it", () => {
  const none = { nft: true, netem: false, htb: false, ifb: false };
  const rate = { ...NO_IMPAIRMENT, rateBps: 64_000 };
  const can = (impairment: object, kernel: object): boolean =>
    whyNoEgress({ ...NO_IMPAIRMENT, ...impairment }, { ...none, ...kernel }) === null;
  expect([can(rate, {}), can(rate, { htb: true }), can(rate, { netem: true })]).toEqual([false, true, true]);
  for (const more of [{ delayMs: 1 }, { loss: 0.1 }, { reorder: 0.1 }, { duplicate: 0.1 }])
    expect([can({ ...rate, ...more }, { htb: true }), can({ ...rate, ...more }, { netem: true })]).toEqual([
      false,
      true,
    ]);
});
