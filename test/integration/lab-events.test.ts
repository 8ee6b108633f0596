// `lab events` and `lab export` as a user runs them, on real processes and on a stored run.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Entry } from "../../lab/journal/entry.ts";
import { type LabHome, openLabHome } from "../support/cli.ts";
import { eventually } from "../support/eventually.ts";
import { findMermaidComplaints, findXmlComplaints } from "../support/export-rules.ts";
import { findShivizComplaints } from "../support/shiviz-rules.ts";

const RUN = join(import.meta.dirname, "../testdata/runs/leader-killed");

describe("the journal of a lab whose nodes write every message down", () => {
  let home: LabHome;
  beforeAll(async () => {
    home = await openLabHome();
    const { code, stderr } = await home.lab("up", "--nodes", "3", "--profile", "fast", "--journal", "wire");
    expect({ code, stderr }).toMatchObject({ code: 0 });
  }, 60_000);
  afterAll(async () => {
    expect((await home.lab("down")).code).toBe(0);
    expect(await home.leftovers()).toEqual([]);
    await home[Symbol.asyncDispose]();
  });

  const entries = async (...args: string[]): Promise<Entry[]> => {
    const { code, stdout, stderr } = await home.lab("events", ...args, "-o", "json");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Entry);
  };

  test("must be shown live, causes before effects, and Ctrl-C must end that well", { timeout: 30_000 }, async () => {
    const following = home.start(["events", "-f", "--no-heartbeats", "--since", "1s"]);
    // It shows what is past first: from then on it follows.
    await home.lab("netem", "2", "--delay", "1ms");
    await following.saw("netem 2 --delay 1ms");
    await home.lab("sell", "1", "2", "30");
    await following.saw("BUY 30 credits from Node 1");
    await home.lab("heal");
    await following.saw("heal");
    following.child.kill("SIGINT");
    const { code, stdout } = await following.done;
    expect(code).toBe(0);
    const at = (text: string) => stdout.indexOf(text);
    const told = [
      at("-> node 2  TRADE_REQUEST"),
      at("<- node 1  TRADE_REQUEST"),
      at("SELL 30 credits"),
      at("BUY 30 credits"),
    ];
    expect(told).toEqual([...told].sort((a, b) => a - b));
    expect(stdout).not.toContain("HEARTBEAT");
    expect(stdout).not.toContain("PING");
  });

  test("must be filtered by kind, message, node and age", { timeout: 30_000 }, async () => {
    expect((await home.lab("ps")).stderr).toContain("journal: wire");
    const elections = await entries("--type", "election", "--node", "3");
    expect(elections.length).toBeGreaterThan(0);
    expect(elections.every(({ node, kind }) => node === 3 && kind === "election")).toBe(true);
    const requests = await entries("--type", "TRADE_REQUEST");
    expect(requests.map(({ kind, node }) => `${kind} ${node}`).slice(0, 2)).toEqual(["send 1", "recv 2"]);
    expect(await home.lab("events", "--type", "fault", "--since", "1ms")).toEqual({
      code: 0,
      stdout: "",
      stderr: expect.stringMatching(/^(none of \d+ lines was selected|the journal has no lines)\n$/),
    });
    expect(await home.lab("events", "--type", "electoin")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('did you mean "election"?'),
    });
  });

  test("must name what a fault swallowed, as its sender named it", { timeout: 30_000 }, async () => {
    await home.lab("netem", "1", "--loss", "50%", "--to", "2");
    await home.lab("sell", "1", "2", "5");
    const findLost = async () =>
      (await entries("--type", "drop", "--node", "2")).filter(({ reason }) => reason === "impaired_lost");
    await eventually(async () => expect((await findLost()).length).toBeGreaterThan(0), 15_000);
    await home.lab("heal");
    const lost = await findLost();
    const sent = new Set((await entries("--type", "send", "--node", "1")).map(({ id }) => id));
    expect(lost.filter(({ id }) => !sent.has(id))).toEqual([]);
  });

  test("must become pictures and logs that other tools take", { timeout: 30_000 }, async () => {
    const path = join(home.path, "picture.svg");
    expect(await home.lab("export", "svg", "-O", path)).toMatchObject({
      code: 0,
      stdout: "",
      stderr: `wrote ${path}\n`,
    });
    const svg = await readFile(path, "utf8");
    expect(findXmlComplaints(svg)).toEqual([]);
    expect(svg).toContain("TRADE_REQUEST 30");
    expect(findShivizComplaints((await home.lab("export", "shiviz")).stdout)).toEqual([]);
    expect(findMermaidComplaints((await home.lab("export", "mermaid", "--nodes", "1,2")).stdout)).toEqual([]);
  });
});

test("a stored run must be shown and drawn like a lab, where no lab is", async () => {
  await using home = await openLabHome();
  const events = await home.lab("events", "--run", RUN, "--type", "fault");
  expect(
    events.stdout
      .split("\n")
      .map((line) => line.slice("12:06:14.123Z  ".length))
      .filter((line) => line.includes("kill")),
  ).toEqual(["lab       fault      kill 3 SIGKILL"]);
  const csv = await home.lab(
    "export",
    "csv",
    "--run",
    RUN,
    "--from",
    "100ms",
    "--to",
    "500ms",
    "--nodes",
    "1-2",
    "--no-heartbeats",
  );
  expect(csv.stdout).toContain("I am now the COORDINATOR");
  expect(csv.stdout).not.toContain("PING");
  const golden = await readFile(join(RUN, "golden.mermaid"), "utf8");
  expect(await home.lab("export", "mermaid", "--run", RUN)).toEqual({ code: 0, stdout: golden, stderr: "" });
});

test("what can't be shown must be refused with what to do", async () => {
  await using home = await openLabHome();
  expect(await home.lab("export", "png", "--run", RUN)).toMatchObject({ code: 2 });
  expect(await home.lab("export", "svg", "--run", home.path)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("holds no run"),
  });
  expect(await home.lab("export", "svg", "--run", RUN, "--from", "5s", "--to", "2s")).toMatchObject({ code: 2 });
  expect(await home.lab("export", "svg", "--run", RUN, "-O", "/nowhere/x.svg")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("name another file"),
  });
  expect(await home.lab("events", "--run", RUN, "-f")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("leave --follow out"),
  });
  expect(await home.lab("events", "--run", RUN, "--node", "leader")).toMatchObject({ code: 2 });
  expect(await home.lab("up", "--journal", "loud", "--dry-run")).toMatchObject({ code: 2 });
});
