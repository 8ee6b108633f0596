// Chaos on real processes: judged, repeated by its file, ended early by Ctrl-C, and nothing left behind however it ends.
import { access, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openLabHome, pressUntilDone } from "../support/cli.ts";

interface Told {
  readonly verdict: string;
  readonly reason: string;
  readonly faults: number;
  readonly file: string;
  readonly steps: readonly { readonly path: string; readonly verb: string; readonly state: string }[];
}

/** Nothing but kills, two a second, of three nodes. */
function killsFor(span: string, report: string): string[] {
  const what = ["--kinds", "kill", "--rate", "2/s", "--nodes", "3", "--no-wire"];
  return ["--for", span, ...what, "--report", report];
}

describe.concurrent("`chaos` on local processes", { timeout: 120_000 }, () => {
  test("must keep every promise, say where its scenario is, and leave nothing", async () => {
    await using home = await openLabHome();
    const flags = ["--seed", "4", "--for", "4s", "--nodes", "3", "--rate", "1/s", "--no-wire", "--report", home.path];
    const { code, stdout, stderr } = await home.lab("chaos", ...flags, "-o", "json");
    const told = JSON.parse(stdout) as Told;
    expect([code, told.verdict, told.reason]).toEqual([0, "valid", ""]);
    expect(told.faults).toBeGreaterThan(1);
    expect(stderr).toContain(`play it again: lab run ${told.file} --runtime local`);
    await access(join(home.path, "chaos-4.yaml"));
    expect(await home.leftovers()).toEqual([]);
  });

  test("must bring everything back and judge the run at the first Ctrl-C", async () => {
    await using home = await openLabHome();
    const flags = killsFor("10m", home.path);
    const running = home.start(["chaos", "--seed", "6", ...flags]);
    await running.saw("killed ");
    running.child.kill("SIGINT");
    const { code, stdout, stderr } = await running.done;
    expect(stderr).toContain("ending early");
    expect(stdout).toMatch(/end\.1 +heal/);
    expect(stdout).toMatch(/end\.\d +wait converged/);
    expect(stdout).toContain("valid: ");
    expect(code).toBe(0);
    expect(await home.leftovers()).toEqual([]);
  });

  test("must end at once at the second Ctrl-C, and leave what `down` removes", async () => {
    await using home = await openLabHome();
    const flags = ["--for", "10m", "--nodes", "3", "--no-wire", "--report", home.path];
    const running = home.start(["chaos", "--seed", "6", "--name", "twice", ...flags]);
    await running.saw("trades a second");
    running.child.kill("SIGINT");
    await running.saw("ending early");
    expect((await pressUntilDone(running)).code).toBe(130);
    expect((await home.lab("down", "--name", "twice")).code).toBe(0);
    expect(await home.leftovers()).toEqual([]);
  });

  test("must leave a lab that exists as it was: running and without faults", async () => {
    await using home = await openLabHome();
    expect((await home.lab("up", "--nodes", "3", "--profile", "fast", "--journal", "detailed")).code).toBe(0);
    const flags = ["--for", "3s", "--kinds", "kill,partition,netem", "--rate", "2/s", "--report", home.path];
    const { code, stderr } = await home.lab("chaos", "--seed", "9", "--on", "lab", ...flags);
    expect([code, stderr]).toEqual([0, expect.stringContaining("--on lab")]);
    expect(await home.json("ps")).toMatchObject([{ status: "running" }, { status: "running" }, { status: "running" }]);
    expect((await home.lab("faults")).stdout).not.toMatch(/f\d/);
    expect((await home.lab("down")).code).toBe(0);
    expect(await home.leftovers()).toEqual([]);
  });

  test("must say which node can't come back, and leave nothing", async () => {
    await using home = await openLabHome();
    const flags = killsFor("1m", home.path);
    const running = home.start(["chaos", "--seed", "6", "--name", "broken", ...flags]);
    await running.saw("killed ");
    // The next node to start finds a disk that it can't use.
    for (const id of [1, 2, 3])
      await writeFile(join(home.path, "energy-lab/broken/local/nodes", `${id}`, "data/ledger.db"), "no ledger");
    const { code, stdout } = await running.done;
    expect(code).not.toBe(0);
    expect(stdout).toMatch(/node \d.*(ledger|exited)/);
    expect(await home.leftovers()).toEqual([]);
  });
});

test("`chaos` must refuse what it doesn't know, and say what it does", async () => {
  await using home = await openLabHome();
  expect(await home.lab("chaos", "--kinds", "kil")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('did you mean "kill"?'),
  });
  expect(await home.lab("chaos", "--max-down", "9")).toMatchObject({ code: 2 });
  expect(await home.lab("chaos", "--on", "nothing")).toMatchObject({ code: 3 });
  expect(await home.lab("chaos", "--bug", "amnesia")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--runtime sim"),
  });
  const { code, stdout } = await home.lab("chaos", "--seed", "1", "--dry-run");
  expect([code, stdout]).toEqual([0, expect.stringContaining("steps:")]);
  expect(await home.leftovers()).toEqual([]);
});
