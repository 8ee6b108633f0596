// The package as an outside user has it: packed, installed, its declarations checked, its labs on real processes.
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findByEnvironment } from "../../lab/base/process-table.ts";
import { openLabHome } from "../support/cli.ts";
import { eventually } from "../support/eventually.ts";
import { type InstalledExample, installExample } from "../support/installed-example.ts";

const LIBRARY = pathToFileURL(join(import.meta.dirname, "../../dist/energy-lab.js")).href;

describe("the installed package", () => {
  let example: InstalledExample;
  beforeAll(async () => {
    example = await installExample();
  }, 180_000);
  afterAll(() => example?.[Symbol.dispose]());

  it("must type-check in a strict project that checks declarations too", async () => {
    const { code, output } = await example.run("types");
    expect(code, output).toBe(0);
  });

  it("must run labs from test files side by side, and leave none of them behind", { timeout: 120_000 }, async () => {
    const { code, output } = await example.run("test");
    expect(code, output).toBe(0);
    expect(output).toMatch(/Tests {2}5 passed \| 2 skipped/);
    expect(output).toContain("tests/readme.test.ts");
    const processes = await findByEnvironment("ENERGY_LAB_DIR");
    expect(processes.filter(({ value }) => value.startsWith(join(example.path, "../..")))).toEqual([]);
  });

  it("must run the program of README.md", async () => {
    const { code, output } = await example.run("program", { LAB_RUNTIME: "sim" });
    expect(code, output).toBe(0);
    expect(output).toContain("partition 1,2 3,4 {");
  });

  it("must keep the run of a test that failed, and name its folder in every report", async () => {
    const { code, output } = await example.run("test:failing", { EXAMPLE_FAILS: "1" });
    expect(code).toBe(1);
    const results = join(example.path, "test-results");
    const runs = readdirSync(results).filter((name) => /Z-a-test-that-fails/.test(name));
    expect(runs, output).toHaveLength(2);
    const junit = readFileSync(join(results, "junit.xml"), "utf8");
    for (const run of runs) {
      const path = join("test-results", run);
      expect(output).toContain(`the run is kept in ${path}`);
      expect(junit).toContain(path);
      const files = readdirSync(join(results, run));
      expect(files).toEqual(
        expect.arrayContaining(["journal.jsonl", "logs", "config.json", "report.html", "verdict.txt"]),
      );
      const verdict = JSON.parse(readFileSync(join(results, run, "results.json"), "utf8"));
      expect(verdict).toMatchObject({ failure: { message: expect.stringContaining("not reached after 0.5 s") } });
      expect(readFileSync(join(results, run, "journal.jsonl"), "utf8").split("\n").length).toBeGreaterThan(20);
    }
  });
});

describe("a program that is killed", () => {
  it("must leave a lab that `lab gc` finds, and touches while it lives no more than any other", async () => {
    await using home = await openLabHome();
    const program = `import { Lab } from ${JSON.stringify(LIBRARY)};
      const lab = await Lab.up({ nodes: 2, runtime: "local" });
      console.log("up", lab.name);
      setInterval(() => {}, 1_000);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      env: { ...process.env, XDG_STATE_HOME: home.path },
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      await new Promise<void>((resolve, reject) => {
        child.stdout.setEncoding("utf8").on("data", (text: string) => text.startsWith("up") && resolve());
        child.once("exit", (code) => reject(new Error(`it ended with ${code}`)));
      });
      await home.lab("gc");
      expect((await home.leftovers()).filter((line) => line.startsWith("process"))).toHaveLength(2);
    } finally {
      child.kill("SIGKILL");
    }
    await eventually(async () => {
      await home.lab("gc");
      expect(await home.leftovers()).toEqual([]);
    });
  });
});
