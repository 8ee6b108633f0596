import { describe, expect, test } from "vitest";
import {
  describeEffect,
  describeEffects,
  describeImpairment,
  describeOwn,
  formatRemaining,
} from "../../lab/faults/describe-fault.ts";
import { expandIsolate, expandNetem, expandPartition, type Pair } from "../../lab/faults/expand.ts";
import { EMPTY_FAULT_LIST, type FaultList, NO_IMPAIRMENT } from "../../lab/faults/fault.ts";
import { addFault } from "../../lab/faults/list.ts";

const five = [1, 2, 3, 4, 5];
const cut = { ...NO_IMPAIRMENT, cut: true };

function linesOf(
  list: FaultList,
  pairs: readonly Pair[],
  impairment = NO_IMPAIRMENT,
  kind = "netem" as const,
): string[] {
  const change = addFault(list, { cause: "test", kind, pairs, impairment, untilMs: null, egress: false });
  return describeEffects(change.added, change.list).map(describeEffect);
}

function netem(nodes: number[], more: { from?: number[]; to?: number[]; both?: boolean } = {}): readonly Pair[] {
  return expandNetem(
    { nodes, from: more.from ?? null, to: more.to ?? null, both: more.both ?? false, egress: false },
    five,
  );
}

describe("a fault's report", () => {
  test("one direction must say both directions and the round trip", () => {
    expect(linesOf(EMPTY_FAULT_LIST, netem([1], { to: [3] }), { ...NO_IMPAIRMENT, delayMs: 100 })).toEqual([
      "1 -> 3: +100 ms; 3 -> 1: unchanged; round trip +100 ms",
    ]);
  });

  test("both directions must be one line with the sum", () => {
    const impairment = { ...NO_IMPAIRMENT, delayMs: 100, loss: 0.1 };
    expect(linesOf(EMPTY_FAULT_LIST, netem([1], { to: [3], both: true }), impairment)).toEqual([
      "1 -> 3: +100 ms, 10% lost; 3 -> 1: +100 ms, 10% lost; round trip +200 ms, 19% of them lost",
    ]);
  });

  test("equal effects must be joined", () => {
    expect(linesOf(EMPTY_FAULT_LIST, netem([3]), { ...NO_IMPAIRMENT, delayMs: 100 })).toEqual([
      "3 -> 1,2,4,5: +100 ms; 1,2,4,5 -> 3: unchanged; round trip +100 ms",
    ]);
    const { pairs } = expandPartition(
      [
        [1, 2],
        [3, 4, 5],
      ],
      five,
      { oneWay: false },
    );
    expect(linesOf(EMPTY_FAULT_LIST, pairs, cut)).toEqual(["1,2 -> 3,4,5: cut; 3,4,5 -> 1,2: cut; no contact"]);
    expect(linesOf(EMPTY_FAULT_LIST, expandIsolate([3], five), cut)).toEqual([
      "3 -> 1,2,4,5: cut; 1,2,4,5 -> 3: cut; no contact",
    ]);
  });

  test("a one-way cut must say that no answer gets back", () => {
    const { pairs } = expandPartition([[1], [2]], five, { oneWay: true });
    expect(linesOf(EMPTY_FAULT_LIST, pairs, cut)).toEqual(["1 -> 2: cut; 2 -> 1: unchanged; no answer gets back"]);
  });

  test("what other faults do on the same pair must count", () => {
    const first = addFault(EMPTY_FAULT_LIST, {
      cause: "first",
      kind: "netem",
      pairs: netem([3], { to: [1] }),
      impairment: { ...NO_IMPAIRMENT, delayMs: 50 },
      untilMs: null,
      egress: false,
    });
    expect(linesOf(first.list, netem([1], { to: [3] }), { ...NO_IMPAIRMENT, delayMs: 100 })).toEqual([
      "1 -> 3: +100 ms; 3 -> 1: +50 ms; round trip +150 ms",
    ]);
  });

  test("every parameter must be said", () => {
    expect(
      describeImpairment({
        cut: false,
        delayMs: 1_500,
        jitterMs: 20,
        loss: 0.005,
        duplicate: 0.01,
        reorder: 0.05,
        rateBps: 64_000,
      }),
    ).toBe("+1500 ms ±20 ms, 0.5% lost, 1% doubled, 5% reordered, at most 64 kbit/s");
    expect(describeImpairment(NO_IMPAIRMENT)).toBe("unchanged");
  });

  test("cables and egress must be said as what they are", () => {
    const one = { ...NO_IMPAIRMENT, loss: 0.1 };
    const base = { id: "f1", cause: "x", untilMs: null, openEnd: null };
    expect(
      describeOwn([
        { ...base, kind: "unplug", from: 3, to: 3, impairment: cut, egress: false },
        { ...base, kind: "netem", from: 2, to: 2, impairment: one, egress: true },
      ]),
    ).toEqual(["3: cable pulled, hears and reaches nobody", "2 -> all others alike, on its own interface: 10% lost"]);
  });

  test("what is left of a timed fault must be said in seconds or minutes", () => {
    expect(formatRemaining(null, 0)).toBe("until healed");
    expect(formatRemaining(2_500, 0)).toBe("2.5 s left");
    expect(formatRemaining(60_000, 0)).toBe("60 s left");
    expect(formatRemaining(600_000, 0)).toBe("10 min left");
  });
});
