// Reports: what is in the folder, that it is whole, and that no secret is.
import { execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { runChecks } from "../../lab/check/checkers.ts";
import { readRun, writeRun } from "../../lab/journal/stored-run.ts";
import { renderJunit } from "../../lab/report/junit.ts";
import { readReport } from "../../lab/report/read-report.ts";
import { describeResults, Results } from "../../lab/report/results.ts";
import { maskData, maskSecrets } from "../../lab/report/secrets.ts";
import { renderMarkdown, summarise } from "../../lab/report/summary.ts";
import { writeReport } from "../../lab/report/write-report.ts";
import { entry, KEY, makeRecord, TOKEN } from "../support/run-record.ts";
import { fillDisk, mountSmallDisk, noSmallDisk, setReadOnly } from "../support/small-disk.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lab-test-report-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
});

const write = (record = makeRecord(), environment = {}) => writeReport(folder, record, environment);
const read = (path: string, name: string) => readFileSync(join(path, name), "utf8");

describe("a report", () => {
  test("must hold all that is needed to understand the run elsewhere", async () => {
    const { path, files } = await write();
    expect(path).toBe(join(folder, "2026-11-23T12-00-00Z-kill-the-leader"));
    const found = readdirSync(path, { recursive: true, withFileTypes: true }).filter((item) => item.isFile());
    expect(found.map((item) => join(item.parentPath, item.name).slice(path.length + 1)).sort()).toEqual(
      [
        ...["config.json", "engine.json", "journal.jsonl", "junit.xml", "logs/node-1.log", "logs/node-2.log"],
        ...["report.html", "results.json", "run.json", "scenario.yaml", "summary.md", "verdict.txt"],
      ].sort(),
    );
    expect([...files].sort()).toEqual(
      found.map((item) => join(item.parentPath, item.name).slice(path.length + 1)).sort(),
    );
    expect(await readRun(path)).toEqual(makeRecord().journal);
    expect(read(path, "logs/node-1.log").split("\n")[0]).toBe("12:00:00.500Z INFO  line 1");
    expect(JSON.parse(read(path, "config.json"))).toMatchObject({ name: "shop", env: { DS_LOG_LEVEL: "DEBUG" } });
    expect(JSON.parse(read(path, "engine.json"))).toMatchObject({ facts: { node: "24" }, host: {} });
  });

  test("must say with `latest` which is the newest, and be found by it", async () => {
    await write(makeRecord({ title: "first" }));
    const second = await write(makeRecord({ title: "second" }));
    expect(lstatSync(join(folder, "latest")).isSymbolicLink()).toBe(true);
    expect(read(join(folder, "latest"), "verdict.txt")).toBe(read(second.path, "verdict.txt"));
    expect((await readRun(folder)).facts).toEqual(makeRecord().journal.facts);
    expect((await readRun(join(folder, "latest"))).entries).toHaveLength(3);
  });

  test("must be found where `latest` is a file, as on systems without links", async () => {
    await writeRun(join(folder, "some-run"), makeRecord().journal);
    writeFileSync(join(folder, "latest"), "some-run\n");
    expect((await readRun(folder)).entries).toHaveLength(3);
    expect((await readRun(join(folder, "latest"))).entries).toHaveLength(3);
  });

  test("must leave alone what somebody else called `latest`", async () => {
    mkdirSync(join(folder, "latest/mine"), { recursive: true });
    await write();
    expect(readdirSync(join(folder, "latest"))).toEqual(["mine"]);
    expect(readdirSync(folder)).toHaveLength(2);
  });

  test("must get a folder of its own beside one of the same second and title", async () => {
    const paths = await Promise.all([write(), write(), write()]);
    expect(new Set(paths.map(({ path }) => path)).size).toBe(3);
    expect(readdirSync(folder).filter((name) => name.startsWith("."))).toEqual([]);
  });

  test("must never hold a token or a key, wherever it came from", async () => {
    const { path, files } = await write(
      makeRecord({
        reason: `node 1 said ${TOKEN}`,
        failure: { message: `refused with ${KEY}`, hint: `{"DS_CONTROL_TOKEN":"${TOKEN}"}` },
        replay: `DS_KEYS=3:BBBBBBBBBBBBBBBBBBBBBBBB lab run x.yaml`,
      }),
    );
    for (const name of files) {
      const text = read(path, name);
      for (const secret of [TOKEN, KEY, "token-of-the-user", "never-seen-before", "AAAAAAAAAAAA", "BBBBBBBBBBBB"])
        expect(text.includes(secret), `${name} holds ${secret}\n${text}`).toBe(false);
    }
    expect(read(path, "scenario.yaml")).toContain("[removed]");
  });

  test("must hold none in the journal that its page carries packed", () => {
    const lines = [entry(1, 1, 0, { msg: `sealed with ${KEY}` }), entry(1, 2, 1, { env: { DS_KEYS: TOKEN } })];
    const masked = JSON.stringify(maskData({ lines, logs: new Map([[1, ["DS_CONTROL_TOKEN=abc"]]]) }, [KEY]).lines);
    expect(masked).toContain('"sealed with [removed]"');
    expect(masked).toContain('"DS_KEYS":"[removed]"');
    expect([...maskData(new Map([[1, ["DS_CONTROL_TOKEN=abc"]]]), [])]).toEqual([[1, ["DS_CONTROL_TOKEN=[removed]"]]]);
  });

  test("must tell GitHub's summary in Actions only", async () => {
    const summary = join(folder, "summary");
    await write(makeRecord(), { GITHUB_STEP_SUMMARY: summary });
    const markdown = readFileSync(summary, "utf8");
    expect(markdown).toContain("❌ Kill the leader!: invalid");
    expect(markdown).toMatch(/```mermaid\nsequenceDiagram\n/);
  });

  test.skipIf(noSmallDisk !== null)(
    `must leave nothing half-made on a full disk, and say what to do${noSmallDisk === null ? "" : ` (skipped: ${noSmallDisk})`}`,
    async () => {
      folder = mountSmallDisk(64 * 1024);
      fillDisk(folder);
      await expect(write()).rejects.toMatchObject({
        exit: "failed",
        message: `the report in ${folder} can't be written: the disk is full`,
        hint: expect.stringContaining("--report"),
      });
      expect(readdirSync(folder)).toEqual(["ballast"]);
      rmSync(join(folder, "ballast"));
      setReadOnly(folder);
      await expect(write()).rejects.toThrow("the file system is read-only");
    },
  );
});

test("a stored journal that was cut or garbled must leave no checker sure that all is well", async () => {
  const verdicts = async () => runChecks(await readRun(folder)).map(({ verdict }) => verdict);
  await writeRun(folder, await readRun(join(import.meta.dirname, "../testdata/runs/leader-killed")));
  expect(await verdicts()).toContain("valid");
  const whole = read(folder, "journal.jsonl");
  const damages = [
    whole.slice(0, (2 * whole.length) / 3),
    whole.replace(/^\{/m, "#"),
    whole.replaceAll(/^.*"node":2,.*\n/gm, ""),
  ];
  for (const damaged of damages) {
    expect(damaged).not.toBe(whole);
    writeFileSync(join(folder, "journal.jsonl"), damaged);
    expect(await verdicts()).not.toContain("valid");
  }
});

describe("results.json", () => {
  test("must be what its schema says, and name the lines of every proof", async () => {
    const { path } = await write();
    const results = Results.parse(JSON.parse(read(path, "results.json")));
    expect(results).toMatchObject({ version: 1, verdict: "invalid", exitCode: 5, run: { seed: 7 } });
    expect(results.checks[0]?.violations[0]?.proof).toEqual([
      expect.objectContaining({ node: 2, inc: 1, seq: 2, msg: "BUY 30 credits <twice> & once more" }),
    ]);
    expect(results.steps.map(({ atMs }) => atMs)).toEqual([0, 12]);
    expect(results.steps[0]).toMatchObject({ note: "somebody <must> notice", explain: "probes find out" });
    expect(results.journal).toEqual({ lines: 3, missing: 1, spanMs: 900 });
  });

  test.each([
    [{ verdict: "valid" }, 0],
    [{ verdict: "inconclusive" }, 7],
    [{ verdict: "valid", failure: { message: "x", hint: "" } }, 1],
    [{ verdict: "invalid", failure: { message: "x", hint: "" } }, 5],
  ] as const)("must give %j the exit code %i", (fields, code) => {
    expect(describeResults(makeRecord(fields)).exitCode).toBe(code);
  });
});

describe("junit.xml", () => {
  test("must be well-formed, with steps and checks as test cases", () => {
    const xml = renderJunit(makeRecord({ title: `<&"\u0000\ud800 title` }));
    expect(xml).toContain('tests="5" failures="2" errors="0" skipped="1"');
    expect(xml).toContain(`<failure message="1 &lt; 2">`);
    expect(xml).toContain(`<skipped message="inconclusive: no deliveries | were written"/>`);
    expect(xml).toContain("node 2.1 #2  BUY 30 credits &lt;twice&gt; &amp; once more");
    expect(readXml(xml)).toBe("");
  });

  test("must show a run that ended early as a failure of its own", () => {
    const failure = { message: "no agreement after 30 s", hint: "look at it" };
    expect(renderJunit(makeRecord({ failure, steps: [], checks: [] }))).toContain('failures="1"');
  });
});

describe("a stored run", () => {
  test("must be summed up as it was judged", async () => {
    const { path } = await write();
    const stored = await readReport(folder);
    expect(stored).toMatchObject({
      path,
      isJudgedAnew: false,
      results: { verdict: "invalid", title: "Kill the leader!" },
    });
    expect(await readReport(path)).toEqual(stored);
  });

  test("must be judged again where only the journal is there", async () => {
    await writeRun(join(folder, "sent-by-mail"), makeRecord().journal);
    const { results, isJudgedAnew } = await readReport(join(folder, "sent-by-mail"));
    expect(isJudgedAnew).toBe(true);
    expect(results).toMatchObject({ title: "sent-by-mail", verdict: "inconclusive" });
    expect(results.checks.length).toBeGreaterThan(5);
  });

  test("must be refused in words when it is damaged, or none", async () => {
    const { path } = await write();
    writeFileSync(join(path, "results.json"), "{");
    await expect(readReport(folder)).rejects.toMatchObject({
      exit: "usage",
      message: expect.stringContaining("damaged"),
    });
    await expect(readReport(join(folder, "nothing"))).rejects.toMatchObject({ exit: "usage" });
  });
});

describe("the words of a report", () => {
  test("must begin with the verdict and the violation", () => {
    const lines = summarise(describeResults(makeRecord())).split("\n");
    expect(lines[0]).toBe("invalid: a transfer was applied twice");
    expect(lines[1]).toBe("at-most-once: node 2 applied 1-2-1.1 twice");
  });

  test("must not let a message break out of its Markdown", () => {
    const markdown = renderMarkdown(describeResults(makeRecord({ title: "a | b\n# c ![x](y)" })), "sequenceDiagram");
    expect(markdown).toContain("a \\| b \\# c !\\[x\\](y)");
    expect(markdown).toContain("```mermaid\nsequenceDiagram\n```");
    expect(markdown).toContain("| causal-delivery | ❔ inconclusive | no deliveries \\| were written |");
  });

  test("must mask what is assigned to a secret's name, in any form", () => {
    for (const text of [
      "DS_KEYS=1:hunter2hunter2",
      `DS_KEYS: "1:hunter2hunter2"`,
      `{"DS_KEYS":"1:hunter2hunter2"}`,
      `"{\\"DS_KEYS\\":\\"1:hunter2hunter2\\"}"`,
      "DS_CONTROL_TOKEN = 'hunter2hunter2'",
    ])
      expect(maskSecrets(text, [])).not.toContain("hunter2");
    expect(maskSecrets("DS_KEYS_FILE=/run/secrets/keys", [])).toBe("DS_KEYS_FILE=/run/secrets/keys");
  });
});

/** What a parser of its own, Python's, has to complain of; empty: nothing. Nothing is asked where there is no Python. */
function readXml(xml: string): string {
  const program =
    "import sys, xml.dom.minidom as d\ntry: d.parseString(sys.stdin.buffer.read())\nexcept Exception as e: print(e)";
  try {
    return execFileSync("python3", ["-c", program], { input: xml, encoding: "utf8" });
  } catch {
    return "";
  }
}
