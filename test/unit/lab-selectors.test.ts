import { describe, expect, test } from "vitest";
import { LabError } from "../../lab/base/lab-error.ts";
import { type ClusterView, needsCoordinator, parseSelector, resolveGroups } from "../../lab/cluster/selectors.ts";

const view: ClusterView = {
  lab: "lab",
  nodes: [1, 2, 3, 4, 5],
  eligible: [1, 2, 4, 5],
  running: [1, 2, 4, 5],
  voters: [1, 2, 3, 4, 5],
  coordinator: 5,
  places: new Map([
    [1, { host: "h1", zone: "eu" }],
    [2, { host: "h2", zone: "eu" }],
    [3, { host: "h2", zone: "eu" }],
    [4, { host: "h3" }],
    [5, { host: "h3" }],
  ]),
};
const resolve = (text: string, over: Partial<ClusterView> = {}, draw = () => 0) =>
  resolveGroups([parseSelector(text)], { ...view, ...over }, draw)[0] ?? [];

describe("a selector must mean", () => {
  test.each([
    ["3", [3]],
    ["1,2", [1, 2]],
    ["2,1,2", [2, 1]],
    ["1-3", [1, 2, 3]],
    ["4-9", [4, 5]],
    ["leader", [5]],
    ["coordinator", [5]],
    ["followers", [1, 2, 4]],
    ["all", [1, 2, 4, 5]],
    ["leader, 1", [5, 1]],
    ["random", [1]],
    ["random(3)", [2, 4, 5]],
    ["host:h3", [4, 5]],
    ["host:h2", [2]],
    ["zone:eu,5", [1, 2, 5]],
  ] as const)("%s -> %j", (text, ids) => {
    expect(resolve(text)).toEqual(ids);
  });

  test("any eligible node by `random`", () => {
    expect(resolve("random", {}, () => 0.999)).toEqual([5]);
  });

  test("a host or a zone that has nodes, and an error must name those", () => {
    expect(() => resolve("host:h9")).toThrow("no node is on host h9 (there are some in h1, h2, h3)");
    expect(() => resolve("zone:us")).toThrow("no node is on zone us (there are some in eu)");
    expect(() => resolve("host:h1", { places: new Map() })).toThrow("no node is on host h1");
  });

  test("nobody by `all` when the command can't apply to anyone", () => {
    expect(resolve("all", { eligible: [] })).toEqual([]);
  });
});

describe("a majority and a minority must be", () => {
  const draws = () => {
    let state = 7;
    return () => {
      state = (state * 48_271) % 2_147_483_647;
      return state / 2_147_483_647;
    };
  };

  test.each([
    [[1, 2, 3, 4, 5], [1, 2, 3, 4, 5], 3, 3],
    [[1, 2, 3, 4], [1, 2, 3], 3, 2],
    [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [1, 2, 3, 4, 5], 6, 3],
    [[1, 2], [], 2, 0],
  ])("the two halves of one draw among %j with voters %j", (nodes, voters, size, votersInside) => {
    const groups = [parseSelector("minority"), parseSelector("majority")].slice(nodes.length === 2 ? 1 : 0);
    const all = { ...view, nodes, eligible: nodes, running: nodes, voters };
    const halves = resolveGroups(groups, all, draws());
    const majority = halves.at(-1) ?? [];
    expect(majority).toHaveLength(size);
    expect(majority.filter((id) => voters.includes(id))).toHaveLength(votersInside);
    expect([...halves.flat()].sort((a, b) => a - b)).toEqual(nodes);
  });

  test("another pair with another draw", () => {
    const drawn = new Set(
      [0, 0.3, 0.6, 0.9].map((value) => resolve("minority", { eligible: [1, 2, 3, 4, 5] }, () => value).join()),
    );
    expect(drawn.size).toBeGreaterThan(1);
  });
});

describe("a selector must be refused", () => {
  test.each([
    ["", "usage"],
    ["leadre", "usage"],
    ["3-1", "usage"],
    ["0", "usage"],
    ["70000", "usage"],
    ["-1", "usage"],
    ["9", "notFound"],
    ["7-9", "notFound"],
    ["random(0)", "usage"],
    ["random(9)", "notFound"],
  ] as const)("%j: %s", (text, exit) => {
    expect(() => resolve(text)).toThrow(expect.objectContaining({ name: "LabError", exit }));
  });

  test.each(["leader", "followers"])("%s without a coordinator, with what to do", (text) => {
    const attempt = () => resolve(text, { coordinator: null });
    expect(attempt).toThrow(LabError);
    expect(attempt).toThrow(
      expect.objectContaining({ exit: "notFound", hint: expect.stringContaining("lab wait agree") }),
    );
  });

  test("random when nobody is eligible", () => {
    expect(() => resolve("random", { eligible: [] })).toThrow(expect.objectContaining({ exit: "notFound" }));
  });
});

test("only leader and followers need to know who leads", () => {
  expect(
    ["leader", "1,followers", "all", "1-3", "random"].map((text) => needsCoordinator(parseSelector(text))),
  ).toEqual([true, true, false, false, false]);
});
