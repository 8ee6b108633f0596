// A bad day: the reader of a command's output goes away, or ends the command itself. The command takes away everything that it made,
// or `lab gc` does. The next case is a row.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type LabHome, openLabHome, type RunningCli } from "../support/cli.ts";

/** A step, and so a line, five times a second. */
const SCENARIO = `name: long\nnodes: 2\nprofile: fast\nchecks: none\nsteps:\n${"  - sleep: 200ms\n".repeat(600)}`;

async function startLongRun(home: LabHome): Promise<RunningCli> {
  const file = join(home.path, "long.yaml");
  await writeFile(file, SCENARIO);
  const running = home.start(["run", file]);
  await running.saw("  ok    2  ");
  return running;
}

interface Ending {
  readonly when: string;
  readonly end: (running: RunningCli) => unknown;
  readonly code: number | null;
}

const ENDINGS: readonly Ending[] = [
  { when: "its reader closes the pipe", end: ({ child }) => child.stdout.destroy(), code: 130 },
  {
    when: "its terminal is closed",
    end: ({ child }) => [child.stdout.destroy(), child.stderr.destroy(), child.kill("SIGHUP")],
    code: 130,
  },
  { when: "it is terminated", end: ({ child }) => child.kill("SIGTERM"), code: 130 },
  { when: "it is killed", end: ({ child }) => child.kill("SIGKILL"), code: null },
];

describe("a reader that goes away", () => {
  test.each(ENDINGS)("must leave nothing of `lab run` that `gc` doesn't know when $when", async (ending) => {
    await using home = await openLabHome();
    const running = await startLongRun(home);
    ending.end(running);
    expect((await running.done).code).toBe(ending.code);
    if (ending.code === null) {
      expect((await home.lab("gc")).stdout).toMatch(/lab "scenario-long"/);
    }
    expect(await home.leftovers()).toEqual([]);
  });

  test("must leave room for the next run when it is killed", async () => {
    await using home = await openLabHome();
    const running = await startLongRun(home);
    running.child.kill("SIGKILL");
    await running.done;
    const again = await startLongRun(home);
    again.child.kill("SIGINT");
    expect((await again.done).code).toBe(130);
    expect(await home.leftovers()).toEqual([]);
  });

  test("must leave alone what a run was told to keep", async () => {
    await using home = await openLabHome();
    const file = join(home.path, "short.yaml");
    await writeFile(file, "name: short\nnodes: 1\nprofile: fast\nchecks: none\nsteps:\n  - sleep: 1ms\n");
    expect((await home.lab("run", file, "--keep")).code).toBe(0);
    expect((await home.lab("gc")).stdout).toBe("");
    expect((await home.lab("down", "scenario-short")).code).toBe(0);
  });
});
