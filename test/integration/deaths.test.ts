// Nodes that die though no command ended them: the next command must see it, write it down once, and condemn nobody for it.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { NodeRow } from "../../lab/cluster/node-rows.ts";
import { type LabHome, openLabHome } from "../support/cli.ts";

describe("a node that dies behind the lab's back", () => {
  let home: LabHome;
  beforeAll(async () => {
    home = await openLabHome();
    expect((await home.lab("up", "--nodes", "3", "--profile", "fast")).code).toBe(0);
  });
  afterAll(async () => {
    await home[Symbol.asyncDispose]();
  });

  const ofLab = async (action: string): Promise<readonly Record<string, unknown>[]> => {
    const text = await readFile(join(home.path, "energy-lab", "lab", "journal.jsonl"), "utf8");
    return text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
      .filter((line) => line.action === action);
  };
  const row = async (id: number): Promise<NodeRow | undefined> =>
    (await home.json<NodeRow[]>("ps")).find((node) => node.id === id);

  test("must live on after a signal that only makes it read its keys again", async () => {
    expect(await home.lab("kill", "3", "-s", "HUP")).toMatchObject({ code: 0, stdout: expect.stringMatching(/^sent/) });
    expect(await row(3)).toMatchObject({ status: "running", phase: "READY" });
    expect(await ofLab("died")).toEqual([]);
    expect((await home.lab("wait", "agree", "leader=3", "--timeout", "20s")).code).toBe(0);
  });

  test("must be written down once, and nobody be condemned who declares it FAILED", async () => {
    const pid = Number((await row(3))?.handle);
    process.kill(pid, "SIGKILL");
    expect((await home.lab("wait", "leader=2", "state:3=FAILED", "--timeout", "30s")).code).toBe(0);
    // Nothing tells when: a process that is killed leaves no record.
    const line = { action: "died", nodes: [3], atMs: null, exitCode: null, oom: false, node: 0 };
    expect(await ofLab("died")).toMatchObject([line]);
    expect(await row(3)).toMatchObject({ status: "exited", exitCode: null, finishedAtMs: null, oomKilled: false });
    await Promise.all([home.lab("status"), home.lab("ps"), home.lab("faults"), home.lab("balance")]);
    expect(await ofLab("died")).toHaveLength(1);
    expect([0, 7]).toContain((await home.lab("check")).code);
    // Its peers, which declared it FAILED, are not condemned for what the lab did not see.
    expect(await home.lab("check", "--only", "no-false-failures")).toMatchObject({ code: 0 });
  });

  test("must be written down again when it dies again", async () => {
    expect((await home.lab("start", "3", "--wait")).code).toBe(0);
    process.kill(Number((await row(3))?.handle), "SIGKILL");
    expect((await home.lab("wait", "status:3=exited", "--timeout", "20s")).code).toBe(0);
    expect(await ofLab("died")).toHaveLength(2);
  });

  test("must be said to have exited by itself when it leaves by itself", async () => {
    process.kill(Number((await row(2))?.handle), "SIGTERM");
    expect((await home.lab("wait", "status:2=exited", "--timeout", "20s")).code).toBe(0);
    expect((await ofLab("died")).at(-1)).toMatchObject({ nodes: [2], exitCode: 0, oom: false });
    expect((await home.lab("ps")).stdout).toMatch(/^ +2 .*exited \(exit code 0\)/m);
    const { exitCode, finishedAtMs } = (await row(2)) ?? {};
    expect({ exitCode, finishedAtMs }).toEqual({ exitCode: 0, finishedAtMs: expect.any(Number) });
    expect([0, 7]).toContain((await home.lab("check")).code);
  });

  test("must be no news when a command ended it", async () => {
    const before = (await ofLab("died")).length;
    expect((await home.lab("start", "all", "--wait")).code).toBe(0);
    expect((await home.lab("kill", "1")).code).toBe(0);
    expect((await home.lab("stop", "2")).code).toBe(0);
    expect((await home.lab("ps")).code).toBe(0);
    expect(await ofLab("died")).toHaveLength(before);
  });
});
