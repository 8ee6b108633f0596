// A `lab` command that is killed at any moment, or interrupted, on real Docker: what is left goes away completely with the next
// `down` or `gc`.
import { once } from "node:events";
import { afterAll, describe, expect, it } from "vitest";
import { CliLab, docker, removeStateHome } from "../support/cli-lab.ts";

afterAll(removeStateHome);

/** Containers and networks of a lab, as the engine has them. */
async function things(name: string): Promise<string[]> {
  const label = `label=energy-lab.lab=${name}`;
  const [containers, networks] = await Promise.all([
    docker("ps", "-a", "-q", "--filter", label),
    docker("network", "ls", "-q", "--filter", label),
  ]);
  return `${containers}${networks}`.trim().split("\n").filter(Boolean);
}

/** Resolves when the engine shows at least `count` things of the lab, or when the command has ended. */
async function untilThere(name: string, count: number, ended: Promise<unknown>): Promise<void> {
  let over = false;
  void ended.then(() => {
    over = true;
  });
  while (!over && (await things(name)).length < count);
}

describe("`lab up`, killed with SIGKILL", () => {
  it.each([
    ["when its network is there", 1],
    ["when its first container is there", 2],
    ["when most of it is there", 4],
  ])("%s, must leave what `lab down` removes completely", async (_when, count) => {
    const lab = await CliLab.named("t-killed-up");
    const up = lab.start("up", "--nodes", "4", "--profile", "fast");
    const ended = once(up, "exit");
    await untilThere(lab.name, count, ended);
    up.kill("SIGKILL");
    await ended;
    await lab.run("down");
    expect(await things(lab.name)).toEqual([]);
    expect(await lab.ok("ls")).not.toContain(lab.name);
  });

  it("must leave what `lab gc` removes, and gc must not touch a lab that runs", async () => {
    await using other = await CliLab.up("t-killed-other", 1);
    const lab = await CliLab.named("t-killed-gc");
    const up = lab.start("up", "--nodes", "3", "--profile", "fast");
    const ended = once(up, "exit");
    await untilThere(lab.name, 1, ended);
    up.kill("SIGKILL");
    await ended;
    // The engine may still be starting containers of it: then they run, and only `down` may say that they aren't wanted.
    await lab.run("gc");
    await lab.run("down");
    expect(await things(lab.name)).toEqual([]);
    expect((await things(other.name)).length).toBe(2);
  });
});

describe("`lab up`, interrupted with Ctrl-C", () => {
  it("must remove what it made and exit with 130", async () => {
    const lab = await CliLab.named("t-interrupted");
    const up = lab.start("up", "--nodes", "4", "--profile", "fast");
    const ended = once(up, "exit");
    await untilThere(lab.name, 3, ended);
    up.kill("SIGINT");
    const [code] = await ended;
    expect(code).toBe(130);
    expect(await things(lab.name)).toEqual([]);
  });
});

describe("`lab down`, killed with SIGKILL", () => {
  it("must be finished by the next `lab down`", async () => {
    await using lab = await CliLab.up("t-killed-down", 4);
    const down = lab.start("down");
    const ended = once(down, "exit");
    let over = false;
    void ended.then(() => {
      over = true;
    });
    while (!over && (await things(lab.name)).length === 5);
    down.kill("SIGKILL");
    await ended;
    await lab.run("down");
    expect(await things(lab.name)).toEqual([]);
  });
});
