import { describe, expect, test } from "vitest";
import { formatDuration, parseDuration } from "../../lab/base/duration.ts";
import { normalizeSignal } from "../../lab/base/signals.ts";
import { editDistance, suggest } from "../../lab/base/suggest.ts";
import { renderBar } from "../../lab/cli/ui/bar.ts";
import { isProbe, renderLogLine } from "../../lab/cli/ui/log-line.ts";
import { Printer } from "../../lab/cli/ui/printer.ts";
import { createProgress } from "../../lab/cli/ui/progress.ts";
import { paintVerdict, renderRuns } from "../../lab/cli/ui/runs-table.ts";
import { renderTable } from "../../lab/cli/ui/table.ts";
import type { LogLine } from "../../lab/engine/engine.ts";
import type { ScenarioResult, ScenarioVerdict } from "../../lab/scenario/result.ts";

function record(options: { json?: boolean; tty?: boolean; environment?: NodeJS.ProcessEnv } = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const tty = options.tty === true;
  const printer = new Printer(
    {
      stdout: { write: (text) => out.push(text), isTTY: tty },
      stderr: { write: (text) => err.push(text), isTTY: tty },
    },
    { json: options.json === true, environment: options.environment ?? {} },
  );
  return { printer, out: () => out.join(""), err: () => err.join("") };
}

describe("many runs", () => {
  const run = (file: string, verdict: ScenarioVerdict, reason = "") => ({
    file,
    realMs: 1_000,
    result: { verdict, reason } as ScenarioResult,
  });
  const runs = [
    run("b.yaml", "failed", "node 1 isn't there"),
    run("c.yaml", "invalid", "two leaders"),
    run("a.yaml", "valid"),
  ];

  test("must end with a table in which failures stand last, and with their number", () => {
    expect(renderRuns(runs, { color: false }).split("\n")).toEqual([
      "",
      "SCENARIO  VERDICT   TIME  WHY",
      "a.yaml    valid    1.0 s",
      "b.yaml    failed   1.0 s  node 1 isn't there",
      "c.yaml    invalid  1.0 s  two leaders",
      "",
      "3 scenarios: 1 valid, 1 failed, 1 invalid",
    ]);
  });

  test("must tell verdicts apart by colour on a terminal", () => {
    const text = renderRuns(runs, { color: true });
    expect(text).toContain("\u001b[32mvalid\u001b[0m");
    expect(text).toContain("\u001b[31minvalid\u001b[0m");
    expect(paintVerdict("inconclusive", true)).toBe("\u001b[33minconclusive\u001b[0m");
    expect(paintVerdict("inconclusive", false)).toBe("inconclusive");
  });
});

describe("the lines of nodes", () => {
  const line = (fields: object) => ({
    ...{ node: 3, stream: "stdout" as const, timeMs: 0 },
    text: JSON.stringify({ level: "info", node: 3, time: 1_767_225_600_500, msg: "a sentence", ...fields }),
  });
  const plain = { color: false } as Printer;

  test("must say their time and its zone", () => {
    expect(renderLogLine(line({ kind: "local" }) as LogLine, 0, plain)).toBe("00:00:00.500Z a sentence");
  });

  test("must be known for heartbeats and probes, and for nothing else", () => {
    const isHidden = (fields: object) => isProbe(line(fields) as LogLine);
    expect(
      [
        { kind: "send", type: "PING" },
        { kind: "recv", type: "HEARTBEAT" },
      ].map(isHidden),
    ).toEqual([true, true]);
    expect(
      [
        { kind: "send", type: "TRADE_CONFIRM" },
        { kind: "member", type: "PING" },
      ].map(isHidden),
    ).toEqual([false, false]);
    expect(isProbe({ ...line({}), text: "PING" } as LogLine)).toBe(false);
  });
});

describe("tables", () => {
  test("must align numbers right, and end lines without spaces", () => {
    const text = renderTable(
      [{ title: "NODE", align: "right" }, { title: "ROLE" }],
      [
        ["1", "FOLLOWER"],
        ["12", ""],
      ],
    );
    expect(text.split("\n")).toEqual(["NODE  ROLE", "   1  FOLLOWER", "  12"]);
  });

  test("must measure before they are painted", () => {
    const text = renderTable([{ title: "A" }, { title: "B" }], [["x", "y"]], (cell) => `<${cell}>`);
    expect(text).toBe("A  B\n<x>  <y>");
  });
});

describe("spans of time", () => {
  test.each([
    ["8s", 8_000],
    ["500ms", 500],
    ["1.5s", 1_500],
    ["2m", 120_000],
    ["1h30m", 5_400_000],
    ["20min", 1_200_000],
  ])("%s must be %i ms", (text, ms) => expect(parseDuration(text, "--for")).toBe(ms));

  test.each(["", "0", "20", "-1s", "8 apples", "s", "1s2"])("%j must be refused", (text) => {
    expect(() => parseDuration(text, "--for")).toThrow(expect.objectContaining({ exit: "usage" }));
  });

  test.each([
    [3.14, "3.1 ms"],
    [612, "0.61 s"],
    [4_200, "4.2 s"],
    [42_000, "42 s"],
    [185_000, "3 min 5 s"],
    [7_620_000, "2 h 7 min"],
  ])("%d ms must read %s", (ms, text) => expect(formatDuration(ms)).toBe(text));
});

describe("did you mean", () => {
  test.each([
    ["stauts", "status"],
    ["kil", "kill"],
    ["balnce", "balance"],
    ["xyzzy", undefined],
  ])("%s -> %s", (word, near) => expect(suggest(word, ["status", "kill", "balance", "ps"])).toBe(near));

  test("a swap must count as one edit", () => expect(editDistance("ab", "ba")).toBe(1));
});

describe("signals", () => {
  test.each([
    ["TERM", "SIGTERM"],
    ["sigkill", "SIGKILL"],
    ["9", "SIGKILL"],
  ])("%s must be %s", (text, name) => expect(normalizeSignal(text)).toBe(name));
  test("an unknown one must be refused with the nearest", () => {
    expect(() => normalizeSignal("TREM")).toThrow(
      expect.objectContaining({ exit: "usage", hint: 'did you mean "TERM"?' }),
    );
  });
});

describe("the printer", () => {
  test("must keep data and talk apart", () => {
    const { printer, out, err } = record();
    printer.data({ a: 1 }, "one");
    printer.say("next: two");
    expect([out(), err()]).toEqual(["one\n", "next: two\n"]);
  });

  test("must print one JSON value with -o json", () => {
    const { printer, out } = record({ json: true });
    printer.data({ a: 1 }, "one");
    expect(JSON.parse(out())).toEqual({ a: 1 });
  });

  test.each([
    [{}, true],
    [{ NO_COLOR: "1" }, false],
    [{ TERM: "dumb" }, false],
  ])("in a terminal with %j colours must be %s", (environment, color) => {
    expect(record({ tty: true, environment }).printer.color).toBe(color);
  });

  test("must not redraw in CI", () => {
    expect(record({ tty: true, environment: { CI: "true" } }).printer.live).toBe(false);
  });
});

describe("progress", () => {
  test("must be a line per finished step where nothing can be redrawn", () => {
    const { printer, err } = record();
    const progress = createProgress(printer);
    progress({ step: "nodes", state: "start" });
    progress({ step: "nodes", state: "done", node: 1 });
    progress({ step: "nodes", state: "done", detail: "5 started" });
    expect(err()).toBe("  nodes    ok  5 started\n");
  });

  test("must not repeat what changes many times a second", () => {
    const { printer, err } = record();
    const progress = createProgress(printer);
    for (let i = 0; i < 100; i++) progress({ step: "agree", state: "info", detail: `${i}` });
    expect(err()).toBe("");
  });

  test("must leave the line empty when it is done, in a terminal", () => {
    const { printer, err } = record({ tty: true });
    const progress = createProgress(printer, 80);
    progress({ step: "image", state: "start", detail: "build" });
    progress({ step: "image", state: "done" });
    expect(err()).toBe("image: build\r\u001b[K");
  });

  test("must be JSON lines with -o json", () => {
    const { printer, err } = record({ json: true });
    createProgress(printer)({ step: "image", state: "start" });
    expect(JSON.parse(err())).toEqual({ progress: { step: "image", state: "start" } });
  });
});

test("a bar must show how much is done, and stay within its width", () => {
  expect(renderBar(0, 4)).toBe("[....]");
  expect(renderBar(0.5, 4)).toBe("[##..]");
  expect(renderBar(7, 4)).toBe("[####]");
});
