import { describe, expect, test } from "vitest";
import {
  chooseVoters,
  describePlan,
  type LabRequest,
  planLab,
  planScale,
  publicPlan,
} from "../../lab/cluster/plan-lab.ts";

const secrets = { run: "lab-1", token: "t0ken", keys: "1:k3y" };
const request: LabRequest = { name: "lab", profile: "fast", nodes: 5, env: {}, voters: null };

describe("voters", () => {
  test.each([
    [1, [1]],
    [2, [1]],
    [3, [1, 2, 3]],
    [4, [1, 2, 3]],
    [5, [1, 2, 3, 4, 5]],
    [9, [1, 2, 3, 4, 5]],
  ])("of %i nodes must be %j", (count, voters) => {
    expect(chooseVoters(Array.from({ length: count }, (_, i) => i + 1))).toEqual(voters);
  });

  test("must be the lowest ids, whatever the order", () => {
    expect(chooseVoters([9, 4, 7, 2])).toEqual([2, 4, 7]);
  });

  test("must be nodes of the lab", () => {
    expect(() => planLab({ ...request, voters: [1, 8] }, "local", secrets)).toThrow(
      expect.objectContaining({ exit: "usage" }),
    );
  });
});

describe("a plan", () => {
  test("must name everything that will exist", () => {
    const plan = planLab(request, "docker", secrets);
    expect(plan.spec).toMatchObject({
      name: "lab",
      runtime: "docker",
      nodes: [1, 2, 3, 4, 5],
      voters: [1, 2, 3, 4, 5],
      ...secrets,
    });
    expect(plan.nodes.map((node) => node.id)).toEqual([1, 2, 3, 4, 5]);
  });

  test("must not show its secrets", () => {
    const plan = planLab({ ...request, env: { DS_JOURNAL: "wire" } }, "docker", secrets);
    for (const shown of [describePlan(plan), JSON.stringify(publicPlan(plan))]) {
      expect(shown).not.toMatch(/t0ken|k3y/);
      expect(shown).toContain("DS_JOURNAL");
    }
  });

  test("must keep limits, and show them", () => {
    const plan = planLab({ ...request, limits: { memoryBytes: 256 * 2 ** 20, pids: 64 } }, "docker", secrets);
    expect(plan.spec.limits).toEqual({ memoryBytes: 256 * 2 ** 20, pids: 64 });
    expect(describePlan(plan)).toMatch(/memory +256 MB each\npids +64 each/);
  });

  test.each([
    ["local", { pids: 64 }, "unsupported"],
    ["sim", { memoryBytes: 2 ** 30 }, "unsupported"],
    ["docker", { memoryBytes: 2 ** 20 }, "usage"],
    ["docker", { pids: 1 }, "usage"],
  ] as const)("on %s must refuse the limits %j as %s", (runtime, limits, exit) => {
    expect(() => planLab({ ...request, limits }, runtime, secrets)).toThrow(expect.objectContaining({ exit }));
  });

  test.each([0, 1_001, 1.5])("must refuse %d nodes", (nodes) => {
    expect(() => planLab({ ...request, nodes }, "local", secrets)).toThrow(expect.objectContaining({ exit: "usage" }));
  });
});

describe("scaling", () => {
  test("must add above the highest id", () => {
    expect(planScale([1, 2, 7], 5, [1, 2, 7])).toMatchObject({ add: [{ id: 8 }, { id: 9 }], remove: [], warning: "" });
  });

  test("must never give a removed node's number to a new one", () => {
    expect(planScale([1, 2, 3], 4, [1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6])).toMatchObject({
      add: [{ id: 7 }],
      remove: [],
    });
  });

  test("must remove the highest ids first", () => {
    expect(planScale([1, 2, 3, 4, 5, 6, 7], 5, [1, 2, 3, 4, 5])).toMatchObject({
      add: [],
      remove: [7, 6],
      warning: "",
    });
  });

  test("must say when it takes the voters' majority", () => {
    expect(planScale([1, 2, 3, 4, 5], 3, [1, 2, 3, 4, 5]).warning).toBe("");
    expect(planScale([1, 2, 3, 4, 5], 2, [1, 2, 3, 4, 5]).warning).toContain("only 2 of the 5 voters");
  });
});
