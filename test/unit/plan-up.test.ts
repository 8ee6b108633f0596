// `up` as a value: what is done depends on what is asked for and on what exists, and `--dry-run` prints just that.
import { describe, expect, test } from "vitest";
import { renderHints } from "../../lab/base/hint.ts";
import { LabError } from "../../lab/base/lab-error.ts";
import { planLab } from "../../lab/cluster/plan-lab.ts";
import { describeUp, planUp } from "../../lab/cluster/plan-up.ts";
import type { LabInfo, NodeStatus } from "../../lab/engine/engine.ts";

const secrets = { run: "shop-1", token: "t0ken", keys: "1:k3y" };
const wanted = (nodes: number) =>
  planLab({ name: "shop", profile: "fast", nodes, voters: null, env: {} }, "local", secrets);

function labOf(statuses: readonly NodeStatus[], change: Partial<LabInfo> = {}): LabInfo {
  const nodes = statuses.map((status, i) => ({ id: i + 1, status }) as LabInfo["nodes"][number]);
  const common = { name: "shop", runtime: "local", run: "shop-0", profile: "fast", voters: [1, 2, 3] } as const;
  return { ...common, token: "old", createdAtMs: 0, network: null, env: {}, nodes, ...change };
}

describe("what up does", () => {
  test("must be to create a lab where there is none", () => {
    expect(planUp(wanted(3), null, { wait: true }).steps).toEqual([{ do: "create", nodes: [1, 2, 3] }, { do: "wait" }]);
    expect(planUp(wanted(3), null, { wait: false }).steps).toEqual([{ do: "create", nodes: [1, 2, 3] }]);
  });

  test("must be to start what has exited of a lab that is there as described", () => {
    const existing = labOf(["running", "exited", "created"]);
    expect(planUp(wanted(3), existing, { wait: true }).steps).toEqual([{ do: "start", nodes: [2, 3] }, { do: "wait" }]);
    expect(planUp(wanted(3), labOf(["running", "paused", "running"]), { wait: false }).steps).toEqual([]);
  });

  test.each<[what: string, existing: LabInfo, mustBeNew: boolean, hints: string]>([
    [
      "of another size",
      labOf(["running", "running"]),
      false,
      "change it: lab scale 3; remove it: lab down --name shop; or choose another --name",
    ],
    [
      "of another profile",
      labOf(["running", "running", "running"], { profile: "default" }),
      false,
      "remove it: lab down --name shop; or choose another --name",
    ],
    ["that is half-made", labOf([]), false, "remove it first: lab down --name shop"],
    [
      "without a run",
      labOf(["running", "running", "running"], { run: null }),
      false,
      "remove it first: lab down --name shop",
    ],
    [
      "that must not be there",
      labOf(["running", "running", "running"]),
      true,
      "remove it first: lab down --name shop; or choose another name",
    ],
  ])("must be nothing with a lab %s", (_what, existing, mustBeNew, hints) => {
    const refused = () => planUp(wanted(3), existing, { wait: true, mustBeNew });
    expect(refused).toThrow(LabError);
    try {
      refused();
    } catch (error) {
      expect(renderHints((error as LabError).hints)).toBe(hints);
    }
  });
});

test("a plan must be readable, without its secrets", () => {
  expect(describeUp(planUp(wanted(3), null, { wait: true }))).toBe(
    [
      "lab       shop",
      "runtime   local",
      "profile   fast",
      "nodes     1, 2, 3",
      "voters    1, 2, 3 (majority 2)",
      "all       DS_DISCOVERY=2.6",
      "step 1    create 3 processes, with ledgers and logs in the state folder",
      "step 2    wait until all nodes agree on a coordinator",
    ].join("\n"),
  );
  expect(describeUp(planUp(wanted(3), labOf(["exited", "running", "running"]), { wait: false }))).toMatch(
    /\nstep 1 {4}start node 1 again, with the ledger that it had$/,
  );
  expect(describeUp(planUp(wanted(3), labOf(["running", "running", "running"]), { wait: false }))).toMatch(
    /\nnothing to do: the lab is there$/,
  );
});
