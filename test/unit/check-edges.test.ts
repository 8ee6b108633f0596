// Where a checker's promise begins and ends: bounds to the millisecond, what is counted, which lines prove a breach, and what excuses
// nothing. Each case stands beside its neighbour, on which the verdict is the other one.
import { describe, expect, test } from "vitest";
import { boundsOf, crowdOf } from "../../lab/check/bounds.ts";
import { CHECKERS, runChecks } from "../../lab/check/checkers.ts";
import { missingQuietMs } from "../../lab/check/quiet.ts";
import type { CheckResult } from "../../lab/check/verdict.ts";
import { tellStory } from "../../lab/journal/story/story.ts";
import { judge, MadeJournal } from "../support/made-journal.ts";

const THREE = { 1: 0, 2: 0, 3: 0 };

function whats(name: string, made: MadeJournal): readonly string[] {
  return judge(name, made).violations.map(({ what }) => what);
}

/** The lines that prove the only breach, by node and number. */
function proof(name: string, made: MadeJournal): readonly string[] {
  const { violations } = judge(name, made);
  expect(violations).toHaveLength(1);
  return (violations[0] as CheckResult["violations"][number]).proof.map(({ node, seq }) => `${node}#${seq}`);
}

function boundsFor(profile: string, made: MadeJournal) {
  const { journal } = made;
  return boundsOf({ ...journal.facts, profile }, tellStory(journal));
}

function group(size: number): MadeJournal {
  const made = new MadeJournal();
  for (let node = 1; node <= size; node++) made.boot(node, {});
  return made;
}

describe("the bounds of the promises", () => {
  const bounds = (detectMs: number, agreeMs: number, ledgerMs: number, joinMs: number, echoMs: number) => ({
    ...{ detectMs, agreeMs, ledgerMs, joinMs, echoMs },
  });

  test.each([
    ["default", bounds(20_000, 30_000, 17_000, 18_000, 22_000)],
    ["fast", bounds(4_000, 6_000, 5_000, 12_000, 5_000)],
    ["original", bounds(65_000, 75_000, 17_000, 18_000, 22_000)],
    ["a name of nobody", bounds(20_000, 30_000, 17_000, 18_000, 22_000)],
  ])("of profile %s must be those of its timers", (profile, expected) => {
    expect(boundsFor(profile, group(3))).toEqual(expected);
  });

  test("must follow the slowest of the nodes' own timers", () => {
    const timing = { heartbeatMs: 10, heartbeatTimeoutMs: 400, electionTimeoutMs: 30, probeIntervalMs: 40 };
    const made = new MadeJournal().boot(1, {}, { timing });
    made.boot(
      2,
      {},
      { timing: { heartbeatMs: 100, heartbeatTimeoutMs: 200, electionTimeoutMs: 300, probeIntervalMs: 4 } },
    );
    expect(boundsFor("default", made.boot(3, {}))).toEqual(bounds(1_000, 1_600, 1_800, 10_400, 1_000));
  });

  test("must grow with the logarithm of the group above ten nodes, but for the election itself", () => {
    expect([1, 9, 10, 100, 1_000].map(crowdOf)).toEqual([1, 1, 1, 2, 3]);
    expect(boundsFor("fast", group(100))).toEqual(bounds(8_000, 10_000, 10_000, 24_000, 10_000));
  });

  test("must be waited for one after the other, with a margin, unless something stays wrong", () => {
    const calmFor = (ms: number) =>
      missingQuietMs(
        new MadeJournal()
          .boot(1, {})
          .boot(2, {})
          .at(2 + ms)
          .line(1, {}).journal,
      );
    // Of profile fast, in order: 4, 5, 5, 6 and 12 s.
    expect([0, 3_999, 4_000, 5_000, 5_999, 6_000, 11_999, 12_000].map((ms) => calmFor(ms))).toEqual([
      4_200,
      201,
      1_200,
      1_200,
      201,
      6_200,
      201,
      null,
    ]);
    const broken = new MadeJournal().boot(1, {}).lab({ action: "unplug", fault: "f1", nodes: [1] });
    expect(missingQuietMs(broken.journal)).toBeNull();
  });
});

describe("what is counted", () => {
  test("must be what there was, for each check", () => {
    const made = new MadeJournal();
    for (const node of [1, 2, 3]) made.boot(node, THREE).line(node, { phase: "READY" }).follow(node, 3, 1);
    for (const node of [1, 2]) made.member(node, 3, "ALIVE");
    const request = { request: "r1" };
    for (const node of [1, 2, 3])
      made.deliver(node, { from: 1, seq: 1, to: 2 }, { from_balance: 90, to_balance: 110, ...request });
    made.line(1, { kind: "reply", request: "r1", id: "1-2-1.1", ok: true, outcome: "settled" });
    made
      .line(3, { kind: "hold", from: 1, record_seq: 1 })
      .line(3, { kind: "hold", from: 1, record_seq: 1, released: true });
    made.at(20_000).lab({ action: "kill", nodes: [3], signal: "SIGKILL" });
    made.at(21_000).member(1, 3, "FAILED").member(2, 3, "SUSPECTED").member(2, 3, "FAILED");
    made.at(22_000).follow(1, 2, 2).follow(2, 2, 2);
    made.at(40_000).boot(3, { 1: 1, 2: 0, 3: 0 }, { inc: 2, balances: { 1: 90, 2: 110, 3: 100 }, seen: 2 });
    made.line(3, { inc: 2, phase: "READY" }).follow(3, 2, 2, { inc: 2 });
    const all = runChecks(made.at(60_000).lab({ action: "check" }).journal);
    expect(Object.fromEntries(all.map(({ check, verdict, detail }) => [check, `${verdict}: ${detail}`]))).toEqual({
      conservation: "valid: 7 ledger snapshots checked",
      "no-overdraft": "valid: 18 balances",
      "exactly-once": "valid: 1 transfers",
      "one-history": "valid: 1 transfers",
      "requests-once": "valid: 1 orders",
      answers: "valid: 1 answers",
      durability: "valid: 1 restarts",
      "causal-delivery": "valid: 3 deliveries at 3 nodes",
      clocks: "valid: 7 vectors",
      "nothing-held": "valid: 1 held back",
      "one-leader": "valid: 2 terms with an elected coordinator",
      agreement: "valid: agreed in 3 of 3 calm times after 2 s at most, bound 6 s",
      detection: "valid: 2 ends noticed, bound 4 s",
      "no-false-failures": "valid: 4 processes, 2 nodes declared FAILED, 0 false suspicions",
      incarnations: "valid: 4 processes",
      joining: "valid: 8 nodes READY, bound 12 s",
    });
    expect(all.map(({ check }) => check)).toEqual(CHECKERS.map(({ name }) => name));
  });

  test("must be told with twenty breaches at most", () => {
    const wrong = (count: number): CheckResult => {
      const made = new MadeJournal().boot(1, THREE);
      for (let n = 0; n < count; n++) made.boot(1, THREE, { books: "ready", balances: { 1: -1 - n } });
      return judge("no-overdraft", made);
    };
    expect(wrong(20)).toMatchObject({ verdict: "invalid", detail: "23 balances" });
    expect(wrong(20).violations).toHaveLength(20);
    expect(wrong(25)).toMatchObject({ detail: "28 balances, the first 20 of 25" });
    expect(wrong(25).violations).toHaveLength(20);
  });
});

describe("what proves a breach", () => {
  const record = { from: 1, seq: 1, to: 2 };

  test("must be the first and the last line that belong to it", () => {
    expect(proof("exactly-once", new MadeJournal().boot(2, THREE).deliver(2, record).deliver(2, record))).toEqual([
      "2#2",
      "2#3",
    ]);
    expect(
      proof(
        "requests-once",
        new MadeJournal()
          .boot(1, THREE)
          .deliver(1, record, { request: "a" })
          .deliver(1, { from: 1, seq: 2, to: 2 }, { request: "a" }),
      ),
    ).toEqual(["1#2", "1#3"]);
    expect(proof("incarnations", new MadeJournal().boot(1, THREE).line(1, {}).boot(1, THREE).line(1, {}))).toEqual([
      "1#2",
      "1#3",
    ]);
    const late = new MadeJournal().boot(1, {}).line(1, { phase: "READY" });
    expect(proof("joining", late.boot(2, {}).at(60_000).lab({ action: "check" }))).toEqual(["2#1"]);
    const longer = new MadeJournal().boot(1, {}).line(1, { phase: "READY" }).boot(2, {}).line(2, {}).line(2, {});
    expect(proof("joining", longer.at(60_000).lab({ action: "check" }))).toEqual(["2#1", "2#3"]);
  });

  test("must be taken over, so that one mistake is found once", () => {
    const made = new MadeJournal().boot(1, THREE);
    made.deliver(1, record, { from_balance: 85, to_balance: 115 });
    made.deliver(1, { from: 1, seq: 2, to: 2 }, { from_balance: 75, to_balance: 125 });
    expect(whats("conservation", made)).toEqual([
      "node 1 has 85 credits for node 1 after 1/1 of 10, and had 100 before",
    ]);
    const silent = new MadeJournal().boot(1, THREE).deliver(1, record);
    silent.deliver(1, { from: 1, seq: 2, to: 2 }, { from_balance: 80, to_balance: 120 });
    expect(judge("conservation", silent).verdict).toBe("valid");
    silent.deliver(1, { from: 1, seq: 3, to: 2 }, { from_balance: 70, to_balance: 131 });
    expect(whats("conservation", silent)).toEqual([
      "node 1 has 131 credits for node 2 after 1/3 of 10, and had 120 before",
    ]);
  });

  test("of a cause must be the payer's own line, even where another node delivered first", () => {
    const made = new MadeJournal().boot(1, THREE).boot(2, THREE).boot(3, THREE);
    made.deliver(3, { from: 2, seq: 1, to: 3 }).deliver(1, record);
    made.deliver(2, record).deliver(2, { from: 2, seq: 1, to: 3, vc: { 1: 1 } });
    made.books(1, "snapshot", { 1: 0, 2: 1, 3: 0 });
    expect(whats("causal-delivery", made)).toEqual(["node 1 has 2/1 from a snapshot without 1/1, which it follows"]);
    const whole = new MadeJournal().boot(2, THREE).boot(3, THREE).deliver(2, { from: 2, seq: 1, to: 3 });
    expect(judge("causal-delivery", whole.books(3, "snapshot", { 1: 0, 2: 1, 3: 0 })).verdict).toBe("valid");
    const unknown = new MadeJournal().boot(3, { 2: 0, 3: 0 }).deliver(3, { from: 2, seq: 1, to: 3, vc: { 1: 1 } });
    expect(whats("causal-delivery", unknown)).toEqual(["node 3 delivers 2/1, which follows 1/1, and has only 1/0"]);
  });
});

describe("agreement", () => {
  const end = { action: "check" } as const;
  const pair = (): MadeJournal => new MadeJournal().boot(1, THREE).boot(2, THREE);

  test.each(["FAILED", "LEFT"])("must see a coordinator accepted by a node that holds it for %s, once", (state) => {
    const made = pair().member(1, 2, state).follow(1, 2, 1);
    expect(whats("agreement", made)).toEqual([`node 1 accepts node 2 as coordinator, which it holds for ${state}`]);
    expect(whats("agreement", made.follow(1, 2, 1))).toHaveLength(1);
    expect(whats("agreement", made.follow(1, 2, 2))).toHaveLength(2);
    const back = pair().member(1, 2, state).member(1, 2, "ALIVE").follow(1, 2, 1);
    expect(whats("agreement", back)).toEqual([]);
    expect(whats("agreement", pair().member(1, 2, "SUSPECTED").follow(1, 2, 1))).toEqual([]);
    expect(whats("agreement", pair().follow(1, 2, 1).member(1, 2, state).follow(1, 2, 1))).toEqual([]);
  });

  test("must be about one coordinator that is there, in one term, elected for all or for none", () => {
    const verdictOf = (made: MadeJournal) => judge("agreement", made.at(60_000).lab(end)).verdict;
    expect(verdictOf(pair().follow(1, 2, 1).follow(2, 2, 1))).toBe("valid");
    expect(verdictOf(pair().follow(1, 2, 1).follow(2, 2, 2))).toBe("invalid");
    expect(verdictOf(pair().follow(1, 2, 1).follow(2, 2, 1, { elected: false }))).toBe("invalid");
    expect(verdictOf(pair().follow(1, 3, 1).follow(2, 3, 1))).toBe("invalid");
    expect(verdictOf(pair().follow(1, null, 1).follow(2, null, 1))).toBe("invalid");
    expect(verdictOf(new MadeJournal().boot(1, {}).follow(1, null, 1))).toBe("nothing to judge");
  });

  test("must count from the last disturbance to the moment at which the last one follows", () => {
    const at = (ms: number) =>
      pair()
        .follow(2, 2, 1)
        .at(2 + ms)
        .follow(1, 2, 1)
        .at(60_000)
        .lab(end);
    expect(judge("agreement", at(6_000))).toMatchObject({
      verdict: "valid",
      detail: "agreed in 1 of 1 calm times after 6 s at most, bound 6 s",
    });
    expect(judge("agreement", at(6_001)).verdict).toBe("invalid");
    const alone = new MadeJournal().boot(1, {}).at(1_000).lab(end);
    expect(judge("agreement", alone).verdict).toBe("nothing to judge");
  });
});

describe("what settles nothing", () => {
  const record = { from: 1, seq: 1, to: 2 };
  const told = { kind: "reply" as const, request: "r1", id: "1-2-1.1" };

  test("must not be held against an answer, and what does must", () => {
    const verdictOf = (fields: object) =>
      judge("answers", new MadeJournal().boot(1, THREE).line(1, { ...told, ...fields }));
    expect(verdictOf({ ok: true, outcome: "proposed" })).toMatchObject({
      verdict: "nothing to judge",
      detail: "0 answers",
    });
    expect(verdictOf({ ok: false, outcome: "settled" })).toMatchObject({ verdict: "nothing to judge" });
    expect(verdictOf({ ok: true, outcome: "committed" })).toMatchObject({ verdict: "invalid", detail: "1 answers" });
    expect(verdictOf({ ok: false, definite: true, id: undefined })).toMatchObject({ verdict: "nothing to judge" });
    const done = new MadeJournal()
      .boot(1, THREE)
      .deliver(1, record)
      .line(1, { ...told, ok: true, outcome: "settled" });
    expect(judge("answers", done)).toMatchObject({ verdict: "valid" });
    for (const node of [1, 2, 3]) {
      const lost = new MadeJournal().boot(1, THREE).lab({ action: "wipe", nodes: [node] });
      const { verdict } = judge("answers", lost.line(1, { ...told, ok: true, outcome: "settled" }));
      expect([node, verdict]).toEqual([node, node === 3 ? "invalid" : "valid"]);
    }
  });

  test("must not count two nodes' equal words of one divergence as two debits", () => {
    const says = (first: string, second: string) =>
      new MadeJournal()
        .boot(1, THREE)
        .line(1, { diverged: 3, record_seq: 4, hash: first })
        .boot(2, THREE)
        .line(2, { diverged: 3, record_seq: 4, hash: second });
    expect(judge("conservation", says("aa", "aa")).verdict).toBe("valid");
    expect(whats("conservation", says("aa", "bb"))).toEqual([
      "node 3 has used number 4 twice: nodes 1 and 2 hold different debits under it",
    ]);
  });

  test("must not make a node's own lost disk a breach of others", () => {
    const books = (wipe: boolean) => {
      const made = new MadeJournal().boot(1, THREE);
      if (wipe) made.lab({ action: "wipe", nodes: [3] });
      return made.boot(2, THREE, { balances: { 1: 90, 2: 110, 3: 100 } });
    };
    expect([books(false), books(true)].map((made) => judge("one-history", made).verdict)).toEqual([
      "invalid",
      "nothing to judge",
    ]);
    const orders = (node: number) =>
      new MadeJournal()
        .boot(2, THREE)
        .lab({ action: "wipe", nodes: [node] })
        .deliver(2, { from: 2, seq: 1, to: 1, trade: "1-2-1.1" }, { request: "a" })
        .deliver(2, { from: 2, seq: 2, to: 1, trade: "1-2-1.2" }, { request: "a" });
    expect([1, 2, 3].map((node) => judge("requests-once", orders(node)).verdict)).toEqual([
      "valid",
      "valid",
      "invalid",
    ]);
  });
});

describe("durability", () => {
  const again = (made: MadeJournal, vc: Record<number, number>, fields = {}) =>
    whats("durability", made.boot(2, vc, { inc: 2, ...fields }));

  test("must hold a restart to the highest of what was delivered, whatever came later", () => {
    const made = () =>
      new MadeJournal().boot(2, THREE).deliver(2, { from: 1, seq: 1, to: 2 }).deliver(2, { from: 1, seq: 2, to: 2 });
    expect(again(made(), { 1: 1, 2: 0, 3: 0 })).toEqual(["node 2 had 1/2 before its restart, and has 1/1 after it"]);
    expect(again(made(), { 1: 2, 2: 0, 3: 0 })).toEqual([]);
    expect(again(made().line(2, { account: 1, initial: 5 }), { 1: 1, 2: 0, 3: 0 })).toHaveLength(1);
    expect(again(made(), {}, { durable: false })).toEqual([]);
  });

  test("must hold it to the term that it led, not to those that it followed or held provisionally", () => {
    const led = (fields: object) => again(new MadeJournal().boot(2, THREE).follow(2, 2, 5, fields), THREE, { seen: 4 });
    expect(led({})).toEqual(["node 2 has used term 5, and knows of 4 only after its restart"]);
    expect(led({ elected: false })).toEqual([]);
    expect(again(new MadeJournal().boot(2, THREE).follow(2, 3, 5), THREE, { seen: 4 })).toEqual([]);
    expect(again(new MadeJournal().boot(2, THREE).follow(2, 2, 5), THREE, { seen: 5 })).toEqual([]);
  });
});
