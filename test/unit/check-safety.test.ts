// The checkers of what must never happen, each on journals that show it and on others that only look like it.
import { describe, expect, test } from "vitest";
import { CHECKERS, findUnknownCheckers, runChecks } from "../../lab/check/checkers.ts";
import { type Verdict, worstOf } from "../../lab/check/verdict.ts";
import { judge, MadeJournal } from "../support/made-journal.ts";

const THREE = { 1: 0, 2: 0, 3: 0 };

function expectBreach(name: string, made: MadeJournal, words: RegExp): void {
  const { verdict, violations } = judge(name, made);
  expect(verdict).toBe("invalid");
  expect(violations[0]?.what).toMatch(words);
  expect(violations[0]?.proof.length).toBeGreaterThan(0);
}

function expectValid(name: string, made: MadeJournal): void {
  const { verdict, violations, detail } = judge(name, made);
  expect(violations.map(({ what }) => what)).toEqual([]);
  expect(`${verdict}: ${detail}`).toMatch(/^(valid|nothing to judge)/);
}

test("a run's verdict must be the worst of its checks, in any order", () => {
  const of = (...verdicts: Verdict[]): Verdict =>
    worstOf(verdicts.map((verdict) => ({ check: "any", verdict, violations: [], detail: "" })));
  expect([of(), of("valid"), of("valid", "valid")]).toEqual(["valid", "valid", "valid"]);
  expect([of("inconclusive"), of("valid", "inconclusive"), of("inconclusive", "valid")]).toEqual(
    Array(3).fill("inconclusive"),
  );
  for (const others of [["valid", "inconclusive"], ["inconclusive", "valid"], ["valid"], []] as Verdict[][]) {
    expect(of("invalid", ...others)).toBe("invalid");
    expect(of(...others, "invalid")).toBe("invalid");
  }
});

describe("conservation", () => {
  test("must see a debit that takes more than it gives", () => {
    const made = new MadeJournal().boot(1, THREE);
    made.deliver(1, { from: 1, seq: 1, to: 2, amount: 10 }, { from_balance: 85, to_balance: 110 });
    expectBreach("conservation", made, /85 credits for node 1 after 1\/1 of 10, and had 100/);
  });

  test("must see accounts that hold more than they began with", () => {
    const made = new MadeJournal()
      .boot(1, THREE)
      .books(1, "snapshot", { 1: 1, 2: 0, 3: 0 }, { balances: { 1: 90, 2: 120, 3: 100 } });
    expectBreach("conservation", made, /hold 310 credits, and began with 300/);
  });

  test("must see an account that vanishes, and one that changes without a delivery", () => {
    const gone = new MadeJournal().boot(1, THREE).books(1, "left", { 1: 0, 2: 0 }, { from: 3 });
    expectBreach("conservation", gone, /lost the account of node 3/);
    const moved = new MadeJournal().boot(1, THREE).books(1, "ready", THREE, { balances: { 1: 90, 2: 110, 3: 100 } });
    expectBreach("conservation", moved, /90 credits for node 1; its deliveries make 100/);
  });

  test("must take new accounts, trades and snapshots for what they are", () => {
    const made = new MadeJournal()
      .boot(1, {})
      .line(1, { account: 1, initial: 100 })
      .line(1, { account: 2, initial: 50 });
    made.deliver(1, { from: 2, seq: 1, to: 1 }, { from_balance: 40, to_balance: 110 });
    made.books(1, "compaction", { 1: 0, 2: 1 }, { balances: { 1: 110, 2: 40 }, issued: 150 });
    made.books(1, "snapshot", { 1: 3, 2: 1 }, { balances: { 1: 50, 2: 100 }, issued: 150 });
    expectValid("conservation", made);
  });
});

describe("no-overdraft", () => {
  test("must see a balance below 0, told in any way", () => {
    const paid = new MadeJournal()
      .boot(1, THREE)
      .deliver(1, { from: 1, seq: 1, to: 2 }, { from_balance: -1, to_balance: 201 });
    expectBreach("no-overdraft", paid, /node 1 has -1 credits/);
    expectBreach("no-overdraft", new MadeJournal().boot(1, THREE, { balances: { 1: -5, 2: 205, 3: 100 } }), /has -5/);
  });

  test("must let an account be spent to the last credit", () => {
    const made = new MadeJournal()
      .boot(1, THREE)
      .deliver(1, { from: 1, seq: 1, to: 2 }, { from_balance: 0, to_balance: 200 });
    expectValid("no-overdraft", made);
  });
});

describe("exactly-once", () => {
  test("must see a debit that is applied twice by one process, or by the next one too", () => {
    const record = { from: 1, seq: 1, to: 2 };
    expectBreach(
      "exactly-once",
      new MadeJournal().boot(2, THREE).deliver(2, record).deliver(2, record),
      /applies 1\/1 .* again/,
    );
    const restarted = new MadeJournal().boot(2, THREE).deliver(2, record);
    restarted.boot(2, { 1: 1, 2: 0, 3: 0 }, { inc: 2 }).deliver(2, record, { inc: 2 });
    expectBreach("exactly-once", restarted, /applies 1\/1/);
  });

  test("must see a trade under two numbers", () => {
    const made = new MadeJournal().boot(1, THREE).deliver(1, { from: 1, seq: 1, to: 2, trade: "1-2-1.1" });
    made.deliver(1, { from: 1, seq: 2, to: 2, trade: "1-2-1.1" });
    expectBreach("exactly-once", made, /executed as 1\/1 and as 1\/2/);
  });

  test("must let a process that was killed before its disk had it apply a debit again", () => {
    const record = { from: 1, seq: 1, to: 2 };
    const made = new MadeJournal().boot(1, THREE).deliver(1, record).boot(2, THREE).deliver(2, record);
    made.boot(2, THREE, { inc: 2 }).deliver(2, record, { inc: 2 });
    expectValid("exactly-once", made.at(60_000).lab({ action: "check" }));
  });
});

describe("one-history", () => {
  test("must see two transfers under one number", () => {
    const made = new MadeJournal().boot(1, THREE).deliver(1, { from: 1, seq: 1, to: 2 });
    made.boot(2, THREE).deliver(2, { from: 1, seq: 1, to: 3 });
    expectBreach("one-history", made, /1\/1 is .* to node 3/);
  });

  test("must see equal vectors with other balances", () => {
    const made = new MadeJournal().boot(1, THREE).boot(2, THREE, { balances: { 1: 90, 2: 110, 3: 100 } });
    expectBreach("one-history", made, /nodes 1 and 2 have equal vectors/);
  });

  test("must let a node whose disk was replaced use its numbers again", () => {
    const made = new MadeJournal().boot(1, THREE).deliver(1, { from: 1, seq: 1, to: 2 });
    made
      .lab({ action: "wipe", nodes: [1] })
      .boot(1, {}, { inc: 2 })
      .deliver(1, { from: 1, seq: 1, to: 1, amount: 0 }, { inc: 2 });
    expectValid("one-history", made);
  });
});

describe("causal-delivery", () => {
  test("must see a debit before its cause", () => {
    const made = new MadeJournal().boot(3, THREE).deliver(3, { from: 2, seq: 1, to: 3, vc: { 1: 1 } });
    expectBreach("causal-delivery", made, /delivers 2\/1, which follows 1\/1, and has only 1\/0/);
  });

  test("must see a snapshot without a cause", () => {
    const made = new MadeJournal().boot(2, THREE).deliver(2, { from: 1, seq: 1, to: 2 });
    made
      .deliver(2, { from: 2, seq: 1, to: 3, vc: { 1: 1 } })
      .boot(3, THREE)
      .books(3, "snapshot", { 1: 0, 2: 1, 3: 0 });
    expectBreach("causal-delivery", made, /has 2\/1 from a snapshot without 1\/1/);
  });

  test("must let concurrent debits come in any order", () => {
    const made = new MadeJournal()
      .boot(3, THREE)
      .deliver(3, { from: 2, seq: 1, to: 3 })
      .deliver(3, { from: 1, seq: 1, to: 3 });
    expectValid("causal-delivery", made);
  });
});

describe("clocks", () => {
  test("must see a number that is left out, and a clock that moves by itself or goes back", () => {
    expectBreach(
      "clocks",
      new MadeJournal().boot(1, THREE).deliver(1, { from: 1, seq: 3, to: 2 }),
      /1\/3 right after 1\/0/,
    );
    expectBreach(
      "clocks",
      new MadeJournal().boot(1, THREE).books(1, "ready", { 1: 4, 2: 0, 3: 0 }),
      /moves without a debit/,
    );
    const back = new MadeJournal().boot(1, { 1: 2, 2: 0, 3: 0 }).books(1, "snapshot", { 1: 1, 2: 0, 3: 0 });
    expectBreach("clocks", back, /goes back/);
  });

  test("must let a snapshot move it", () => {
    expectValid("clocks", new MadeJournal().boot(1, THREE).books(1, "snapshot", { 1: 9, 2: 4, 3: 0 }));
  });
});

describe("durability", () => {
  const record = { from: 1, seq: 1, to: 2 };

  test("must see what a restart has lost, and a debit that its payer has taken back", () => {
    const made = new MadeJournal().boot(2, THREE).deliver(2, record).boot(2, THREE, { inc: 2 });
    expectBreach("durability", made, /node 2 had 1\/1 before its restart, and has 1\/0/);
    const payer = new MadeJournal().boot(1, THREE).boot(2, THREE).deliver(2, record).boot(1, THREE, { inc: 2 });
    expectBreach("durability", payer, /node 2 has 1\/1, and its payer starts again with 1\/0/);
  });

  test("must hold a restart to the books that the former process told, and to the accounts that it knew", () => {
    const told = new MadeJournal().boot(2, { 1: 3, 2: 0, 3: 0 }, { balances: { 1: 70, 2: 130, 3: 100 } });
    expectBreach("durability", told.boot(2, THREE, { inc: 2 }), /node 2 had 1\/3 before its restart, and has 1\/0/);
    const known = new MadeJournal().boot(2, { 2: 0 }).line(2, { account: 3, initial: 100 });
    expectBreach("durability", known.boot(2, { 2: 0 }, { inc: 2 }), /doesn't know the account of node 3 after it/);
    expectValid("durability", new MadeJournal().boot(2, THREE).boot(2, THREE, { inc: 2 }));
  });

  test("must see a vote that is forgotten", () => {
    const made = new MadeJournal().boot(1, THREE).line(1, { kind: "election", vote: 3, vote_term: 4, seen: 4 });
    expectBreach("durability", made.boot(1, THREE, { inc: 2, seen: 3 }), /used term 4, and knows of 3 only/);
  });

  test("must let a disk keep more than was told, and one that the lab replaced keep nothing", () => {
    const killed = new MadeJournal().boot(2, THREE).lab({ action: "kill", nodes: [2], signal: "SIGKILL" });
    expectValid("durability", killed.boot(2, { 1: 3, 2: 0, 3: 0 }, { inc: 2, balances: { 1: 70, 2: 130, 3: 100 } }));
    const wiped = new MadeJournal()
      .boot(2, THREE)
      .deliver(2, record)
      .lab({ action: "wipe", nodes: [2] });
    expectValid("durability", wiped.boot(2, {}, { inc: 2 }));
  });
});

describe("requests-once and answers", () => {
  test("must see an order that is obeyed twice", () => {
    const made = new MadeJournal().boot(1, THREE);
    made
      .deliver(1, { from: 1, seq: 1, to: 2 }, { request: "r1" })
      .deliver(1, { from: 1, seq: 2, to: 2 }, { request: "r1" });
    expectBreach("requests-once", made, /request 1\/r1 is executed as 1\/1 and as 1\/2/);
  });

  test("must let two nodes have orders of one name", () => {
    const made = new MadeJournal().boot(1, THREE).deliver(1, { from: 1, seq: 1, to: 2 }, { request: "r1" });
    expectValid("requests-once", made.boot(2, THREE).deliver(2, { from: 2, seq: 1, to: 1 }, { request: "r1" }));
  });

  test("must see a report of what nobody did, and a refusal of what was done", () => {
    const told = { kind: "reply" as const, request: "r1", id: "1-2-1.1" };
    const lost = new MadeJournal().boot(1, THREE).line(1, { ...told, ok: true, outcome: "settled" });
    expectBreach("answers", lost, /reported as done, and is in no node's books/);
    const refused = new MadeJournal().boot(1, THREE).line(1, { ...told, ok: false, definite: true, code: "EXPIRED" });
    expectBreach(
      "answers",
      refused.deliver(1, { from: 1, seq: 1, to: 2 }),
      /refused for certain, and executed as 1\/1/,
    );
  });

  test("must let a debit be that its payer had on disk, and was killed before it could name it", () => {
    const told = { kind: "reply" as const, request: "r1", id: "1-2-1.1", ok: true, outcome: "settled" as const };
    const known = new MadeJournal().boot(1, THREE).boot(2, THREE).books(2, "snapshot", { 1: 1, 2: 0, 3: 0 });
    expectValid("answers", known.line(2, told));
    const named = new MadeJournal().boot(1, THREE).deliver(1, { from: 1, seq: 1, to: 3, trade: "1-3-1.1" });
    expectBreach("answers", named.books(1, "boot", { 1: 1, 2: 0, 3: 0 }).line(1, told), /is in no node's books/);
  });

  test("must see the same in the lab's own orders", () => {
    const order = { action: "order", request: "r1", op: "sell", by: 1, peer: 2, amount: 10 } as const;
    const made = new MadeJournal().boot(1, THREE).deliver(1, { from: 1, seq: 1, to: 2 }, { request: "r1" });
    expectBreach(
      "answers",
      made.lab({ ...order, result: "refused", definite: true, code: "STALE" }),
      /refused for certain/,
    );
  });

  test("must let an answer that settles nothing be", () => {
    const told = { kind: "reply" as const, request: "r1", id: "1-2-1.1", ok: false, definite: false, code: "IN_DOUBT" };
    expectValid("answers", new MadeJournal().boot(1, THREE).line(1, told).deliver(1, { from: 1, seq: 1, to: 2 }));
  });
});

describe("one-leader", () => {
  test("must not take what is left of a former lab of the same name for this one's", () => {
    const up = { action: "up", nodes: [1, 2], voters: [1, 2], profile: "fast" } as const;
    const made = new MadeJournal({ run: "second", isDetailed: false }).lab(up).follow(1, 1, 4, { run: "first" });
    made.at(5_000).lab(up).follow(2, 2, 4, { run: "second" }).follow(1, 2, 4, { run: "second", inc: 2 });
    expectValid("one-leader", made);
    expect(made.journal.entries.map(({ node, time }) => [node, time])).toEqual([
      [0, 5_000],
      [2, 5_001],
      [1, 5_002],
    ]);
    expectBreach("one-leader", new MadeJournal().follow(1, 1, 4).follow(2, 2, 4), /term 4 has two elected/);
  });

  test("must see two elected in one term, two votes in one term, and a term that goes back", () => {
    expectBreach(
      "one-leader",
      new MadeJournal().follow(1, 1, 4).follow(2, 2, 4),
      /term 4 has two elected coordinators: 1 .* and 2 /,
    );
    const votes = new MadeJournal().line(1, { kind: "election", vote: 2, vote_term: 3 });
    expectBreach(
      "one-leader",
      votes.line(1, { kind: "election", vote: 3, vote_term: 3 }),
      /votes twice in term 3: for node \d and for node 3/,
    );
    expectBreach(
      "one-leader",
      new MadeJournal().boot(1, THREE, { seen: 5 }).follow(1, 2, 4),
      /goes back from term 5 to 4/,
    );
  });

  test("must let provisional ones be, and an elected claim in a lower term than the provisional one before", () => {
    const made = new MadeJournal({ isDetailed: false }).follow(1, 1, 4, { elected: false }).follow(2, 2, 4);
    expectValid(
      "one-leader",
      made.follow(1, 2, 4).follow(3, 3, 5, { elected: false, seen: 5 }).follow(3, 2, 4, { seen: 5 }),
    );
  });
});

describe("any checker", () => {
  test("must count to a process what it wrote before its boot line", () => {
    const made = new MadeJournal()
      .line(1, { msg: "This node did not run for 317 ms" })
      .boot(1, THREE)
      .line(1, { inc: 2, kind: "fault", msg: "Faults back in force" })
      .boot(1, THREE, { inc: 2 });
    expectValid("incarnations", made);
    expectValid("conservation", made);
  });

  test("must say what it lacks: lines for each delivery, lines that are gone, lines at all", () => {
    const plain = new MadeJournal({ isDetailed: false }).follow(1, 1, 1);
    expect(judge("conservation", plain)).toMatchObject({
      verdict: "inconclusive",
      detail: expect.stringMatching(/DS_LOG_LEVEL=DEBUG/),
    });
    expect(judge("conservation", new MadeJournal())).toMatchObject({
      verdict: "inconclusive",
      detail: expect.stringMatching(/empty/),
    });
    const { facts, entries } = new MadeJournal().boot(1, THREE).boot(2, THREE).follow(2, 2, 1).follow(2, 2, 1).journal;
    const cut = { facts, entries, gaps: [{ node: 2, inc: 1, from: 2, to: 2, cause: "lost" as const }] };
    expect(runChecks(cut, ["clocks"])[0]).toMatchObject({
      verdict: "inconclusive",
      detail: expect.stringMatching(/lines of node 2 are missing/),
    });
  });

  test("must have a name and a promise of its own, and be run by it alone", () => {
    expect(new Set(CHECKERS.map(({ name }) => name)).size).toBe(CHECKERS.length);
    for (const { name, promise } of CHECKERS) {
      expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(promise.length).toBeGreaterThan(20);
    }
    expect(findUnknownCheckers(["clocks", "clock"])).toEqual(["clock"]);
    expect(() => runChecks(new MadeJournal().journal, ["clock"])).toThrow(RangeError);
  });
});

describe("a run without what a check is about", () => {
  test("must be nothing to judge, and neither good nor bad for the run", () => {
    const quiet = new MadeJournal().boot(1, THREE).boot(2, THREE);
    expect(judge("durability", quiet)).toMatchObject({ verdict: "nothing to judge", detail: "0 restarts" });
    expect(worstOf([judge("durability", quiet)])).toBe("valid");
  });
});
