// Exports for ShiViz and TSViz, judged by ShiViz's own rules: on journals made by hand, and on any journal at all.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exportShiviz, exportTsviz } from "../../lab/export/shiviz.ts";
import type { Entry } from "../../lab/journal/entry.ts";
import { assembleJournal, type Journal } from "../../lab/journal/journal.ts";
import { findShivizComplaints } from "../support/shiviz-rules.ts";
import { testSeed } from "../support/test-seed.ts";

const SEED = testSeed("EXPORT_SEED", 20_260_712);

const FACTS = {
  lab: "lab",
  run: "r",
  runtime: "sim",
  profile: "fast",
  nodes: [1, 2, 3],
  voters: [],
  seed: 1,
  isDetailed: true,
  hasWire: true,
} as const;

function line(node: number, inc: number, seq: number, time: number, rest: Partial<Entry> & Pick<Entry, "kind">): Entry {
  return { node, inc, seq, time, mono: time, level: "info", msg: `${rest.kind} ${rest.id ?? ""}`, ...rest };
}

function journalOf(...entries: Entry[]): Journal {
  return assembleJournal(FACTS, entries);
}

describe("an export for ShiViz", () => {
  it("must begin with the expression that takes it apart, and let what is received know what its sender knew", () => {
    const text = exportShiviz(
      journalOf(
        line(1, 1, 1, 5, { kind: "local", msg: "two\nlines" }),
        line(1, 1, 2, 10, { kind: "send", id: "1-1.1", from: 1 }),
        line(2, 1, 1, 11, { kind: "recv", id: "1-1.1", from: 1, to: 2 }),
      ),
    );
    expect(text.split("\n")).toEqual([
      String.raw`(?<host>\S*) (?<clock>{.*})\n(?<event>.*)`,
      "",
      'node1 {"node1":1}',
      "local: two lines",
      'node1 {"node1":2}',
      "send: send 1-1.1",
      'node2 {"node1":2,"node2":1}',
      "recv: recv 1-1.1",
    ]);
    expect(findShivizComplaints(text)).toEqual([]);
  });

  it("must show the send that was lost with a killed node's log, where its number puts it, before the node's next life", () => {
    const text = exportShiviz(
      journalOf(
        line(1, 1, 1, 10, { kind: "send", id: "1-1.1", from: 1 }),
        line(2, 1, 1, 12, { kind: "recv", id: "1-1.2", from: 1, to: 2, type: "HEARTBEAT" }),
        line(1, 2, 1, 11, { kind: "local", msg: "back" }),
      ),
    );
    expect(text.split("\n").slice(2)).toEqual([
      'node1 {"node1":1}',
      "send: send 1-1.1",
      'node1 {"node1":2}',
      "send: -> node 2 HEARTBEAT 1-1.2 (its sender's line is lost)",
      'node1 {"node1":3}',
      "local: back (life 2)",
      'node2 {"node1":2,"node2":1}',
      "recv: recv 1-1.2",
    ]);
    expect(findShivizComplaints(text)).toEqual([]);
  });

  it("must name no host that has no events, whatever part of a journal is asked for", () => {
    const journal = journalOf(
      line(1, 1, 1, 10, { kind: "send", id: "1-1.1", from: 1 }),
      line(2, 1, 1, 11, { kind: "recv", id: "1-1.1", from: 1, to: 2 }),
      line(3, 1, 1, 12, { kind: "local" }),
    );
    const text = exportShiviz(journal, { nodes: [3], fromMs: 1 });
    expect(text).not.toContain("node1");
    expect(findShivizComplaints(text)).toEqual([]);
  });

  it(`must be accepted for any journal: lost, doubled, misnamed messages, gaps, restarts, clocks in a circle (EXPORT_SEED=${SEED})`, () => {
    fc.assert(
      fc.property(fc.array(anyLine(), { maxLength: 60 }), (lines) => {
        expect(findShivizComplaints(exportShiviz(journalOf(...lines)))).toEqual([]);
      }),
      { numRuns: 500, seed: SEED },
    );
  });

  it("must keep ShiViz's rules with times in front, for TSViz", () => {
    const [expression = "", , ...rest] = exportTsviz(
      journalOf(
        line(1, 1, 1, 1_000, { kind: "send", id: "1-1.1", from: 1 }),
        line(2, 1, 1, 1_000.25, { kind: "recv", id: "1-1.1", from: 1, to: 2 }),
      ),
    ).split("\n");
    const events = [...rest.join("\n").matchAll(new RegExp(expression, "gm"))].map(({ groups }) => ({ ...groups }));
    expect(events).toEqual([
      { timestamp: "0", event: "send: send 1-1.1", host: "node1", clock: '{"node1":1}' },
      { timestamp: "250000", event: "recv: recv 1-1.1", host: "node2", clock: '{"node1":1,"node2":1}' },
    ]);
  });
});

it("ShiViz's rules must see a clock that leaps, a host without events, and one who knows less than what it received", () => {
  const log = (...lines: string[]) =>
    findShivizComplaints([String.raw`(?<host>\S*) (?<clock>{.*})\n(?<event>.*)`, "", ...lines].join("\n"));
  expect(log('a {"a":1}', "x", 'a {"a":3}', "y")).toContain("a: its own entries aren't 1 to 2");
  expect(log('a {"a":1,"b":1}', "x")).toContain("a knows of b, which has no events");
  expect(log('a {"a":1}', "x", 'b {"a":1,"b":1}', "y", 'c {"b":1,"c":1}', "z")).toEqual([
    "c at 1 knows less than event 1 of b",
  ]);
  expect(log("a no clock", "x")).toEqual(["lines that the expression doesn't match"]);
});

/** A line that a node might have written, or somebody who wants to break an exporter. */
function anyLine(): fc.Arbitrary<Entry> {
  const node = fc.integer({ min: 0, max: 4 });
  const id = fc
    .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 6 }), fc.nat(2))
    .map(([sender, inc, packet, index]) => `${sender}-${inc}.${packet}${index === 0 ? "" : `/${index}`}`);
  const base = { inc: fc.integer({ min: 1, max: 3 }), seq: fc.integer({ min: 1, max: 40 }), time: fc.nat(100) };
  const kind = fc.constantFrom("send", "recv", "drop", "duplicate", "deliver", "trade", "fault", "local");
  return fc
    .record({
      ...base,
      node,
      kind,
      id,
      from: fc.integer({ min: 1, max: 4 }),
      record: fc.option(fc.integer({ min: 1, max: 3 })),
    })
    .map(({ record, ...rest }) =>
      line(rest.node, rest.inc, rest.seq, rest.time, {
        kind: rest.kind as Entry["kind"],
        id: rest.id,
        from: rest.kind === "recv" ? Number(rest.id.split("-")[0]) : rest.kind === "send" ? rest.node : rest.from,
        ...(record !== null && { record_seq: record }),
      }),
    );
}
