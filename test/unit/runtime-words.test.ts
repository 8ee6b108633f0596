import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { HISTORY_LINES, historyText } from "../../node/core/query/history.ts";
import { parseCommandLine } from "../../node/runtime/command-line.ts";
import { loadImpairments, saveImpairments } from "../../node/runtime/impairment-file.ts";
import { createJournal, openLogFile } from "../../node/runtime/journal-writer.ts";
import { createRateLimit } from "../../node/runtime/rate-limit.ts";
import { Impairment } from "../../node/wire/control.ts";
import { JournalLine } from "../../node/wire/journal.ts";
import type { TradeRecord } from "../../node/wire/message.ts";
import { makeTempFolder } from "../support/temp-folder.ts";

describe("the prompt's words", () => {
  const texts: readonly [line: string, text: string | RegExp][] = [
    ["sell 2", "Usage: sell <node_id> <amount>"],
    ["buy 2 3 4", "Usage: buy <node_id> <amount>"],
    ["dance", "Unknown command: dance. Type 'help' for commands."],
    ["sell 2 0", /nothing to trade/],
    ["sell 2 -5", /can't be negative/],
    ["sell 2 1.5", /can't be divided/],
    ["sell 2 many", /whole number/],
    ["sell 2 1e3", /whole number/],
    ["sell 2 99999999999999999999", /At most 1099511627776/],
    ["sell two 5", /Invalid node: two/],
    ["sell 0 5", /Invalid node: 0/],
    ["sell 70000 5", /Invalid node/],
  ];
  test.each(texts)("%j must be refused in words", (line, text) => {
    const parsed = parseCommandLine(line);
    expect(parsed.kind).toBe("refused");
    if (parsed.kind !== "refused") return;
    if (typeof text === "string") expect(parsed.text).toBe(text);
    else expect(parsed.text).toMatch(text);
  });

  test("must become requests", () => {
    expect(parseCommandLine("  SELL 2  30 ")).toEqual({
      kind: "request",
      request: { op: "sell", peer: 2, amount: 30 },
    });
    expect(parseCommandLine("history")).toEqual({ kind: "request", request: { op: "history" } });
    expect(parseCommandLine("")).toEqual({ kind: "nothing" });
    for (const word of ["quit", "exit", "q"]) expect(parseCommandLine(word)).toEqual({ kind: "quit" });
    expect(parseCommandLine("kill")).toEqual({ kind: "kill" });
  });
});

describe("the history's text", () => {
  const trade = (seq: number): TradeRecord => ({
    ...{ trade_id: `1-2-1.${seq}`, seller_id: 1, buyer_id: 2, amount: 1, seq, deps: new Map(), prev_hash: "" },
  });

  test("must show the newest trades, and say that there are earlier ones", () => {
    const records = Array.from({ length: HISTORY_LINES + 1 }, (_, i) => trade(i + 1));
    expect(historyText(1, records, false).split("\n")).toEqual([
      "Transaction History:",
      `  (the newest ${HISTORY_LINES}; there are earlier ones)`,
      ...records.slice(1).map(({ trade_id }) => `  SELL 1 credits to Node 2 (trade_id=${trade_id})`),
    ]);
    expect(historyText(1, records.slice(1), false)).not.toContain("earlier");
    expect(historyText(1, records.slice(1), true)).toContain("earlier ones are not in memory any more");
  });
});

describe("the journal", () => {
  function setUp(level: "debug" | "info" = "info", isPlain = false) {
    const lines: string[] = [];
    const sink = {
      write: (line: string) => void lines.push(line),
      flush: () => {},
      dropped: 0,
      isTaking: true,
      trouble: "",
    };
    const journal = createJournal({ node: 3, run: "r1", level, sink, isPlain });
    journal.begin(7);
    return { journal, lines };
  }

  test("must write lines that the checkers can read, numbered without gaps", () => {
    const { journal, lines } = setUp();
    journal.write({ kind: "trade", level: "info", msg: "SELL 30", id: "1-2-1.1", balance: 70, seq: 41, node: 9 });
    journal.note("debug", "not shown");
    journal.note("warn", "careful");
    const parsed = lines.map((line) => JournalLine.parse(JSON.parse(line)));
    expect(parsed.map(({ seq, inc, node, run, level, msg }) => ({ seq, inc, node, run, level, msg }))).toEqual([
      { seq: 1, inc: 7, node: 3, run: "r1", level: "info", msg: "SELL 30" },
      { seq: 2, inc: 7, node: 3, run: "r1", level: "warn", msg: "careful" },
    ]);
    expect(parsed[0]).toMatchObject({ kind: "trade", id: "1-2-1.1", balance: 70, record_seq: 41 });
    journal.begin(8);
    journal.note("info", "again");
    expect(JSON.parse(lines[2] ?? "")).toMatchObject({ inc: 8, seq: 1 });
  });

  test("must keep every line below 16 KiB without losing who said it", () => {
    const { journal, lines } = setUp();
    const vc = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [String(i), i]));
    journal.write({ kind: "deliver", level: "info", msg: "x".repeat(20_000), vc });
    expect(Buffer.byteLength(lines[0] ?? "")).toBeLessThan(16_384);
    expect(JournalLine.parse({ ...JSON.parse(lines[0] ?? ""), vc: {} })).toMatchObject({ node: 3, kind: "deliver" });
  });

  test("must print sentences on a terminal as the original did", () => {
    const { journal, lines } = setUp("info", true);
    journal.note("info", "I am now the COORDINATOR");
    expect(lines[0]).toMatch(/^\[\d\d:\d\d:\d\d\] I am now the COORDINATOR\n$/);
  });

  test("must begin a quiet node's log as the original did", () => {
    const path = join(makeTempFolder(), "logs", "node-3.log");
    openLogFile(path, 3).write("[10:00:00] hello\n");
    expect(readFileSync(path, "utf8")).toMatch(
      /^=== Node 3 STARTED at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d ===\n\[10:00:00\] hello\n$/,
    );
  });
});

describe("faults on disk", () => {
  test("must come back as they were, and be nothing when there is no file", () => {
    const path = join(makeTempFolder(), "sub", "faults.json");
    expect(loadImpairments(path)).toEqual({ ok: true, set: { generation: 0, rules: [] } });
    const set = {
      generation: 4,
      rules: [{ id: "f1", source: 2, impairment: Impairment.parse({ loss: 0.1 }), untilMs: null }],
    };
    saveImpairments(path, set);
    expect(loadImpairments(path)).toEqual({ ok: true, set });
  });
});

describe("the rate limit", () => {
  test("must admit one in a while and count what it held back", () => {
    const limit = createRateLimit(1000);
    expect(limit.admit("a", 0)).toBe(0);
    expect(limit.admit("a", 500)).toBeNull();
    expect(limit.admit("b", 500)).toBe(0);
    expect(limit.admit("a", 999)).toBeNull();
    expect(limit.admit("a", 1000)).toBe(2);
  });
});
