// Whatever ends the command in the middle, nothing may be left that `lab down` or `lab gc` doesn't remove completely.
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openLabHome } from "../support/cli.ts";
import { eventually } from "../support/eventually.ts";

const up = ["up", "--nodes", "4", "--profile", "fast"] as const;
/** What `up` says on its way: the instants at which it is ended. */
const instants = ["ports    ok", "nodes    ok", "agree    ..."] as const;

describe.each(instants)("`up` that has said %j", (instant) => {
  test("must leave what `down` removes when it is killed", async () => {
    await using home = await openLabHome();
    const running = home.start(up);
    await running.saw(instant);
    running.child.kill("SIGKILL");
    await running.done;
    expect(await home.lab("down")).toMatchObject({ code: 0 });
    expect(await home.leftovers()).toEqual([]);
  });

  test("must remove what it made when it is interrupted", async () => {
    await using home = await openLabHome();
    const running = home.start(up);
    await running.saw(instant);
    running.child.kill("SIGINT");
    expect(await running.done).toMatchObject({ code: 130, stdout: "" });
    expect(await home.leftovers()).toEqual([]);
  });
});

test("`gc` must remove what a killed `up` left, and keep a lab that runs", async () => {
  await using home = await openLabHome();
  expect((await home.lab("up", "--nodes", "1", "--profile", "fast", "--name", "keep")).code).toBe(0);
  const running = home.start([...up, "--name", "broken"]);
  await running.saw("nodes    ok");
  running.child.kill("SIGKILL");
  await running.done;
  const gc = await home.lab("gc");
  expect(gc).toMatchObject({ code: 0, stdout: expect.stringContaining('(lab "broken"') });
  expect(gc.stdout).not.toContain("keep");
  expect(await home.json("ls")).toMatchObject([{ name: "keep" }]);
  expect(await home.lab("gc")).toMatchObject({ code: 0, stdout: "" });
  expect((await home.lab("down", "keep")).code).toBe(0);
  expect(await home.leftovers()).toEqual([]);
});

test("`gc` must leave a lab alone that is just being made", async () => {
  await using home = await openLabHome();
  const running = home.start(up);
  let done = false;
  const finished = running.done.finally(() => {
    done = true;
  });
  while (!done) expect(await home.lab("gc")).toMatchObject({ code: 0, stdout: "" });
  expect(await finished).toMatchObject({ code: 0 });
  expect((await home.lab("down")).code).toBe(0);
  expect(await home.leftovers()).toEqual([]);
});

test("`up` must make room for itself after one that was killed", async () => {
  await using home = await openLabHome();
  const running = home.start(up);
  await running.saw("ports    ok");
  running.child.kill("SIGKILL");
  await running.done;
  const second = await home.lab("up", "--nodes", "2", "--profile", "fast");
  expect(second).toMatchObject({
    code: 0,
    stderr: expect.stringContaining("removing what an earlier, interrupted `up` left behind"),
  });
  expect((await home.lab("down")).code).toBe(0);
  expect(await home.leftovers()).toEqual([]);
});

test("`down` must find processes whose files are lost, stopped ones included", async () => {
  await using home = await openLabHome();
  expect((await home.lab("up", "--nodes", "3", "--profile", "fast")).code).toBe(0);
  expect((await home.lab("pause", "2")).code).toBe(0);
  await rm(join(home.path, "energy-lab", "lab"), { recursive: true, force: true });
  expect((await home.leftovers()).filter((line) => line.startsWith("process"))).toHaveLength(3);
  expect((await home.lab("down")).code).toBe(0);
  expect(await home.leftovers()).toEqual([]);
});

test("`down` must remove a lab whose record is half-written", async () => {
  await using home = await openLabHome();
  const folder = join(home.path, "energy-lab", "lab", "local", "nodes", "1");
  await mkdir(folder, { recursive: true });
  await writeFile(join(home.path, "energy-lab", "lab", "local", "lab.json"), '{"spec":{"na');
  expect((await home.lab("ls")).code).toBe(0);
  expect((await home.lab("down")).code).toBe(0);
  expect(await home.leftovers()).toEqual([]);
});

test("a node that can't start must be shown with its last words, and nothing must be left", async () => {
  await using home = await openLabHome();
  const file = join(home.path, "lab.yaml");
  await writeFile(file, "nodes: 2\nprofile: fast\nenv: { DS_KEYS_FILE: /nowhere/keys }\n");
  const { code, stderr } = await home.lab("up", "-f", file);
  expect(code).toBe(1);
  expect(stderr).toContain("/nowhere/keys");
  expect(await home.leftovers()).toEqual([]);
});

test("a lab.yaml with a mistake must be refused with line and column before anything exists", async () => {
  await using home = await openLabHome();
  const file = join(home.path, "lab.yaml");
  await writeFile(file, "name: shop\nnodse: 3\n");
  const { code, stderr } = await home.lab("up", "-f", file);
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: `lab: ${file}:2:1: unknown field "nodse"\n  did you mean "nodes"?\n`,
  });
  expect(await home.leftovers()).toEqual([]);
});

test("two `up`s at the same time must get ports of their own, and `down --all` must end both", async () => {
  await using home = await openLabHome();
  const results = await Promise.all(
    ["a", "b"].map((name) => home.lab("up", "--nodes", "3", "--profile", "fast", "--name", name)),
  );
  expect(results.map((result) => result.code)).toEqual([0, 0]);
  const labs = await home.json<{ network: string }[]>("ls");
  expect(new Set(labs.map((lab) => lab.network)).size).toBe(2);
  expect((await home.lab("sell", "1", "2", "5", "--name", "a")).code).toBe(0);
  expect(await home.json("history", "--name", "b")).toEqual([]);
  expect((await home.lab("down", "--all")).code).toBe(0);
  expect(await home.leftovers()).toEqual([]);
});

test("two `up`s of one name at the same time must make one lab", async () => {
  await using home = await openLabHome();
  const results = await Promise.all([home.lab(...up), home.lab(...up)]);
  expect(results.map((result) => result.code)).toEqual([0, 0]);
  expect(results.filter((result) => result.stderr.includes("exists already"))).toHaveLength(1);
  expect(await home.json("ls")).toMatchObject([{ name: "lab", nodes: [{ id: 1 }, { id: 2 }, { id: 3 }, { id: 4 }] }]);
  expect((await home.lab("down")).code).toBe(0);
  expect(await home.leftovers()).toEqual([]);
});

test("a timed pause must end although every `lab` process was killed, and `down` must end its timer", async () => {
  await using home = await openLabHome();
  expect((await home.lab("up", "--nodes", "3", "--profile", "fast")).code).toBe(0);
  const paused = await home.lab("pause", "2", "--for", "700ms");
  expect(paused).toMatchObject({ code: 0, stdout: "paused 2 for 0.70 s\n" });
  await eventually(async () => (await home.json<{ status: string }[]>("ps"))[1]?.status === "running", 15_000);
  expect((await home.lab("pause", "1", "--for", "1h")).code).toBe(0);
  expect((await home.lab("down")).code).toBe(0);
  expect(await home.leftovers()).toEqual([]);
});
