// Two runs side by side, and the name of a journal.
import { describe, expect, it } from "vitest";
import { compareRuns } from "../../lab/journal/compare-runs.ts";
import { describeAsEnv, JOURNAL_DETAILS, nameDetail, readDetail } from "../../lab/journal/detail.ts";
import type { Entry } from "../../lab/journal/entry.ts";
import type { Journal } from "../../lab/journal/journal.ts";
import { hashJournal } from "../../lab/journal/journal-hash.ts";
import { MadeJournal } from "../support/made-journal.ts";

const step = (path: string) => ({ action: "step", path, state: "begin", detail: `step ${path}` }) as never;

/** Two nodes boot, step 1 begins, node 1 becomes coordinator of term 1. */
const run = (shiftMs = 0) =>
  new MadeJournal()
    .at(100 + shiftMs)
    .boot(1, {})
    .boot(2, {})
    .lab(step("1"))
    .follow(1, 1, 1);

const compare = (a: MadeJournal, b: MadeJournal) => compareRuns(a.journal, b.journal);
const told = (made: ReturnType<typeof compare>) => made.differences.map(({ run: of, entry }) => `${of} ${entry.msg}`);

describe("two runs", () => {
  it("must be equal line for line, or tell the same at other times", () => {
    expect(compare(run(), run())).toMatchObject({
      isEqual: true,
      common: 4,
      step: null,
      differences: [],
      before: null,
    });
    expect(compare(run(), run(700))).toMatchObject({ isEqual: false, common: 4, differences: [] });
  });

  it("must be of one world when both are simulated from one seed", () => {
    const of = (runtime: "sim" | "local", seed: number | null): Journal => {
      const { facts, entries, gaps } = run().journal;
      return { facts: { ...facts, runtime, seed }, entries, gaps };
    };
    const isSame = (a: Journal, b: Journal) => compareRuns(a, b).isSameWorld;
    expect(isSame(of("sim", 1), of("sim", 1))).toBe(true);
    expect([
      isSame(of("sim", 1), of("sim", 2)),
      isSame(of("local", 1), of("sim", 1)),
      isSame(of("sim", 1), of("local", 1)),
    ]).toEqual([false, false, false]);
  });

  it("must part where one tells what the other doesn't, with the step, and what both had before at that node", () => {
    const made = run().at(200).follow(2, 1, 1, { msg: "follows" }).follow(1, 1, 2, { msg: "leads again" });
    const found = compare(run(), made);
    expect(told(found)).toEqual(["B follows", "B leads again"]);
    expect(found).toMatchObject({ isEqual: false, common: 4, step: "step 1", before: { node: 2, books: "boot" } });
    expect(found.differences[0]?.sinceMs).toBe(100);
    expect(told(compare(made, run()))).toEqual(["A follows", "A leads again"]);
  });

  it("must be told by the time since each began, whichever run it is", () => {
    const a = run().at(400).follow(2, 1, 7, { msg: "late" });
    const b = run(1_000).at(1_150).follow(2, 1, 8, { msg: "early" });
    expect(told(compare(a, b))).toEqual(["B early", "A late"]);
  });

  it("must count each line once: what happens twice in one run only is a difference", () => {
    const twice = run().at(200).follow(2, 1, 1, { msg: "x" }).follow(2, 1, 1, { msg: "x" });
    const once = run().at(200).follow(2, 1, 1, { msg: "x" });
    expect(compare(twice, once).differences).toHaveLength(1);
    expect(compare(twice, once).common).toBe(5);
  });

  it("must find a counterpart two steps away, and none three steps away", () => {
    const at = (wanted: number) => {
      const made = run();
      for (const n of [2, 3, 4, 5]) {
        made.lab(step(`${n}`));
        if (n === wanted) made.follow(2, 1, 1);
      }
      return made;
    };
    expect(compare(at(2), at(4)).differences).toEqual([]);
    expect(compare(at(2), at(5)).differences).toHaveLength(2);
  });

  it("must not differ by datagrams and chance, but by which process of a node speaks", () => {
    const noisy = run().line(1, { kind: "send", id: "1-1.1" }).line(2, { kind: "drop" });
    expect(compare(run(), noisy).differences).toEqual([]);
    const ofChance = (request: string) => run().line(1, { request, address: request, vc: { 1: request.length } });
    expect(compare(ofChance("r1"), ofChance("r22")).differences).toEqual([]);
    const restarted = (inc: number) => run().line(1, { inc, msg: "again", kind: "state" });
    expect(compare(restarted(1), restarted(2)).differences).toHaveLength(2);
    expect(compare(restarted(2), restarted(3)).differences).toEqual([]);
  });
});

describe("the name of a journal", () => {
  const { entries } = run().journal;

  it("must be the same in whatever order lines and fields are collected", () => {
    const shuffled = entries
      .toReversed()
      .map((entry) => Object.fromEntries(Object.entries(entry).reverse()) as unknown as Entry);
    expect(hashJournal(shuffled)).toBe(hashJournal(entries));
    expect(hashJournal(entries)).toMatch(/^[0-9a-f]{16}$/);
  });

  it("must leave out what isn't there, and change with all that is", () => {
    const [first, ...others] = entries as [Entry, ...Entry[]];
    const name = (more: object) => hashJournal([{ ...first, ...more }, ...others]);
    expect(name({ nothing: undefined })).toBe(hashJournal(entries));
    for (const more of [{ time: 7 }, { extra: null }, { extra: [1, 2] }, { extra: [2, 1] }, { extra: { a: 1 } }])
      expect(name(more), JSON.stringify(more)).not.toBe(hashJournal(entries));
    expect(name({ extra: [1, 2] })).not.toBe(name({ extra: [2, 1] }));
    expect(hashJournal(others)).not.toBe(hashJournal(entries));
  });
});

it.each(JOURNAL_DETAILS)("the detail %s must come back from its variables", (detail) => {
  expect(nameDetail(readDetail(describeAsEnv(detail)))).toBe(detail);
});

it("a detail must be read in any case, and be wire also without deliveries", () => {
  expect(describeAsEnv("events")).toEqual({});
  expect(readDetail({ DS_LOG_LEVEL: "debug" })).toEqual({ isDetailed: true, hasWire: false });
  expect(nameDetail(readDetail({ DS_JOURNAL: "wire" }))).toBe("wire");
  expect(readDetail({ DS_LOG_LEVEL: "INFO", DS_JOURNAL: "x" })).toEqual({ isDetailed: false, hasWire: false });
});
