// The manuals are true: their commands run, their names exist, their numbers are those of the code. The protocol's pages:
// test/unit/protocol-chapters.test.ts.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { TIMING_DEFAULT, TIMING_FAST } from "../../node/core/kernel/timing.ts";
import type { Timing } from "../../node/core/kernel/types.ts";
import { SETTING_NAMES } from "../../node/runtime/settings.ts";
import { openLabHome } from "../support/cli.ts";
import { missingLines, readConsoleBlocks, readTableRows } from "../support/doc-commands.ts";

const ROOT = join(import.meta.dirname, "../..");
const MANUALS = ["README.md", "lab/README.md", "node/README.md"] as const;
const read = (path: string) => readFileSync(join(ROOT, path), "utf8");

test.each(MANUALS)("every block of commands in %s must be marked as run or only shown", (path) => {
  const blocks = readConsoleBlocks(read(path));
  expect(blocks.length).toBeGreaterThan(1);
  expect(blocks.filter((block) => block.marker === null).map((block) => `${path}:${block.line}`)).toEqual([]);
});

// A node's manual shows what takes several machines, or Compose.
test.each(["README.md", "lab/README.md"])(
  "the commands in %s must do what is shown below them, and leave nothing behind",
  { timeout: 300_000 },
  async (path) => {
    await using home = await openLabHome({ npm_lifecycle_event: "npx", npm_lifecycle_script: "lab" });
    const blocks = readConsoleBlocks(read(path)).filter((block) => block.marker?.kind === "runs");
    const commands = blocks.flatMap((block) => block.commands);
    expect(commands.length).toBeGreaterThan(8);
    for (const { line, text, labArgs, output, exitCode } of commands) {
      const { code, stdout, stderr } = await home.lab(...(labArgs ?? []));
      const where = `${path}:${line}: ${text}\n${stdout}${stderr}`;
      expect(labArgs, where).not.toBeNull();
      expect(code, where).toBe(exitCode);
      expect(missingLines(output, `${stdout}${stderr}`), where).toEqual([]);
    }
    expect(await home.leftovers()).toEqual([]);
  },
);

describe("lab/README.md", () => {
  const manual = read("lab/README.md");

  test("must name all of the command's verbs, and no others", async () => {
    await using home = await openLabHome();
    const { stdout } = await home.lab("--help");
    const verbs = [...stdout.matchAll(/^ {2}([a-z]+) (?:\[|<| {2})/gm)].map(([, verb = ""]) => verb);
    expect(verbs).toContain("netem");
    expect(verbs.length).toBeGreaterThan(30);
    expect(verbs.filter((verb) => !manual.includes(`\`${verb}\``))).toEqual([]);
    const named = readTableRows(manual, /^(labs|look|talk|break.*|this machine)$/).flatMap(([, cell = ""]) =>
      [...cell.matchAll(/`(\w+)`/g)].map(([, verb = ""]) => verb),
    );
    expect(named.filter((verb) => !verbs.includes(verb))).toEqual([]);
  });
});

describe("the settings in node/README.md", () => {
  const rows = new Map(
    readTableRows(read("node/README.md"), /^`DS_\w+`$/).map(([name = "", value = ""]) => [name.slice(1, -1), value]),
  );

  test("must be exactly those that a node accepts", () => {
    expect([...rows.keys()].sort()).toEqual([...SETTING_NAMES].sort());
  });

  test.each<[string, keyof Timing, number]>([
    ["DS_HEARTBEAT_INTERVAL", "heartbeatMs", 1000],
    ["DS_HEARTBEAT_TIMEOUT", "heartbeatTimeoutMs", 1000],
    ["DS_ELECTION_TIMEOUT", "electionTimeoutMs", 1000],
    ["DS_DISCOVERY", "discoveryMs", 1000],
    ["DS_PROBE_INTERVAL", "probeIntervalMs", 1000],
    ["DS_MESSAGE_RETRY_DELAY", "retransmitCapMs", 1000],
    ["DS_NAK_BACKOFF_MS", "nakBackoffMs", 1],
  ])("must give %s the profiles' defaults", (name, key, unitMs) => {
    const [slow, fast] = [TIMING_DEFAULT[key] / unitMs, TIMING_FAST[key] / unitMs];
    expect(rows.get(name)).toBe(slow === fast ? `${slow}` : `${slow} / ${fast}`);
  });
});
