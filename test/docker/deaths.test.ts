// Containers that end though no command ended them: the next command must read from the engine how, write it down once, and condemn
// nobody for it.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NodeRow } from "../../lab/cluster/node-rows.ts";
import { CliLab, docker, removeStateHome } from "../support/cli-lab.ts";
import { eventually } from "../support/eventually.ts";

interface Line {
  readonly action?: string;
  readonly msg: string;
  readonly atMs: number;
}

describe("a node that ends behind the lab's back", () => {
  let lab: CliLab;
  beforeAll(async () => {
    lab = await CliLab.up("t-deaths", 3);
  });
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
    await removeStateHome();
  });

  const state = async (id: number) => (await lab.json<NodeRow[]>("ps")).find((row) => row.id === id);
  const deaths = async (): Promise<readonly Line[]> => {
    const journal = (await lab.ok("events", "-o", "json")).trim().split("\n");
    return journal.map((line) => JSON.parse(line) as Line).filter(({ action }) => action === "died");
  };
  const expectNobodyCondemned = async () => expect([0, 7]).toContain((await lab.run("check")).code);

  it("must be said to be killed when somebody else killed its container", async () => {
    const { container } = await lab.peer(3);
    await docker("kill", container);
    await lab.ok("wait", "leader=2", "state:3=FAILED", "--timeout", "30s");
    const finishedAtMs = Date.parse((await docker("inspect", "--format", "{{.State.FinishedAt}}", container)).trim());
    expect(await state(3)).toMatchObject({ status: "exited", exitCode: 137, oomKilled: false, finishedAtMs });
    expect(await lab.ok("ps")).toContain("exited (killed by SIGKILL)");
    const died = { nodes: [3], atMs: finishedAtMs, exitCode: 137, oom: false, signal: "SIGKILL" };
    expect(await deaths()).toMatchObject([{ ...died, msg: "node 3 died: killed by SIGKILL" }]);
    await expectNobodyCondemned();
  });

  it("must be said to have run out of memory when the kernel says so", async () => {
    const { container } = await lab.peer(1);
    await docker("update", "--memory", "160m", "--memory-swap", "160m", container);
    // The node is the first that the kernel takes when a neighbour in its container eats all memory.
    await lab.shell(1, "echo 1000 >/proc/1/oom_score_adj; head -c 400m /dev/zero | tail >/dev/null").catch(() => "");
    await eventually(async () => expect(await state(1)).toMatchObject({ status: "exited", oomKilled: true }), 20_000);
    expect(await lab.ok("ps")).toContain("exited (out of memory)");
    expect((await deaths()).at(-1)).toMatchObject({ nodes: [1], exitCode: 137, oom: true });
    await expectNobodyCondemned();
  });

  it("must live on after a signal that only makes it read its keys again", async () => {
    await lab.ok("start", "all", "--wait");
    const before = (await deaths()).length;
    await lab.ok("kill", "3", "-s", "HUP");
    expect(await state(3)).toMatchObject({ status: "running", phase: "READY" });
    await lab.ok("kill", "3");
    await lab.ok("ps");
    expect(await deaths()).toHaveLength(before);
    await lab.ok("wait", "state:3=FAILED", "--timeout", "30s");
    await expectNobodyCondemned();
  });
});
