// A bad day: files that somebody else wrote, and folders that belong to somebody else. Every one is refused with its name, the line, and exit
// code 2, or taken; none is a bug in lab. The next case is a row.
import { execFile } from "node:child_process";
import { chmod, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LabHome, openLabHome } from "../support/cli.ts";

const BOMB = ["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
  .concat([..."bcdefgh"].map((name, i) => `${name}: &${name} [${`*${"abcdefg"[i]},`.repeat(10)}]`))
  .join("\n");
const STEPS = "steps:\n  - wait: agree\n";

const FILES: readonly (readonly [name: string, content: string | Buffer, said: RegExp | null])[] = [
  [
    "misspelt alias",
    `x-a: &base { for: 1s }\nsteps:\n  - sleep: *bass\n`,
    /:3:12: there is no anchor "&bass" above; did you mean "\*base"\?/,
  ],
  ["an alias with nothing near", `steps:\n  - sleep: *zzz\n`, /:2:12: there is no anchor "&zzz" above; mark it first/],
  ["an alias of itself", "steps: &s\n  - parallel: *s\n", /:2:15: "\*s" stands for something that contains it/],
  ["a thousand uses of an anchor", `x-t: &t 1ms\nsteps:\n${"  - sleep: *t\n".repeat(1_000)}`, null],
  ["a bomb", `${BOMB}\n${STEPS}`, /:\d+:\d+: this stands for more than 200000 values/],
  ["deep lists", `steps: ${"[".repeat(50_000)}`, /:1:1: lists or fields are nested too deeply/],
  ["JSON", '{"name": "json", "steps": [{"wait": "agree"}]}', null],
  ["quoted fields", '"steps":\n  - "wait": agree\n', null],
  ["indented", "  name: x\n  steps:\n    - wait: agree\n", null],
  ["a byte order mark", `\uFEFF${STEPS}`, null],
  ["an unknown tag", "steps: !!js/function 'x'\n", /:1:\d+: /],
  ["a merge of a list", `x-a: &a [1]\n<<: *a\n${STEPS}`, /:\d+:\d+: /],
  ["two documents", `${STEPS}---\n${STEPS}`, /:\d+:\d+: /],
  ["a field twice", `${STEPS}${STEPS}`, /:3:1: /],
  ["a list at the top", "- wait: agree\n", /:1:1: /],
  ["nothing", "", null],
  ["a word", "hello\n", /:1:1: /],
  ["tabs", "steps:\n\t- wait: agree\n", /:2:1: /],
  ["no text", Buffer.from([0xff, 0xfe, 0x00, 0x80]), / can't be read: it is no text in UTF-8/],
  [
    "a delay without a unit",
    "steps:\n  - netem: { nodes: 1, delay: 100 }\n",
    /:2:\d+: delay: 100 has no unit; write 100ms/,
  ],
  ["a span without a unit", "steps:\n  - sleep: 5\n", /:2:\d+: a span of time: 5 has no unit; write 5s/],
  ["a rate without a unit", "steps:\n  - load: { rate: 20 }\n", /:2:\d+: rate: 20 has no unit; write 20\/s/],
  ["a rate in words without a unit", "steps:\n  - load 20 for 5s\n", /:2:\d+: .*20 has no unit; write 20\/s/],
  ["a very large number", "nodes: 1e999\n", /:1:1: /],
  ["__proto__", `__proto__: { a: 1 }\n${STEPS}`, /:1:1: unknown field "__proto__"/],
];

test.each([
  ["nowhere/run.yaml", "there is no such folder"],
  ["folder", "it is a folder"],
  ["file/run.yaml", "a part of that path is no folder"],
])("a place to write to, %s, must be refused with what is wrong with it", async (place, why) => {
  await using home = await openLabHome();
  await mkdir(join(home.path, "folder"));
  await writeFile(join(home.path, "file"), "");
  const file = join(home.path, place);
  const run = join(import.meta.dirname, "../testdata/runs/leader-killed");
  const { code, stderr } = await home.lab("export", "csv", "--run", run, "--out", file);
  expect({ code, stderr }).toEqual({ code: 1, stderr: `lab: ${file} can't be written: ${why}\n  name another file\n` });
});

test("an export of nothing must be refused, and make no file", async () => {
  await using home = await openLabHome();
  const run = join(import.meta.dirname, "../testdata/runs/leader-killed");
  const file = join(home.path, "out.csv");
  const { code, stderr } = await home.lab("export", "csv", "--run", run, "--nodes", "9", "--out", file);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^lab: nothing to export: no line of a node was selected/);
  expect(await readdir(home.path)).not.toContain("out.csv");
});

describe("files of others", () => {
  let home: LabHome;
  let findings: { file: string; ok: boolean; message: string; hint: string }[];
  beforeAll(async () => {
    home = await openLabHome();
    for (const [name, content] of FILES) await writeFile(join(home.path, `${name}.yaml`), content);
    await mkdir(join(home.path, "a folder.yaml"));
    await symlink("/dev/zero", join(home.path, "endless.yaml"));
    const names = [...FILES.map(([name]) => name), "a folder", "endless", "absent"];
    const { code, stdout, stderr } = await home.lab(
      "validate",
      ...names.map((name) => join(home.path, `${name}.yaml`)),
      "-o",
      "json",
    );
    expect({ code, stderr }).toEqual({ code: 2, stderr: "" });
    findings = JSON.parse(stdout);
  });
  afterAll(async () => {
    await home[Symbol.asyncDispose]();
  });

  test.each([
    ...FILES.map(([name, , said]) => [name, said] as const),
    ["a folder", / can't be read: it is a folder/] as const,
    ["endless", / can't be read: it is no regular file/] as const,
    ["absent", / can't be read: there is no such file/] as const,
  ])("%s must be %s", (name, said) => {
    const file = join(home.path, `${name}.yaml`);
    const found = findings.find((finding) => finding.file === file);
    if (said === null) expect(found).toMatchObject({ ok: true, message: "" });
    else {
      expect(found?.ok).toBe(false);
      expect(found?.message.startsWith(file)).toBe(true);
      expect(`${found?.message}; ${found?.hint}`).toMatch(said);
    }
  });

  test("what `validate` takes `run` must take", async () => {
    const file = join(home.path, "JSON.yaml");
    expect((await home.lab("run", file, "--runtime", "sim")).code).toBe(0);
  });

  test.each([
    ["check", "a run whose journal is endless", /journal\.jsonl can't be read: it is no regular file/],
    ["check", "an endless file", /holds no run/],
    ["disk restore 1", "an endless disk", /an endless disk can't be read: it is no regular file/],
    ["disk restore 1", "an absent disk", /an absent disk can't be read: there is no such file/],
  ] as const)("`lab %s` must refuse %s", async (verb, what, said) => {
    const folder = join(home.path, what);
    if (what.startsWith("an endless")) await symlink("/dev/zero", folder);
    else if (!what.startsWith("an absent")) {
      await mkdir(folder);
      await writeFile(join(folder, "run.json"), "{}");
      await symlink("/dev/zero", join(folder, "journal.jsonl"));
    }
    const { code, stderr } = await home.lab(...verb.split(" "), folder);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(said) });
  });
});

describe("a state folder that isn't ours", () => {
  // Root may do anything: the command runs as nobody then.
  const uid = process.getuid?.() === 0 ? 65_534 : undefined;
  const lab = (home: string, ...args: string[]) =>
    new Promise<{ code: unknown; stderr: string }>((resolve) => {
      const env = { ...process.env, XDG_STATE_HOME: home, LAB_RUNTIME: "local", NO_COLOR: "1" };
      const bin = join(import.meta.dirname, "../../dist/lab.js");
      execFile(process.execPath, [bin, ...args], { env, ...(uid !== undefined && { uid }) }, (error, _stdout, stderr) =>
        resolve({ code: error?.code ?? 0, stderr }),
      );
    });

  test.each([["up"], ["ls"], ["ps"], ["down", "--all"], ["gc"], ["faults"]])(
    "must make `lab %s` name it, and say what to do",
    async (...args) => {
      await using home = await openLabHome();
      await chmod(home.path, 0o755);
      const folder = join(home.path, "energy-lab");
      await mkdir(folder, { mode: 0o700 });
      if (uid === undefined) await chmod(folder, 0o000);
      const { code, stderr } = await lab(home.path, ...args);
      if (uid === undefined) await chmod(folder, 0o700);
      expect(stderr).toMatch(/energy-lab.*: permission denied\n.*sudo chown -R .*energy-lab/);
      expect(code).toBe(1);
    },
  );
});
