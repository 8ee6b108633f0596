import { describe, expect, test } from "vitest";
import { LabError } from "../../lab/errors.ts";
import { type ClusterView, needsCoordinator, parseSelector, resolveSelector } from "../../lab/selectors.ts";

const view: ClusterView = {
  lab: "lab",
  nodes: [1, 2, 3, 4, 5],
  eligible: [1, 2, 4, 5],
  running: [1, 2, 4, 5],
  coordinator: 5,
};
const resolve = (text: string, over: Partial<ClusterView> = {}, draw = () => 0) =>
  resolveSelector(parseSelector(text), { ...view, ...over }, draw);

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
  ] as const)("%s -> %j", (text, ids) => {
    expect(resolve(text)).toEqual(ids);
  });

  test("any eligible node by `random`", () => {
    expect(resolve("random", {}, () => 0.999)).toEqual([5]);
  });

  test("nobody by `all` when the command can't apply to anyone", () => {
    expect(resolve("all", { eligible: [] })).toEqual([]);
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
