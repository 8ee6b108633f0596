// The checkers of what must come true, and of who may be declared dead: each on journals that show the breach, and on others where
// somebody was allowed to be away, or where the run ended too early to tell.
import { describe, expect, test } from "vitest";
import type { LabAction } from "../../lab/journal/lab-entry.ts";
import { judge, MadeJournal, type MadeRecord } from "../support/made-journal.ts";

const THREE = { 1: 0, 2: 0, 3: 0 };
const CUT = { cut: true, delayMs: 0, jitterMs: 0, loss: 0, duplicate: 0, reorder: 0, rateBps: 0 };
const LATE_MS = 60_000;

function expectBreach(name: string, made: MadeJournal, words: RegExp): void {
  const { verdict, violations } = judge(name, made);
  expect(verdict).toBe("invalid");
  expect(violations.map(({ what }) => what).join("\n")).toMatch(words);
}

/** Three nodes that have started and follow node 3, and nothing else until `at`. */
function group(): MadeJournal {
  const made = new MadeJournal();
  for (const node of [1, 2, 3]) made.boot(node, THREE).line(node, { phase: "READY" }).follow(node, 3, 1);
  for (const node of [1, 2, 3]) for (const peer of [1, 2, 3]) if (peer !== node) made.member(node, peer, "ALIVE");
  return made;
}

function ended(made: MadeJournal, atMs = LATE_MS): MadeJournal {
  return made.at(atMs).lab({ action: "check" });
}

function cut(from: number, to: number, untilMs: number | null = null): LabAction {
  return {
    action: "impair",
    fault: "f1",
    pairs: [
      { from, to },
      { from: to, to: from },
    ],
    impairment: CUT,
    untilMs,
  };
}

describe("agreement", () => {
  test("must see two coordinators long after a heal, and a dead one that is still followed", () => {
    const split = group().at(20_000).lab(cut(1, 3)).follow(1, 1, 2).at(30_000);
    expectBreach(
      "agreement",
      ended(split.lab({ action: "heal", healed: ["f1"], plugged: [] })),
      /node 1 follows node 1/,
    );
    const dead = group()
      .at(20_000)
      .lab({ action: "kill", nodes: [3], signal: "SIGKILL" });
    expectBreach("agreement", ended(dead), /node 2 follows node 3/);
  });

  test("must let a heal take its time, a cut last, and an election be under way at the end", () => {
    const healed = group().at(20_000).lab(cut(1, 3)).follow(1, 1, 2).at(30_000);
    healed
      .lab({ action: "heal", healed: ["f1"], plugged: [] })
      .at(33_000)
      .follow(1, 3, 1);
    expect(judge("agreement", ended(healed)).verdict).toBe("valid");
    const open = group().at(20_000).lab(cut(1, 3)).follow(1, 1, 2);
    expect(judge("agreement", ended(open)).verdict).toBe("inconclusive");
    const early = group()
      .at(20_000)
      .lab({ action: "kill", nodes: [3], signal: "SIGKILL" });
    expect(judge("agreement", ended(early, 21_000)).verdict).toBe("inconclusive");
    const atLast = judge("agreement", ended(early.at(21_500).follow(1, 2, 2).follow(2, 2, 2), 22_000));
    expect(atLast).toMatchObject({
      verdict: "valid",
      detail: expect.stringMatching(/^agreed in [1-9]\d* of \d+ calm/),
    });
  });
});

describe("a bound", () => {
  const killed = (): MadeJournal =>
    group()
      .at(20_000)
      .lab({ action: "kill", nodes: [3], signal: "SIGKILL" });

  test("must be over to the millisecond before what it promises is judged", () => {
    const [, seconds = ""] = /bound (\S+) s/.exec(judge("agreement", ended(killed())).detail) ?? [];
    const boundMs = Number(seconds) * 1_000;
    expect(boundMs).toBeGreaterThan(1_000);
    expect(judge("agreement", ended(killed(), 20_000 + boundMs - 1)).verdict).toBe("inconclusive");
    expect(judge("agreement", ended(killed(), 20_000 + boundMs)).verdict).toBe("invalid");
  });

  test("must say what is still open when the run ended sooner, and nothing when all is there already", () => {
    expect(judge("joining", ended(group(), 3_000))).toMatchObject({ verdict: "valid" });
    expect(judge("joining", ended(group().boot(4, {}), 3_000))).toMatchObject({
      verdict: "inconclusive",
      detail: expect.stringMatching(/^not yet, and the run ended/),
    });
  });
});

describe("detection", () => {
  const killed = () =>
    group()
      .at(20_000)
      .lab({ action: "kill", nodes: [3], signal: "SIGKILL" });

  test("must see a dead node that somebody holds for alive", () => {
    expectBreach("detection", ended(killed().at(20_500).member(1, 3, "FAILED")), /node 2 holds node 3 for ALIVE/);
  });

  test("must be content with FAILED, LEFT, or never having known it", () => {
    const noticed = killed().at(20_500).member(1, 3, "FAILED").member(2, 3, "LEFT");
    expect(judge("detection", ended(noticed)).verdict).toBe("valid");
    const stranger = new MadeJournal()
      .boot(1, THREE)
      .boot(2, THREE)
      .lab({ action: "kill", nodes: [2], signal: "SIGKILL" });
    expect(judge("detection", ended(stranger)).verdict).toBe("nothing to judge");
    expect(judge("detection", ended(killed(), 21_000)).verdict).toBe("inconclusive");
  });
});

describe("no-false-failures", () => {
  test("must see a healthy node declared dead, and what a sleeper says of others when it wakes", () => {
    const accused = group().at(20_000).member(1, 2, "FAILED").line(2, {});
    expectBreach("no-false-failures", accused, /node 1 declares node 2 FAILED/);
    const sleeper = group()
      .at(20_000)
      .lab({ action: "pause", nodes: [1], untilMs: null });
    sleeper
      .at(40_000)
      .lab({ action: "resume", nodes: [1] })
      .line(1, { frozen_ms: 20_000 })
      .member(1, 2, "FAILED")
      .line(2, {});
    expectBreach("no-false-failures", sleeper, /node 1 declares node 2 FAILED/);
  });

  test("must count suspicions and let them be", () => {
    const result = judge("no-false-failures", group().at(20_000).member(1, 2, "SUSPECTED"));
    expect(result).toMatchObject({
      verdict: "valid",
      detail: expect.stringMatching(/, 0 nodes declared FAILED, 1 false suspicions$/),
    });
  });

  test("must excuse who was killed, paused, frozen, cut off or unplugged, and a moment afterwards", () => {
    const actions: readonly LabAction[] = [
      { action: "kill", nodes: [2], signal: "SIGKILL" },
      { action: "pause", nodes: [2], untilMs: null },
      { action: "unplug", fault: "f1", nodes: [2] },
      cut(1, 2),
      { ...(cut(2, 2) as Extract<LabAction, { action: "impair" }>), pairs: [{ from: 2, to: 2 }] },
    ];
    for (const action of actions)
      expect(judge("no-false-failures", group().at(20_000).lab(action).at(21_000).member(1, 2, "FAILED")).verdict).toBe(
        "valid",
      );
    const frozen = group().at(20_000).member(1, 2, "FAILED").at(21_000).line(2, { frozen_ms: 3_000 });
    expect(judge("no-false-failures", frozen).verdict).toBe("valid");
    const healed = group()
      .at(20_000)
      .lab(cut(1, 2))
      .at(30_000)
      .lab({ action: "heal", healed: ["f1"], plugged: [] });
    expect(judge("no-false-failures", healed.at(31_000).member(1, 2, "FAILED")).verdict).toBe("valid");
    expectBreach("no-false-failures", healed.at(50_000).member(1, 2, "FAILED").line(2, {}), /node 1 declares node 2/);
  });

  test("must excuse who is left too little time by its machine, and news that such a one believes", () => {
    const short = { frozen_ms: 160 };
    const once = group().at(20_000).line(2, short).at(20_500).member(1, 2, "FAILED");
    expectBreach("no-false-failures", once.line(2, {}), /node 1 declares node 2/);
    const starved = group().at(20_000).line(2, short).at(20_400).line(2, short).at(20_500).member(1, 2, "FAILED");
    expect(judge("no-false-failures", starved).verdict).toBe("valid");
    const news = () => group().at(20_000).lab(cut(3, 2)).at(21_000).member(3, 2, "FAILED");
    expectBreach("no-false-failures", news().at(21_100).member(1, 2, "FAILED").line(2, {}), /node 1 declares node 2/);
    const overwhelmed = news().line(1, short).at(21_300).line(1, short).at(21_400).member(1, 2, "FAILED");
    expect(judge("no-false-failures", overwhelmed).verdict).toBe("valid");
  });

  test("must not excuse mild loss, nor trouble between others", () => {
    const mild = { ...CUT, cut: false, loss: 0.1 };
    const lossy = group()
      .at(20_000)
      .lab({ action: "impair", fault: "f1", pairs: [{ from: 1, to: 2 }], impairment: mild, untilMs: null });
    expectBreach("no-false-failures", lossy.at(30_000).member(1, 2, "FAILED").line(2, {}), /node 1 declares node 2/);
    expectBreach(
      "no-false-failures",
      group().at(20_000).lab(cut(1, 3)).member(1, 2, "FAILED").line(2, {}),
      /node 1 declares node 2/,
    );
  });
});

describe("a node of which the lab didn't see the end", () => {
  const silent = () => group().at(20_000).member(1, 2, "FAILED").member(3, 2, "FAILED");
  const died: LabAction = { action: "died", nodes: [2], atMs: 17_000, exitCode: 137, oom: false, signal: "SIGKILL" };
  const timely = ["agreement", "detection", "no-false-failures", "joining", "exactly-once", "nothing-held"];

  test.each(timely)("must leave %s open when it only fell silent", (name) => {
    const { verdict, violations, detail } = judge(name, ended(silent()));
    expect([verdict, violations]).toEqual(["inconclusive", []]);
    expect(detail).toMatch(/^node 2 fell silent, and nothing says whether its process ended or hangs/);
  });

  test.each(timely)("must let %s be judged when the engine says that it had died, and when, or not when", (name) => {
    expect(judge(name, ended(silent().lab(died)))).toMatchObject({
      verdict: expect.stringMatching(/^(valid|nothing to judge)$/),
      violations: [],
    });
    const late = silent()
      .at(30_000)
      .lab({ ...died, atMs: null });
    expect(judge(name, ended(late, 120_000))).toMatchObject({
      verdict: expect.stringMatching(/^(valid|nothing to judge)$/),
      violations: [],
    });
  });

  test("must not be condemned, nor its accusers, when its next life shows that the former one is over", () => {
    const back = silent().at(25_000).boot(2, THREE, { inc: 2 }).line(2, { inc: 2, phase: "READY" });
    expect(judge("no-false-failures", ended(back)).verdict).toBe("valid");
  });

  test("must be called healthy when a peer says that it is back", () => {
    const back = silent().at(21_000).member(1, 2, "ALIVE");
    expectBreach("no-false-failures", ended(back), /node 1 declares node 2 FAILED, which runs and can be reached/);
  });

  test("must be down by a signal that ends a process only", () => {
    const sent = (signal: string) =>
      group()
        .at(19_000)
        .lab({ action: "kill", nodes: [2], signal })
        .at(20_000);
    const accused = (signal: string) => ended(sent(signal).member(1, 2, "FAILED").line(2, {}));
    expectBreach("no-false-failures", accused("SIGHUP"), /node 1 declares node 2 FAILED/);
    expect(judge("no-false-failures", accused("SIGKILL")).verdict).toBe("valid");
  });
});

describe("exactly-once and nothing-held, in the end", () => {
  const record: MadeRecord = { from: 1, seq: 1, to: 2 };

  test("must see a transfer that a connected node never got, and one that it holds back for ever", () => {
    const made = group()
      .at(20_000)
      .deliver(1, record)
      .deliver(2, record)
      .line(3, { kind: "hold", from: 1, record_seq: 1 });
    expectBreach("exactly-once", ended(made), /node 3 lacks 1\/1 at the end, which node 1 had/);
    expectBreach("nothing-held", ended(made), /node 3 holds 1\/1 back to the end/);
  });

  test("must not miss it at a node that is down, halted or cut off, nor right after it was made", () => {
    const made = () => group().at(20_000).deliver(1, record).deliver(2, record);
    const down = made().lab({ action: "kill", nodes: [3], signal: "SIGKILL" });
    expect(judge("exactly-once", ended(down)).verdict).toBe("valid");
    expect(judge("exactly-once", ended(made().line(3, { phase: "HALTED" }))).verdict).toBe("valid");
    expect(judge("exactly-once", ended(made().lab(cut(1, 3)))).verdict).toBe("inconclusive");
    expect(judge("exactly-once", ended(made(), 20_100)).verdict).toBe("valid");
    expect(judge("exactly-once", ended(made().deliver(3, record), 20_100)).verdict).toBe("valid");
  });
});

describe("joining and incarnations", () => {
  test("must see a node that never gets READY, unless the voters are away", () => {
    expectBreach("joining", ended(group().boot(4, {})), /node 4 isn't READY/);
    const alone = new MadeJournal({ voters: [7, 8, 9] }).boot(1, {});
    expect(judge("joining", ended(alone)).verdict).toBe("nothing to judge");
    expect(judge("joining", ended(group().line(4, { books: "boot" }).line(4, { phase: "RECOVERING" }))).verdict).toBe(
      "valid",
    );
  });

  test("must ask for a strict majority of the voters: half of an even set is none", () => {
    const started = (voters: number[]): MadeJournal => {
      const made = new MadeJournal({ voters, nodes: [1, 2, 3, 4] }).boot(1, THREE).line(1, { phase: "READY" });
      return ended(made.boot(2, {}).line(2, { kind: "state" }));
    };
    expect(judge("joining", started([1, 2, 3, 4])).verdict).toBe("nothing to judge");
    expectBreach("joining", started([1, 2, 3]), /node 2 isn't READY/);
  });

  test("must see an incarnation used twice, and a peer's earlier one believed again", () => {
    expectBreach("incarnations", group().boot(1, THREE), /node 1 starts as incarnation 1 after 1/);
    const relapse = group().member(1, 2, "ALIVE", { peer_inc: 2 }).member(1, 2, "ALIVE", { peer_inc: 1 });
    expectBreach("incarnations", relapse, /goes back from incarnation 2 of node 2 to 1/);
    const early = { kind: "fault" as const, msg: "Faults back in force" };
    const slow = new MadeJournal().line(1, early).line(1, { frozen_ms: 288 }).boot(1, {});
    slow
      .line(1, { ...early, inc: 2 })
      .line(1, { frozen_ms: 288, inc: 2 })
      .boot(1, {}, { inc: 2 });
    expect(judge("incarnations", slow)).toMatchObject({ verdict: "valid", detail: "2 processes" });
    const wiped = group()
      .lab({ action: "wipe", nodes: [1] })
      .boot(1, {});
    expect(judge("incarnations", wiped).verdict).toBe("valid");
  });
});
