// The one story of a run: what checkers, exports and pages learn of lives, reigns, faults, pauses and messages.
import { describe, expect, test } from "vitest";
import { effectOfSignal } from "../../lab/journal/story/signal-effect.ts";
import { Story, tellStory } from "../../lab/journal/story/story.ts";
import { readTroubles } from "../../lab/journal/story/troubles.ts";
import { MadeJournal } from "../support/made-journal.ts";

const forEver = Number.POSITIVE_INFINITY;
const CUT = { cut: true, delayMs: 0, jitterMs: 0, loss: 0, duplicate: 0, reorder: 0, rateBps: 0 };

const told = (made: MadeJournal): Story => tellStory(made.journal);
const endsOf = (made: MadeJournal, node = 1) =>
  (told(made).lives.ofNode.get(node) ?? []).map(({ end }) => (end === null ? "runs" : `${end.cause} by ${end.by}`));

/** Node 1 boots at 1 ms, node 2 at 2 ms. */
const two = () => new MadeJournal().boot(1, {}).boot(2, {});

describe("a life", () => {
  test.each([
    ["SIGKILL", "killed by lab"],
    ["SIGTERM", "stopped by lab"],
    ["SIGINT", "stopped by lab"],
    ["SIGQUIT", "killed by lab"],
    ["SIGUSR2", "killed by lab"],
    ["SIGHUP", "runs"],
    ["SIGUSR1", "runs"],
    ["SIGWINCH", "runs"],
    ["SIGPIPE", "runs"],
    ["SIGSTOP", "runs"],
    ["SIGCONT", "runs"],
  ])("after %s must be: %s", (signal, end) => {
    const made = two()
      .at(1_000)
      .lab({ action: "kill", nodes: [1], signal });
    expect(endsOf(made)).toEqual([end]);
    expect(told(made).lifeAt(1, 5_000) === null).toBe(end !== "runs");
  });

  test("in a container must outlast every signal that the node doesn't handle, except KILL and STOP", () => {
    const effects = ["KILL", "TERM", "STOP", "QUIT", "USR2", "TSTP"].map((name) => effectOfSignal(name, "docker"));
    expect(effects).toEqual(["ends", "leaves", "pauses", "none", "none", "none"]);
    expect(["QUIT", "TSTP"].map((name) => effectOfSignal(name, "local"))).toEqual(["ends", "pauses"]);
  });

  test("must end when the engine says so, at the engine's time, with exit code and lack of memory", () => {
    const made = two()
      .at(9_000)
      .lab({ action: "died", nodes: [1], atMs: 4_000, exitCode: 137, oom: true, signal: "SIGKILL" });
    const { lives } = told(made);
    expect(lives.current(1)?.end).toMatchObject({ atMs: 4_000, cause: "died", by: "engine", exitCode: 137, oom: true });
    expect(lives.absences.get(1)).toEqual([{ fromMs: 4_000, surelyFromMs: 4_000, toMs: forEver }]);
    const sometime = two()
      .at(9_000)
      .lab({ action: "died", nodes: [1], atMs: null, exitCode: null, oom: false });
    expect(told(sometime).lives.current(1)?.end).toMatchObject({ atMs: 1, cause: "died", by: "engine" });
  });

  test("must end unseen when the next one begins, and have its cause when the engine tells it late", () => {
    const made = two().at(5_000).boot(1, {}, { inc: 2 });
    expect(endsOf(made)).toEqual(["unseen by next life", "runs"]);
    expect(told(made).lives.absences.get(1)).toEqual([{ fromMs: 1, surelyFromMs: forEver, toMs: 5_000 }]);
    made.lab({ action: "died", nodes: [1], atMs: 4_000, exitCode: 1, oom: false });
    expect(endsOf(made)).toEqual(["died by engine", "runs"]);
  });

  test("that was started and killed in one instant must be over, and one that was killed and started must run", () => {
    const kill = { action: "kill", nodes: [1], signal: "SIGKILL" } as const;
    const start = { action: "start", nodes: [1] } as const;
    const down = () => two().at(500).lab(kill);
    const killed = down().at(1_000).lab(start).at(1_000).lab(kill).at(1_000).boot(1, {}, { inc: 2 });
    expect(endsOf(killed)).toEqual(["killed by lab", "killed by lab"]);
    expect(told(killed).lives.absences.get(1)).toEqual([{ fromMs: 500, surelyFromMs: 500, toMs: forEver }]);
    const started = down().at(1_000).lab(kill).at(1_000).lab(start).at(1_000).boot(1, {}, { inc: 2 });
    expect(endsOf(started)).toEqual(["killed by lab", "runs"]);
  });

  test("that falls silent must go on", () => {
    expect(endsOf(two().at(90_000).lab({ action: "check" }))).toEqual(["runs"]);
  });

  test("must keep the first word about its end, and last until its last line", () => {
    const made = two()
      .at(1_000)
      .lab({ action: "stop", nodes: [1] })
      .at(1_200)
      .line(1, { phase: "LEFT" })
      .line(1, { exit: 0 })
      .lab({ action: "died", nodes: [1], atMs: 1_201, exitCode: 0, oom: false });
    expect(told(made).lives.current(1)).toMatchObject({
      toMs: 1_201,
      end: { atMs: 1_000, cause: "stopped", by: "lab", exitCode: 0 },
    });
  });

  test("must go on under a higher incarnation, and end before what its successor wrote ahead of its boot line", () => {
    const made = two().line(1, { inc: 6 }).line(1, { inc: 6 });
    expect(endsOf(made)).toEqual(["runs"]);
    made.at(700).line(1, { inc: 7, kind: "fault" }).boot(1, {}, { inc: 7 });
    const lives = told(made).lives.ofNode.get(1) ?? [];
    expect(lives.map(({ firstInc, inc, lines, fromMs }) => [firstInc, inc, lines, fromMs])).toEqual([
      [1, 6, 3, 1],
      [7, 7, 2, 700],
    ]);
    expect(lives[0]?.end?.cause).toBe("unseen");
  });

  test("must not be whole behind a gap", () => {
    const made = two().line(1, {}).line(1, {});
    const journal = {
      ...made.journal,
      entries: made.journal.entries.filter(({ node, seq }) => node !== 1 || seq !== 2),
    };
    const { lives } = tellStory(journal);
    expect([lives.current(1)?.isWhole, lives.current(2)?.isWhole]).toEqual([false, true]);
  });
});

describe("reigns, faults and pauses", () => {
  test("a reign must last until its node says otherwise or ends", () => {
    const made = two().at(100).follow(1, 1, 1).at(200).follow(1, 1, 1).at(300).follow(2, 1, 1).at(400).follow(2, 2, 2);
    made
      .at(500)
      .follow(1, 2, 2)
      .at(900)
      .lab({ action: "kill", nodes: [2], signal: "SIGKILL" });
    const reigns = told(made).reigns.all.map(({ node, term, fromMs, toMs }) => [node, term, fromMs, toMs]);
    expect(reigns).toEqual([
      [1, 1, 100, 500],
      [2, 2, 400, 900],
    ]);
  });

  test("a fault must last until it is healed, replaced, or its planned end has come", () => {
    const pairs = [{ from: 1, to: 2 }];
    const impair = (fault: string, untilMs: number | null = null) =>
      ({ action: "impair", fault, pairs, impairment: CUT, untilMs }) as const;
    const made = two().at(100).lab(impair("f1")).at(200).lab(impair("f1", 900)).at(300).lab(impair("f2"));
    made.lab({ action: "unplug", fault: "f3", nodes: [1, 2] });
    made.at(400).lab({ action: "heal", healed: ["f2"], plugged: [1] });
    const spans = () => told(made).faults.all.map(({ id, fromMs, toMs }) => [id, fromMs, toMs]);
    expect(spans()).toEqual([
      ["f1", 100, 200],
      ["f1", 200, 900],
      ["f2", 300, 400],
      ["f3", 301, forEver],
    ]);
    expect(told(made).faults.unplugged.get(1)).toEqual([{ fromMs: 301, toMs: 400 }]);
    made.at(500).lab({ action: "heal", healed: [], plugged: [2] });
    expect(spans().at(-1)).toEqual(["f3", 301, 500]);
  });

  test("a pause must end with a resumption, the node's next word after its planned end, or its life", () => {
    const stopsOf = (made: MadeJournal) => told(made).stops.all.map(({ fromMs, toMs }) => [fromMs, toMs]);
    const paused = (untilMs: number | null = null) =>
      two()
        .at(1_000)
        .lab({ action: "pause", nodes: [1], untilMs });
    expect(stopsOf(paused(3_000).at(9_000).line(2, {}))).toEqual([[1_000, forEver]]);
    expect(stopsOf(paused(3_000).at(3_400).line(1, {}))).toEqual([[1_000, 3_000]]);
    expect(
      stopsOf(
        paused()
          .at(2_000)
          .lab({ action: "resume", nodes: [1] }),
      ),
    ).toEqual([[1_000, 2_000]]);
    expect(
      stopsOf(
        paused()
          .at(2_000)
          .lab({ action: "kill", nodes: [1], signal: "SIGKILL" }),
      ),
    ).toEqual([[1_000, 2_000]]);
    expect(
      stopsOf(
        two()
          .at(5_000)
          .lab({ action: "kill", nodes: [1], signal: "SIGSTOP" }),
      ),
    ).toEqual([[5_000, forEver]]);
  });

  test("short stops must starve a node when they follow each other, and disturb nobody alone", () => {
    const once = two().at(5_000).line(1, { frozen_ms: 160 });
    expect(readTroubles(told(once)).starved.size).toBe(0);
    expect(readTroubles(told(once)).paused.size).toBe(0);
    const twice = once.at(5_400).line(1, { frozen_ms: 160 });
    expect(readTroubles(told(twice)).starved.get(1)).toEqual([{ fromMs: 4_840, toMs: 5_400 }]);
  });
});

test("a message must be traced from its send to arrivals, copies and losses, in whatever order their lines come", () => {
  const made = two()
    .line(2, { kind: "recv", id: "1-1.4/1", from: 1 })
    .line(1, { kind: "send", id: "1-1.4/1", type: "HEARTBEAT" })
    .line(3, { kind: "drop", id: "1-1.4", from: 1, reason: "impaired_cut" })
    .line(2, { kind: "recv", id: "1-1.4/1", from: 1 })
    .line(2, { kind: "duplicate", id: "1-2-1.9" });
  const story = new Story(made.journal.facts);
  for (const entry of made.journal.entries.toSorted((a, b) => a.time - b.time)) story.add(entry);
  const [trip, ...others] = story.trips.all;
  expect(others).toEqual([]);
  if (trip === undefined) throw new Error("no trip");
  expect(trip).toMatchObject({ from: 1, to: null, kind: "heartbeat", arrivals: [{ node: 2 }], doubles: [{ node: 2 }] });
  expect(story.trips.lossesOf(trip).map(({ node, cause }) => [node, cause])).toEqual([[3, "cut"]]);
  story.trips.forget(forEver);
  expect(story.trips.of("1-1.4/1")).toBeUndefined();
});
