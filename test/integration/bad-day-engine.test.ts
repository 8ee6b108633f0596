// A bad day: the engine is frozen, or dead, or was never there; and the wrong one is asked. No command waits for ever, none says that there
// is nothing when it couldn't ask, and none takes away what another runtime made. The next case is a row.
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LabHome, openLabHome } from "../support/cli.ts";
import { type FrozenEngine, openFrozenEngine } from "../support/frozen-engine.ts";

/** Commands that need to know what an engine has. */
const COMMANDS = [
  ["ps"],
  ["ls"],
  ["down"],
  ["down", "--all"],
  ["gc"],
  ["doctor"],
  ["sell", "1", "2", "5"],
  ["netem", "1", "--loss", "10%"],
  ["faults"],
  ["logs", "-f"],
  ["events", "-f"],
  ["wait", "agree", "--timeout", "5s"],
  ["up", "--runtime", "docker"],
] as const;

describe.each([
  ["frozen", 12_000, /docker\.sock (takes connections, but )?doesn't answer/],
  ["dead", 5_000, /no Docker engine answers at \/nowhere\/docker\.sock/],
] as const)("an engine that is %s", (state, withinMs, said) => {
  let engine: FrozenEngine;
  let home: LabHome;
  let ran: Map<string, { code: number | null; stdout: string; stderr: string; tookMs: number }>;
  beforeAll(async () => {
    engine = await openFrozenEngine();
    const address = state === "frozen" ? engine.address : "unix:///nowhere/docker.sock";
    home = await openLabHome({ LAB_RUNTIME: "auto", DOCKER_HOST: address });
    // All at once: what each waits for is nothing.
    const runs = COMMANDS.map(async (args) => {
      const startedAtMs = performance.now();
      const result = await home.lab(...args);
      return [args.join(" "), { ...result, tookMs: performance.now() - startedAtMs }] as const;
    });
    ran = new Map(await Promise.all(runs));
  });
  afterAll(async () => {
    await home[Symbol.asyncDispose]();
    await engine[Symbol.asyncDispose]();
  });

  test.each(COMMANDS.map((args) => args.join(" ")))("must end `lab %s` with exit code 4, and say so", (command) => {
    const { code, stdout, stderr, tookMs } = ran.get(command) ?? { code: -1, stdout: "", stderr: "", tookMs: 0 };
    expect({ code, stderr: stdout + stderr }).toEqual({ code: 4, stderr: expect.stringMatching(said) });
    expect(stdout + stderr).not.toMatch(/no labs|nothing (was left|to remove)/);
    // The processes start one after the other on few cores.
    expect(tookMs).toBeLessThan(withinMs + 10_000);
  });
});

test("an engine that freezes must be named within ten seconds, and SIGTERM must end what waits for it", async () => {
  await using engine = await openFrozenEngine();
  await using home = await openLabHome({ LAB_RUNTIME: "docker", DOCKER_HOST: engine.address });
  const startedAtMs = performance.now();
  const [{ code }, down] = await Promise.all([
    home.lab("ps"),
    (async () => {
      const running = home.start(["down"]);
      await running.saw("remove");
      running.child.kill("SIGTERM");
      return await running.done;
    })(),
  ]);
  expect([code, down.code]).toEqual([4, 4]);
  expect(performance.now() - startedAtMs).toBeLessThan(10_000);
});

describe("the wrong runtime", () => {
  let home: LabHome;
  beforeAll(async () => {
    home = await openLabHome();
    expect((await home.lab("up", "--nodes", "2", "--profile", "fast")).code).toBe(0);
    // The CLI's records of a lab in Docker; `--runtime local` has nothing to do with them.
    const folder = join(home.path, "energy-lab", "indocker");
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "lab.json"), JSON.stringify({ runtime: "docker", run: "indocker-1" }));
    await writeFile(join(folder, "journal.jsonl"), "{}\n");
  });
  afterAll(async () => {
    await home.lab("down");
    await home[Symbol.asyncDispose]();
  });

  const ROWS: readonly (readonly [args: string, code: number, said: RegExp])[] = [
    ["down nosuch", 3, /^lab: there is no lab named "nosuch"$/m],
    ["down nosuch -o json", 3, /"name":"notFound"/],
    [
      "down indocker --runtime local",
      3,
      /^lab: lab "indocker" was made in Docker.*\n.*lab down --runtime docker --name indocker$/m,
    ],
    ["ps --name nosuch", 3, /there is no lab named "nosuch"/],
    ["start 2", 0, /^2 runs already\n/],
    ["start 1,2", 0, /^1 runs already; 2 runs already\n/],
    ["start all", 0, /^nothing to start\n/],
    ["resume 1", 0, /^1 isn't paused\n/],
    ["start 7", 3, /has no node 7/],
    ["wipe 1", 1, /node 1 is still running/],
    ["plug 1", 0, /there is no fault to heal/],
    ["heal f9", 3, /there is no fault f9/],
  ];
  test.each(ROWS)("must make `lab %s` say what is so, with exit code %i", async (args, code, said) => {
    const result = await home.lab(...args.split(" "));
    expect(result).toMatchObject({ code });
    expect(result.stdout + result.stderr).toMatch(said);
  });

  test("must leave what it didn't make, and make nothing", async () => {
    expect((await readdir(join(home.path, "energy-lab"))).sort()).toEqual(["indocker", "lab"]);
    expect((await readdir(join(home.path, "energy-lab", "indocker"))).sort()).toEqual(["journal.jsonl", "lab.json"]);
  });
});
