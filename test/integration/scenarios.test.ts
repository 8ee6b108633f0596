// Scenarios on real processes: a chosen few always, all of them with the extended tests; and what a run leaves when it ends early.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openLabHome } from "../support/cli.ts";
import { eventually } from "../support/eventually.ts";
import { isExtended } from "../support/extended.ts";
import { SCENARIO_NAMES, scenarioPath } from "../support/scenario-files.ts";

const CHOSEN = ["01-basic-trading", "06-split-brain", "15-flapping-node", "22-cable-pull"];

describe("a scenario must be valid on local processes, and leave nothing", () => {
  test.each(isExtended ? SCENARIO_NAMES : CHOSEN)("%s", async (name) => {
    await using home = await openLabHome();
    const { code, stdout, stderr } = await home.lab("run", scenarioPath(name));
    expect(`${stdout}\n${stderr}`).toContain("valid: every step did what was expected, and every promise was kept");
    expect(code).toBe(0);
    expect(await home.leftovers()).toEqual([]);
  });
});

async function writeScenario(folder: string, steps: string): Promise<string> {
  const path = join(folder, "own.yaml");
  await writeFile(path, `name: own\nnodes: 3\nprofile: fast\nsteps:\n${steps}`);
  return path;
}

test("Ctrl-C in the middle must end the steps, judge what was seen, and leave nothing", async () => {
  await using home = await openLabHome();
  const path = await writeScenario(home.path, "  - load 20/s\n  - pause 2\n  - isolate 3\n  - sleep 1h\n");
  const running = home.start(["run", path]);
  await running.saw("sleep 1h");
  running.child.kill("SIGINT");
  const { code, stdout } = await running.done;
  expect(code).toBe(130);
  expect(stdout).toContain("interrupted: ");
  expect(stdout).toMatch(/conservation +valid/);
  expect(await home.leftovers()).toEqual([]);
});

test("a node that dies by itself meanwhile must fail the run, with its exit code", async () => {
  await using home = await openLabHome();
  const path = await writeScenario(home.path, "  - sell 1 2 5\n  - wait: { nodes: 9, within: 60s }\n");
  const running = home.start(["run", path]);
  await running.saw("wait nodes=9");
  const [node] = await eventually(async () => {
    const nodes = await home.json<{ id: number; handle: string }[]>("ps", "--name", "scenario-own");
    expect(nodes).toHaveLength(3);
    return nodes;
  });
  process.kill(Number(node?.handle), "SIGKILL");
  const { code, stdout } = await running.done;
  expect(code).toBe(1);
  expect(stdout).toMatch(new RegExp(`FAIL.*node ${node?.id} exited`));
  expect(await home.leftovers()).toEqual([]);
});

test("a lab that exists must be used with --on, and stay without the scenario's faults", async () => {
  await using home = await openLabHome();
  expect((await home.lab("up", "--nodes", "3", "--profile", "fast", "--journal", "wire")).code).toBe(0);
  const path = await writeScenario(home.path, "  - sell 1 2 5\n  - isolate 3\n  - expect leader=1\n");
  expect(await home.lab("run", path, "--on", "lab")).toMatchObject({ code: 1 });
  expect(await home.json("faults")).toEqual([]);
  expect(await home.lab("assert", "balance:1=95", "conserved")).toMatchObject({
    code: 0,
    stdout: "balance:1=95: yes\nconserved: yes\n",
  });
  expect((await home.lab("assert", "balance:1=1")).code).toBe(1);
  expect((await home.lab("down")).code).toBe(0);
});

test("a report must be written beside the verdict", async () => {
  await using home = await openLabHome();
  const out = join(home.path, "out");
  const { code, stderr } = await home.lab("run", scenarioPath("01-basic-trading"), "--runtime", "sim", "--report", out);
  expect(code).toBe(0);
  expect(stderr).toContain(`report: ${out}`);
});

test("a report that can't be written must cost neither verdict nor exit code, nor the files behind", async () => {
  await using home = await openLabHome();
  const path = await writeScenario(home.path, "  - sell 1 2 5\n");
  const bug = scenarioPath("bugs/split-brain");
  const args = ["run", bug, path, "--runtime", "sim", "--bug", "split-brain", "--report", path];
  const { code, stdout, stderr } = await home.lab(...args);
  expect(code).toBe(5);
  expect(stdout).toMatch(/^invalid: a promise was broken: one-leader/m);
  expect(stdout).toMatch(/^valid: /m);
  expect(stderr).toContain("there is no report: ");
  expect((await home.lab("run", path, "--runtime", "sim", "--report", path)).code).toBe(1);
});

test("several files must be one value for programs, and none may run where one of them can't", async () => {
  await using home = await openLabHome();
  const path = await writeScenario(home.path, "  - sell 1 2 5\n");
  const runs = await home.json<{ verdict: string }[]>("run", path, path, "--runtime", "sim");
  expect(runs.map(({ verdict }) => verdict)).toEqual(["valid", "valid"]);
  expect(await home.json("run", path, "--runtime", "sim")).toMatchObject({ verdict: "valid" });
  const cables = join(home.path, "cables.yaml");
  await writeFile(cables, "runtimes: [docker]\nsteps: [unplug 3]\n");
  const { code, stdout, stderr } = await home.lab("run", path, cables, "--runtime", "sim");
  expect([code, stdout]).toEqual([6, ""]);
  expect(stderr).toContain("scenario cables isn't for sim");
});

test("variables that don't exist or can't be, and voters who aren't there, must be named before anything runs", async () => {
  await using home = await openLabHome();
  const write = async (header: string) => {
    const path = join(home.path, "odd.yaml");
    await writeFile(path, `nodes: 3\n${header}\nsteps: [heal]\n`);
    return path;
  };
  for (const [header, message] of [
    [
      "env: { DS_HEARTBEAT_INTERVALL: 1 }",
      'there is no variable DS_HEARTBEAT_INTERVALL\n  did you mean "DS_HEARTBEAT_INTERVAL"?',
    ],
    ["env: { DS_HEARTBEAT_INTERVAL: abc }", 'DS_HEARTBEAT_INTERVAL is "abc"'],
    ["voters: [9]", "voter 9 is none of the nodes 1, 2, 3"],
  ] as const) {
    const path = await write(header);
    const told = await home.lab("validate", path);
    expect([told.code, told.stdout]).toEqual([2, expect.stringContaining(`${path}: ${message}`)]);
    const run = await home.lab("run", path, "--runtime", "sim");
    expect([run.code, run.stderr]).toEqual([2, expect.stringContaining(message)]);
  }
});
