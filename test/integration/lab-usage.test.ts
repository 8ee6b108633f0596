// Usage errors of the command, and how fast it starts.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LabHome, openLabHome } from "../support/cli.ts";

describe("the command line", () => {
  let home: LabHome;
  beforeAll(async () => {
    home = await openLabHome();
  });
  afterAll(async () => {
    await home[Symbol.asyncDispose]();
  });

  test.each([
    [["stauts"], 'lab: unknown command "stauts"\n  did you mean "status"?\n'],
    [["ps", "--wathc"], 'lab: unknown option "--wathc"\n  did you mean "--watch"?\n'],
    [["kill"], 'lab: missing required argument "nodes"\n'],
    [["ps", "-o", "yaml"], "lab: option "],
    [["kill", "1-"], 'lab: "1-" names no node\n'],
    [["kill", "1", "-s", "TREM"], 'lab: there is no signal "TREM"\n  did you mean "TERM"?\n'],
    [["wait", "agre"], 'lab: "agre" isn\'t a condition\n  did you mean "agree"?\n'],
    [["wait", "agree", "--timeout", "soon"], 'lab: --timeout: "soon" isn\'t a span of time\n'],
    [["up", "--profile", "quick"], 'lab: there is no profile "quick"\n'],
    [["up", "--nodes", "many"], 'lab: --nodes can\'t be "many"\n'],
    [["up", "--name", "../evil"], 'lab: "../evil" can\'t be the name of a lab\n'],
  ])("must answer %j with exit code 2", async (args, start) => {
    const { code, stdout, stderr } = await home.lab(...args);
    expect({ stdout, stderr: stderr.slice(0, start.length) }).toEqual({ stdout: "", stderr: start });
    expect(stderr.trimEnd().split("\n")).toHaveLength(2);
    expect(code).toBe(2);
  });

  test("must show errors as JSON when asked for JSON", async () => {
    const { code, stderr } = await home.lab("ps", "-o", "json");
    expect(code).toBe(3);
    expect(JSON.parse(stderr)).toMatchObject({
      error: { exit: 3, name: "notFound", hint: expect.stringContaining("lab up") },
    });
  });

  test("must show a stack only with --verbose", async () => {
    expect((await home.lab("ps")).stderr).not.toContain("at ");
    expect((await home.lab("ps", "--verbose")).stderr).toContain("    at ");
  });

  test.each([["--help"], ["help"], ["help", "up"], ["kill", "--help"]])(
    "must help with %j on stdout",
    async (...args) => {
      expect(await home.lab(...args)).toMatchObject({
        code: 0,
        stderr: "",
        stdout: expect.stringContaining("Usage: lab"),
      });
    },
  );

  test("must list no labs where there are none", async () => {
    expect(await home.lab("ls")).toMatchObject({
      code: 0,
      stdout: "",
      stderr: "there are no labs\nstart one: lab up\n",
    });
    expect(await home.json("ls")).toEqual([]);
  });

  test("must show a plan without making anything", async () => {
    const plan = await home.json<{ nodes: unknown[]; voters: number[] }>("up", "--dry-run", "--nodes", "4");
    expect(plan).toMatchObject({ name: "lab", runtime: "local", voters: [1, 2, 3] });
    expect(plan.nodes).toHaveLength(4);
    expect(await home.leftovers()).toEqual([]);
  });

  test("must use local processes when no engine answers, and say so in one line; but never when told to use Docker", async () => {
    await using alone = await openLabHome({ LAB_RUNTIME: "auto", DOCKER_HOST: "unix:///nowhere/docker.sock" });
    const told = await alone.lab("up", "--runtime", "docker");
    expect(told).toMatchObject({
      code: 4,
      stdout: "",
      stderr: expect.stringContaining("no Docker engine answers at /nowhere"),
    });
    expect(await alone.leftovers()).toEqual([]);
    const free = await alone.lab("up", "--nodes", "1", "--profile", "fast", "--no-wait");
    expect(free.code).toBe(0);
    expect(free.stderr.match(/^using local processes instead of Docker: .*$/gm)).toHaveLength(1);
    const listed = await alone.lab("ls", "-o", "json");
    expect(listed.code).toBe(4);
    expect(JSON.parse(listed.stdout)).toMatchObject([{ name: "lab", runtime: "local" }]);
    expect(await alone.lab("ps", "--name", "other")).toMatchObject({
      code: 4,
      stderr: expect.stringContaining("Docker can't be asked"),
    });
    expect((await alone.lab("down")).code).toBe(0);
    expect(await alone.leftovers()).toEqual([]);
  });

  test("must find this machine fit for local labs", async () => {
    const findings = await home.json<{ check: string; level: string }[]>("doctor");
    expect(findings.filter((finding) => finding.level === "fail")).toEqual([]);
  });
});
