import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { expandIsolate, expandNetem, expandPartition, type NetemTarget, type Pair } from "../../lab/faults/expand.ts";
import { EMPTY_FAULT_LIST, Fault, type FaultList, NO_IMPAIRMENT } from "../../lab/faults/fault.ts";
import { addFault, adoptCopies, dropExpired, fitToNodes, healFaults, type NewFault } from "../../lab/faults/list.ts";

const five = [1, 2, 3, 4, 5];
const cut = { ...NO_IMPAIRMENT, cut: true };

function show(pairs: readonly Pair[]): string[] {
  return pairs.map(({ from, to }) => `${from}>${to}`).sort();
}

function target(partial: Partial<NetemTarget>): NetemTarget {
  return { nodes: [3], from: null, to: null, both: false, egress: false, ...partial };
}

function add(list: FaultList, partial: Partial<NewFault>): FaultList {
  const fault: NewFault = {
    cause: "test",
    kind: "netem",
    pairs: [{ from: 3, to: 1, openEnd: null }],
    impairment: { ...NO_IMPAIRMENT, delayMs: 100 },
    untilMs: null,
    egress: false,
    ...partial,
  };
  return addFault(list, fault).list;
}

describe("netem's pairs", () => {
  test("netem 3 must mean what 3 sends to every other node", () => {
    expect(show(expandNetem(target({}), five))).toEqual(["3>1", "3>2", "3>4", "3>5"]);
  });

  test("--from must mean only what those send to it", () => {
    expect(show(expandNetem(target({ from: [1] }), five))).toEqual(["1>3"]);
  });

  test("--to must mean only what it sends to those", () => {
    expect(show(expandNetem(target({ to: [1, 2] }), five))).toEqual(["3>1", "3>2"]);
  });

  test("--both must add the other way", () => {
    expect(show(expandNetem(target({ to: [1], both: true }), five))).toEqual(["1>3", "3>1"]);
    expect(show(expandNetem(target({ both: true }), [1, 3]))).toEqual(["1>3", "3>1"]);
  });

  test("netem all must mean each pair once", () => {
    expect(expandNetem(target({ nodes: five }), five)).toHaveLength(20);
    expect(expandNetem(target({ nodes: five, both: true }), five)).toHaveLength(20);
  });

  test("--egress must be one fault at each sender, and not be limited to pairs", () => {
    expect(show(expandNetem(target({ nodes: [2, 3], egress: true }), five))).toEqual(["2>2", "3>3"]);
    expect(() => expandNetem(target({ egress: true, to: [1] }), five)).toThrow(/--egress/);
  });

  test("a pair of one node must be refused", () => {
    expect(() => expandNetem(target({ to: [3] }), five)).toThrow(/no packets between two nodes/);
    expect(() => expandNetem(target({}), [3])).toThrow(/no packets between two nodes/);
  });
});

describe("partition's pairs", () => {
  test("two groups must be cut from each other both ways, and nobody else", () => {
    const { pairs, bridges } = expandPartition([[1, 2], [3]], five, { oneWay: false });
    expect(show(pairs)).toEqual(["1>3", "2>3", "3>1", "3>2"]);
    expect(bridges).toEqual([4, 5]);
  });

  test("one group must be cut from all the rest", () => {
    const { pairs, bridges } = expandPartition([[1, 2]], five, { oneWay: false });
    const there = ["1>3", "1>4", "1>5", "2>3", "2>4", "2>5"];
    expect(show(pairs)).toEqual([...there, "3>1", "3>2", "4>1", "4>2", "5>1", "5>2"]);
    expect(bridges).toEqual([]);
  });

  test("three groups must be cut pairwise", () => {
    expect(expandPartition([[1], [2], [3]], five, { oneWay: false }).pairs).toHaveLength(6);
  });

  test("--one-way must cut only what the first group sends", () => {
    const { pairs } = expandPartition([[1, 2], [3]], five, { oneWay: true });
    expect(show(pairs)).toEqual(["1>3", "2>3"]);
  });

  test("overlapping groups, an empty side and --one-way with three groups must be refused", () => {
    expect(() => expandPartition([[1, 2], [2]], five, { oneWay: false })).toThrow(/node 2 is in two groups/);
    expect(() => expandPartition([five], five, { oneWay: false })).toThrow(/two sides/);
    expect(() => expandPartition([[1], [2], [3]], five, { oneWay: true })).toThrow(/two groups/);
  });
});

describe("isolate's pairs", () => {
  test("isolate 3 must cut it off both ways", () => {
    expect(show(expandIsolate([3], [1, 2, 3]))).toEqual(["1>3", "2>3", "3>1", "3>2"]);
  });

  test("isolated nodes must not reach each other", () => {
    expect(show(expandIsolate([1, 2], [1, 2]))).toEqual(["1>2", "2>1"]);
    expect(() => expandIsolate([1], [1])).toThrow(/no other node/);
  });
});

describe("the fault list", () => {
  test("a later netem on a pair must replace the earlier one's parameters as a whole, and say which", () => {
    const first = add(EMPTY_FAULT_LIST, {});
    const change = addFault(first, {
      cause: "again",
      kind: "netem",
      pairs: [{ from: 3, to: 1, openEnd: null }],
      impairment: { ...NO_IMPAIRMENT, loss: 0.1 },
      untilMs: null,
      egress: false,
    });
    expect(change.replaced.map((fault) => fault.id)).toEqual(["f1"]);
    expect(change.list.faults).toMatchObject([{ id: "f2", impairment: { delayMs: 0, loss: 0.1 } }]);
    expect(change.list.generation).toBe(2);
  });

  test("a cut and a netem on one pair must coexist, and cuts must stack", () => {
    let list = add(EMPTY_FAULT_LIST, {});
    list = add(list, { kind: "partition", impairment: cut });
    list = add(list, { kind: "partition", impairment: cut });
    expect(list.faults.map((fault) => fault.id)).toEqual(["f1", "f2", "f3"]);
    expect(healFaults(list, { id: "f2" }).list.faults.map((fault) => fault.id)).toEqual(["f1", "f3"]);
  });

  test("heal must take away all, one, those of a node, or only its cable", () => {
    let list = add(EMPTY_FAULT_LIST, { pairs: [{ from: 1, to: 2, openEnd: null }] });
    list = add(list, { pairs: [{ from: 3, to: 4, openEnd: null }] });
    list = add(list, { kind: "unplug", pairs: [{ from: 4, to: 4, openEnd: null }], impairment: cut });
    expect(healFaults(list, { all: true }).list.faults).toEqual([]);
    expect(healFaults(list, { nodes: [4] }).healed.map((fault) => fault.id)).toEqual(["f2", "f3"]);
    expect(healFaults(list, { cables: [4] }).healed.map((fault) => fault.id)).toEqual(["f3"]);
    expect(healFaults(list, { nodes: [5] }).list).toBe(list);
  });

  test("what has expired must be gone when the list is read, without a new generation", () => {
    const list = add(EMPTY_FAULT_LIST, { untilMs: 1_000 });
    expect(dropExpired(list, 999)).toBe(list);
    expect(dropExpired(list, 1_000)).toEqual({ ...list, faults: [] });
  });

  test("a node that joins must take its place where a fault means every other node, and nowhere else", () => {
    const nodes = [1, 2, 3];
    let list = add(EMPTY_FAULT_LIST, { pairs: expandNetem(target({}), nodes) });
    list = add(list, { kind: "isolate", impairment: cut, pairs: expandIsolate([1], nodes) });
    list = add(list, {
      kind: "partition",
      impairment: cut,
      pairs: expandPartition([[1], [2]], nodes, { oneWay: false }).pairs,
    });
    const fitted = fitToNodes(list, [1, 2, 3, 4]);
    const added = fitted.faults.filter((fault) => fault.from === 4 || fault.to === 4);
    expect(added.map((fault) => `${fault.id} ${fault.from}>${fault.to}`).sort()).toEqual([
      "f1 3>4",
      "f2 1>4",
      "f2 4>1",
    ]);
    expect(fitToNodes(fitted, [1, 2, 3, 4])).toBe(fitted);
  });

  test("a node that was removed must be forgotten", () => {
    const list = add(EMPTY_FAULT_LIST, { pairs: expandNetem(target({}), [1, 2, 3]) });
    expect(show(fitToNodes(list, [1, 3]).faults)).toEqual(["3>1"]);
  });

  test("copies of parts must make up the list again", () => {
    const list = add(add(EMPTY_FAULT_LIST, { pairs: expandNetem(target({}), five) }), {
      kind: "isolate",
      impairment: cut,
      pairs: expandIsolate([2], five),
    });
    const copies = five.map((node) => ({ ...list, node, faults: list.faults.filter((fault) => fault.to === node) }));
    const found = adoptCopies(EMPTY_FAULT_LIST, copies);
    expect(found).toMatchObject({ generation: list.generation, nextId: list.nextId });
    expect(show(found.faults).sort()).toEqual(show(list.faults).sort());
  });

  test("what somebody else set on a node must take the place of what was believed of it, under a number of its own", () => {
    const base = add(EMPTY_FAULT_LIST, { pairs: [{ from: 1, to: 2, openEnd: null }], cause: "ours" });
    const theirs = add(EMPTY_FAULT_LIST, { pairs: [{ from: 3, to: 2, openEnd: null }], cause: "theirs" });
    const ours = add(base, { pairs: [{ from: 1, to: 4, openEnd: null }] });
    const found = adoptCopies(ours, [{ node: 2, generation: 9, nextId: 2, faults: theirs.faults }]);
    expect(found).toMatchObject({ generation: 9, nextId: 4 });
    expect(found.faults.map(({ id, cause, to }) => [id, cause, to])).toEqual([
      ["f2", "test", 4],
      ["f3", "theirs", 2],
    ]);
  });

  test("one fault of somebody else's must get one number, on however many nodes it is", () => {
    const ours = add(EMPTY_FAULT_LIST, { pairs: [{ from: 1, to: 4, openEnd: null }] });
    const pairs = [2, 3].map((to) => ({ from: 1, to, openEnd: null }));
    const theirs = add(EMPTY_FAULT_LIST, { pairs, cause: "theirs" });
    const copies = [2, 3].map((node) => ({ ...theirs, node, faults: theirs.faults.filter(({ to }) => to === node) }));
    const found = adoptCopies(ours, copies);
    expect(found.faults.map(({ id, to }) => [id, to])).toEqual([
      ["f1", 4],
      ["f2", 2],
      ["f2", 3],
    ]);
    expect(found.nextId).toBe(3);
  });

  test("any sequence of changes must keep one netem a pair, valid faults and rising generations", () => {
    const pair = fc.record({ from: fc.integer({ min: 1, max: 4 }), to: fc.integer({ min: 1, max: 4 }) });
    const change = fc.oneof(
      fc.record({
        kind: fc.constantFrom("netem" as const, "partition" as const),
        pairs: fc.array(pair, { maxLength: 6 }),
      }),
      fc.record({ heal: fc.integer({ min: 1, max: 4 }) }),
    );
    fc.assert(
      fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
        let list = EMPTY_FAULT_LIST;
        for (const next of changes) {
          const before = list.generation;
          if ("heal" in next) list = healFaults(list, { nodes: [next.heal] }).list;
          else {
            const pairs = [...new Map(next.pairs.map((one) => [`${one.from}${one.to}`, one])).values()];
            list = add(list, { kind: next.kind, pairs: pairs.map((one) => ({ ...one, openEnd: null })) });
          }
          expect(list.generation).toBeGreaterThanOrEqual(before);
          const netems = list.faults.filter((fault) => fault.kind === "netem").map(({ from, to }) => `${from}>${to}`);
          expect(new Set(netems).size).toBe(netems.length);
          for (const fault of list.faults) expect(Fault.safeParse(fault).success).toBe(true);
        }
      }),
    );
  });
});
