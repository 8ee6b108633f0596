import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Entry, formatEntry, parseEntry } from "../../lab/journal/entry.ts";
import { assembleJournal, type RunFacts } from "../../lab/journal/journal.ts";
import { orderCausally } from "../../lab/journal/order.ts";

const FACTS: RunFacts = {
  lab: "test",
  run: null,
  runtime: "local",
  profile: "fast",
  nodes: [1, 2],
  voters: [1, 2],
  seed: null,
  isDetailed: true,
  hasWire: true,
};

function entry(node: number, seq: number, time: number, fields: Partial<Entry> = {}): Entry {
  return { node, inc: 1, seq, time, mono: time, kind: "local", level: "info", msg: "", ...fields };
}

describe("a journal", () => {
  test("must have a receive after its send, whatever the clocks say", () => {
    const send = entry(1, 1, 50, { kind: "send", id: "1-1.7", from: 1 });
    const receive = entry(2, 1, 40, { kind: "recv", id: "1-1.7", from: 1 });
    const later = entry(2, 2, 41);
    const other = entry(3, 1, 45);
    expect(orderCausally([receive, later, other, send])).toEqual([other, send, receive, later]);
  });

  test("must have a delivery after its payer's own line", () => {
    const record = { from: 1, record_seq: 4 };
    const paid = entry(1, 9, 50, { kind: "trade", ...record });
    const delivered = entry(2, 3, 49, { kind: "deliver", ...record });
    expect(orderCausally([delivered, paid])).toEqual([paid, delivered]);
  });

  test("must take a receive whose send was lost with its sender's log where it stands", () => {
    const receive = entry(2, 1, 40, { kind: "recv", id: "1-1.7", from: 1 });
    expect(orderCausally([entry(1, 1, 50), receive])).toEqual([receive, entry(1, 1, 50)]);
  });

  test("must keep two disks of one node apart that wrote within a millisecond, under one incarnation", () => {
    const boot = (inc: number, seq: number, time: number) => entry(1, seq, time, { inc, kind: "state", books: "boot" });
    const written = [boot(1, 1, 10), entry(1, 2, 50), boot(2, 1, 50), boot(1, 1, 50), entry(1, 2, 50)];
    expect(orderCausally(written)).toEqual(written);
  });

  test("must hold every line once, in each node's own order, even if causes go round in a circle", () => {
    const lines = fc.array(
      fc.record({
        node: fc.integer({ min: 1, max: 3 }),
        inc: fc.integer({ min: 1, max: 2 }),
        seq: fc.integer({ min: 1, max: 8 }),
        time: fc.integer({ min: 0, max: 20 }),
        kind: fc.constantFrom("send" as const, "recv" as const, "local" as const),
        id: fc.integer({ min: 1, max: 4 }).map(String),
      }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(lines, (drawn) => {
        const entries = drawn.map((line) => ({ ...line, mono: 0, level: "info" as const, msg: "" }));
        const { entries: ordered } = assembleJournal(FACTS, entries);
        const keys = ordered.map(({ node, inc, seq }) => `${node}.${inc}/${seq}`);
        expect(new Set(keys).size).toBe(keys.length);
        expect(new Set(keys)).toEqual(new Set(entries.map(({ node, inc, seq }) => `${node}.${inc}/${seq}`)));
        for (const node of [1, 2, 3]) {
          const own = ordered.filter((line) => line.node === node);
          expect(own).toEqual(own.toSorted((a, b) => a.inc - b.inc || a.seq - b.seq));
        }
      }),
    );
  });

  test("must tell the lives of a node apart that came back with another disk, and began to count at one again", () => {
    const boot = (inc: number, time: number, seq = 1) => entry(1, seq, time, { inc, books: "boot" });
    const [first, second] = [boot(1, 0), boot(2, 50)];
    const lines = [first, entry(1, 2, 10), second, boot(1, 90), entry(1, 2, 95), entry(1, 1, 96, { inc: 3 })];
    expect(assembleJournal(FACTS, lines.toReversed()).entries).toEqual(lines);
  });

  test("must tell which lines are missing", () => {
    const { gaps } = assembleJournal(FACTS, [entry(1, 3, 0), entry(1, 4, 0), entry(1, 7, 0), entry(2, 1, 0)]);
    expect(gaps).toEqual([
      { node: 1, inc: 1, from: 1, to: 2, cause: "rotated" },
      { node: 1, inc: 1, from: 5, to: 6, cause: "lost" },
    ]);
  });

  test("must skip what is no line of a journal", () => {
    const line = entry(1, 1, 5, { peer: 3, state: "FAILED" });
    expect(parseEntry(formatEntry(line))).toEqual(line);
    for (const text of ["", "Error: boom", "{", '{"node":1}', "[1,2]"]) expect(parseEntry(text)).toBeNull();
  });
});
