// Single nodes of a lab under the command: paused, leaving, scaled, and asked twice.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ControlClient } from "../../lab/control/control-client.ts";
import { REAL_WORLD } from "../../lab/control/real-world.ts";
import { newRequestId } from "../../lab/control/world.ts";
import type { LabInfo } from "../../lab/engine/engine.ts";
import { LocalEngine } from "../../lab/engine/local/local-engine.ts";
import { PingData } from "../../node/wire/control.ts";
import { type LabHome, openLabHome } from "../support/cli.ts";

describe("nodes of a lab", () => {
  let home: LabHome;
  beforeAll(async () => {
    home = await openLabHome();
    expect((await home.lab("up", "--nodes", "3", "--profile", "fast")).code).toBe(0);
  });
  afterAll(async () => {
    await home[Symbol.asyncDispose]();
  });

  /** The lab as the engine's adapter sees it, for tests that talk to nodes themselves. */
  async function look(): Promise<LabInfo> {
    const before = process.env.XDG_STATE_HOME;
    process.env.XDG_STATE_HOME = home.path;
    try {
      const info = await new LocalEngine().lab("lab");
      if (info === null) throw new Error("the lab is gone");
      return info;
    } finally {
      if (before === undefined) delete process.env.XDG_STATE_HOME;
      else process.env.XDG_STATE_HOME = before;
    }
  }

  test("a paused node must be said to be paused, with what to do", async () => {
    expect(await home.lab("pause", "2")).toMatchObject({ code: 0, stderr: expect.stringContaining("lab resume 2") });
    expect(await home.lab("status", "2")).toMatchObject({
      code: 1,
      stderr: "lab: node 2 is paused: it can't answer\n  resume: lab resume 2\n",
    });
    const ps = await home.lab("ps");
    expect(ps.stdout).toMatch(/2 +- +paused/);
    expect(await home.lab("resume", "all")).toMatchObject({ code: 0, stdout: "resumed 2\n" });
    expect((await home.lab("wait", "converged", "nodes=3", "--timeout", "20s")).code).toBe(0);
  });

  test("a wiped disk must be one of a node that has ended, whose ledger the others give back", async () => {
    expect(await home.lab("wipe", "2")).toMatchObject({
      code: 1,
      stderr: "lab: node 2 is still running\n  stop it first: lab stop 2\n",
    });
    expect((await home.lab("sell", "2", "3", "7")).code).toBe(0);
    expect((await home.lab("wait", "converged", "--timeout", "20s")).code).toBe(0);
    expect((await home.lab("kill", "2")).code).toBe(0);
    expect(await home.lab("wipe", "2")).toMatchObject({ code: 0, stdout: "wiped 2\n" });
    expect((await home.lab("start", "2", "--wait")).code).toBe(0);
    expect((await home.lab("wait", "balance:2=93", "converged", "--timeout", "20s")).code).toBe(0);
    expect((await home.lab("logs", "2")).stdout).toContain("RECOVERING: the store was lost");
    expect((await home.lab("buy", "2", "3", "7", "--timeout", "20s")).code).toBe(0);
  });

  test("a saved disk must be put back only when its node has ended, whose later payments the others give back", async () => {
    const file = join(home.path, "backup.disk");
    expect(await home.lab("disk", "save", "2", file)).toMatchObject({
      code: 0,
      stdout: `saved the disk of 2 to ${file}\n`,
      stderr: expect.stringContaining(`lab disk restore 2 ${file}`),
    });
    expect((await home.lab("sell", "2", "3", "9")).code).toBe(0);
    expect((await home.lab("wait", "balance:2=91", "converged", "--timeout", "20s")).code).toBe(0);
    expect(await home.lab("disk", "restore", "2", file)).toMatchObject({
      code: 1,
      stderr: "lab: node 2 is still running\n  stop it first: lab stop 2\n",
    });
    expect((await home.lab("kill", "2")).code).toBe(0);
    expect(await home.lab("disk", "restore", "2", join(home.path, "nothing"))).toMatchObject({ code: 2 });
    await writeFile(join(home.path, "other"), "no disk");
    expect(await home.lab("disk", "restore", "2", join(home.path, "other"))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("this file isn't a saved disk"),
    });
    expect(await home.lab("disk", "restore", "2", file)).toMatchObject({
      code: 0,
      stdout: `restored the disk of 2 from ${file}\n`,
    });
    expect((await home.lab("start", "2", "--wait")).code).toBe(0);
    expect((await home.lab("wait", "balance:2=91", "converged", "--timeout", "20s")).code).toBe(0);
    expect((await home.lab("buy", "2", "3", "9", "--timeout", "20s")).code).toBe(0);
  });

  test("a repeated request must be executed once, also when the node was killed in between", async () => {
    const info = await look();
    const target = { node: 1, address: info.nodes[0]?.control ?? null };
    await using client = new ControlClient(info.token, REAL_WORLD);
    const before = PingData.parse((await client.call(target, { op: "ping" })).data);
    const requestId = newRequestId(REAL_WORLD);
    const order = { op: "sell", peer: 2, amount: 11, inc: before.inc, until: "settled" } as const;
    const first = await client.request(target, order, { requestId, timeoutMs: 15_000 });
    const again = await client.request(target, order, { requestId, timeoutMs: 15_000 });
    expect(first).toMatchObject({ ok: true, data: { state: "settled" } });
    expect(again).toEqual(first);
    expect((await home.lab("kill", "1")).code).toBe(0);
    expect((await home.lab("start", "1", "--wait")).code).toBe(0);
    const late = await client.request(target, order, { requestId, timeoutMs: 15_000 });
    // Executed already, so it may be confirmed; a second execution is what must never happen.
    expect(late).toMatchObject(
      late.ok ? { data: { trade_id: (first as { data: { trade_id: string } }).data.trade_id } } : { code: "STALE" },
    );
    const after = PingData.parse((await client.call(target, { op: "ping" })).data);
    expect(after.balance).toBe(before.balance - 11);
  });

  test("a request with a wrong token must get no answer", async () => {
    const info = await look();
    await using client = new ControlClient("0".repeat(64), REAL_WORLD);
    const target = { node: 1, address: info.nodes[0]?.control ?? null };
    await expect(client.request(target, { op: "ping" }, { timeoutMs: 300 })).rejects.toMatchObject({ exit: "timeout" });
    expect(await client.ping(target, { timeoutMs: 100 })).toBe(null);
  });

  test("a sale to a node that doesn't answer must stay open or be refused, never be reported as done", async () => {
    expect((await home.lab("pause", "2")).code).toBe(0);
    const result = await home.lab("sell", "1", "2", "5", "--timeout", "1s");
    expect([1, 124]).toContain(result.code);
    if (result.code === 124) expect(result.stderr).toMatch(/trade \S+ is open/);
    expect((await home.lab("resume", "2")).code).toBe(0);
    expect((await home.lab("wait", "converged", "nodes=3", "--timeout", "30s")).code).toBe(0);
  });

  test("a node that leaves must end by itself, be known as LEFT, and come back as itself", async () => {
    expect(await home.lab("leave", "3")).toMatchObject({ code: 0, stdout: "left 3\n" });
    expect((await home.lab("wait", "state:3=LEFT", "agree", "--timeout", "20s")).code).toBe(0);
    expect((await home.lab("restart", "3", "--wait")).code).toBe(0);
    expect((await home.lab("wait", "converged", "leader=3", "--timeout", "20s")).code).toBe(0);
  });

  test("scaling must add above, remove the highest gracefully, and warn about the voters", async () => {
    expect(await home.lab("scale", "5")).toMatchObject({ code: 0, stderr: expect.stringContaining("added 4, 5") });
    const less = await home.lab("scale", "3");
    expect(less).toMatchObject({ code: 0, stderr: expect.stringContaining("removed 5, 4") });
    expect(less.stderr).not.toContain("warning");
    // Its number is 6: node 4's ledger is gone, and a node 4 without it would have lost its disk.
    expect(await home.lab("scale", "4")).toMatchObject({ code: 0, stderr: expect.stringContaining("added 6") });
    expect((await home.lab("wait", "converged", "nodes=4", "leader=6", "--timeout", "30s")).code).toBe(0);
    const least = await home.lab("scale", "1");
    expect(least).toMatchObject({ code: 0, stderr: expect.stringContaining("only 1 of the 3 voters") });
    expect(least.stderr).toContain("removed 6, 3, 2");
  });

  test("a removed node must be gone for every command", async () => {
    expect((await home.lab("rm", "1")).stdout).toBe("removed 1\n");
    expect(await home.lab("kill", "1")).toMatchObject({
      code: 3,
      stderr: expect.stringContaining("has no node 1 (it has none)"),
    });
  });

  test("all of it must be gone after `down`", async () => {
    expect((await home.lab("down")).code).toBe(0);
    expect(await home.leftovers()).toEqual([]);
  });
});
