// Edges of the faults' arithmetic that the tables beside this one don't reach: shapes of partitions, flags, egress as the kernel has it.
import { describe, expect, test } from "vitest";
import { CLEAR_STATE, chooseBackends } from "../../lab/faults/compile.ts";
import { describeEffect, describeEffects } from "../../lab/faults/describe-fault.ts";
import { EMPTY_FAULT_LIST, FaultList, NO_IMPAIRMENT } from "../../lab/faults/fault.ts";
import { addFault } from "../../lab/faults/list.ts";
import { netemFlags, spanFlag } from "../../lab/faults/netem-flags.ts";
import { parseImpairment } from "../../lab/faults/parse-fault.ts";
import { expandBridge, expandRing } from "../../lab/faults/shapes.ts";
import { findDifferences, parseReadBack } from "../../lab/faults/verify.ts";
import type { Impairment } from "../../node/wire/control.ts";

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

describe("a ring", () => {
  test.each([4, 5, 6, 7, 8, 11, 12])("of %i nodes must let each hear a bare majority, no two the same", (count) => {
    const nodes = upTo(count);
    const pairs = expandRing(nodes);
    const heard = nodes.map((to) =>
      nodes.filter((from) => !pairs.some((pair) => pair.from === from && pair.to === to)),
    );
    for (const ids of heard) {
      expect(ids.length).toBeGreaterThan(count / 2);
      // One neighbour less on each side would be no majority.
      expect(ids.length - 2).toBeLessThanOrEqual(count / 2);
    }
    expect(new Set(heard.map(String)).size).toBe(count);
  });

  test("of so few that nothing would be cut must be refused", () => {
    for (const count of [1, 2, 3]) expect(() => expandRing(upTo(count))).toThrow(/cuts nothing/);
  });
});

describe("a bridge", () => {
  test.each([3, 4, 5, 8])("of %i nodes must cut two halves from each other, and reach both", (count) => {
    const draws = upTo(count).map((id) => (id * 7) % 5);
    const { pairs, halves } = expandBridge(upTo(count), 2, () => draws.pop() ?? 0);
    const [left = [], right = []] = halves;
    expect([...left, ...right, 2].sort((a, b) => a - b)).toEqual(upTo(count));
    expect(right.length - left.length).toBe((count - 1) % 2);
    expect(pairs).toHaveLength(2 * left.length * right.length);
    for (const { from, to } of pairs) expect(left.includes(from)).toBe(right.includes(to));
    expect(pairs.some(({ from, to }) => from === 2 || to === 2)).toBe(false);
  });

  test("of two nodes must be refused", () => {
    expect(() => expandBridge([1, 2], 1, () => 0)).toThrow(/nobody to stand between/);
  });
});

describe("values as flags", () => {
  const values: Impairment = {
    cut: false,
    delayMs: 1_500,
    jitterMs: 2_000,
    loss: 0.125,
    duplicate: 0.0001,
    reorder: 1,
    rateBps: 64_000,
  };

  test("must be what the parser makes the same values of", () => {
    const flags = netemFlags(values);
    expect(flags).toEqual(
      "--delay 1500ms --jitter 2s --loss 12.5% --dup 0.01% --reorder 100% --rate 64kbit".split(" "),
    );
    const texts = Object.fromEntries(flags.flatMap((flag, i) => (i % 2 === 0 ? [[flag.slice(2), flags[i + 1]]] : [])));
    expect(parseImpairment(texts, "--")).toEqual(values);
    expect(parseImpairment({}, "--")).toEqual(NO_IMPAIRMENT);
  });

  test("must leave out what isn't there, and keep the largest unit that is exact", () => {
    expect(netemFlags(NO_IMPAIRMENT)).toEqual([]);
    expect(netemFlags({})).toEqual([]);
    expect([999, 1_000, 1_001, 1_999, 3_000].map((ms) => spanFlag("--for", ms)[1])).toEqual([
      "999ms",
      "1s",
      "1001ms",
      "1999ms",
      "3s",
    ]);
    expect([0, null, undefined].map((ms) => spanFlag("--for", ms))).toEqual([[], [], []]);
    expect([999, 2_000, 2_500, 3_000_000].map((rateBps) => netemFlags({ rateBps })[1])).toEqual([
      "999bit",
      "2kbit",
      "2500bit",
      "3mbit",
    ]);
  });
});

describe("a sender's own interface", () => {
  const kernel = { nft: true, netem: true, htb: true, ifb: true };
  const delay = { ...NO_IMPAIRMENT, delayMs: 100 };
  const egress = (qdisc: string): string =>
    `@egress-qdisc\n[{"kind":"htb","handle":"e1ab:","root":true,"options":{}},${qdisc}]\n@egress-class\n\n`;
  const netem = (seconds: number, parent = "e1ab:1"): string =>
    `{"kind":"netem","handle":"8001:","parent":"${parent}","options":{"limit":10000,"delay":{"delay":${seconds},"jitter":0},"ecn":false}}`;

  function differences(state: Impairment | null, printed: string, has = kernel): readonly string[] {
    const readBack = parseReadBack(`@device eth0\n@nft\n${printed}@draining 0\n@clock 1\n@end\n`);
    if (readBack === null) throw new Error("not a whole report");
    return findDifferences({ ...CLEAR_STATE, egress: state }, readBack, has);
  }

  test("must be read back as exactly as any other", () => {
    expect(differences(delay, egress(netem(0.1)))).toEqual([]);
    expect(differences(delay, egress(netem(0.2)))).toEqual(["netem has delayMs 200 instead of 100 for what it sends"]);
    expect(differences(delay, egress(netem(0.1, "e1ab:2")))).toEqual(["tc has no queue for what it sends"]);
    expect(differences(delay, "")).toEqual(["tc doesn't impair what it sends"]);
    expect(differences(delay, "@egress-qdisc\nnothing\n")).toEqual(["tc printed qdiscs that can't be read"]);
  });

  test("must be clear when nothing is asked of it", () => {
    expect(differences(null, egress(netem(0)))).toEqual([]);
    expect(differences(null, egress('{"kind":"pfifo","handle":"8001:","parent":"e1ab:1"}'))).toEqual([]);
    expect(differences(null, egress(netem(0.1)))).toEqual(["tc still impairs what this node sends"]);
    expect(differences(null, "")).toEqual([]);
  });
});

test("a cable that is pulled must be the engine's business, on any kernel", () => {
  const all = { nft: true, netem: true, htb: true, ifb: true };
  const change = addFault(EMPTY_FAULT_LIST, {
    cause: "test",
    kind: "unplug",
    pairs: [{ from: 1, to: 1, openEnd: null }],
    impairment: { ...NO_IMPAIRMENT, cut: true },
    untilMs: null,
    egress: false,
  });
  for (const fault of change.added) expect(chooseBackends(fault, all)).toEqual(["engine"]);
});

test("two faults on one pair must add up: spans as sums, chances as independent ones, cuts for good", () => {
  const pairs = [{ from: 1, to: 2, openEnd: null }];
  const common = { cause: "test", pairs, untilMs: null, egress: false } as const;
  const lossy = { ...NO_IMPAIRMENT, loss: 0.5 };
  const { list } = addFault(EMPTY_FAULT_LIST, { ...common, kind: "partition", impairment: lossy });
  const { list: both, added } = addFault(list, { ...common, kind: "netem", impairment: { ...lossy, delayMs: 10_000 } });
  expect(describeEffects(added, both).map(describeEffect)).toEqual([
    "1 -> 2: +10 s, 75% lost; 2 -> 1: unchanged; round trip +10 s, 75% of them lost",
  ]);
});

test("a stored list must have numbers that a lab can give", () => {
  expect(FaultList.parse({ generation: 0, nextId: 1, faults: [] })).toMatchObject({ run: null, nodes: {} });
  for (const wrong of [
    { generation: -1, nextId: 1, faults: [] },
    { generation: 0, nextId: 0, faults: [] },
    { generation: 0.5, nextId: 1, faults: [] },
  ])
    expect(FaultList.safeParse(wrong).success).toBe(false);
});
