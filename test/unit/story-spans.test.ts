// The borders of what a story tells: where each span begins and ends, what excuses a node, which lines count.
import { describe, expect, it } from "vitest";
import { nameOf, readDelivery, readVector } from "../../lab/journal/story/deliveries.ts";
import { mergeSpans, overlaps, type Span } from "../../lab/journal/story/span.ts";
import { Story, tellStory } from "../../lab/journal/story/story.ts";
import { calmSpans, isSevere, readTroubles, wereConnected } from "../../lab/journal/story/troubles.ts";
import { TimeOrder } from "../../lab/journal/time-order.ts";
import { MadeJournal } from "../support/made-journal.ts";

const forEver = Number.POSITIVE_INFINITY;
const NONE = { cut: false, delayMs: 0, jitterMs: 0, loss: 0, duplicate: 0, reorder: 0, rateBps: 0 };
const CUT = { ...NONE, cut: true };

const two = () => new MadeJournal().boot(1, {}).boot(2, {});
const told = (made: MadeJournal): Story => tellStory(made.journal);
const spans = (list: readonly Span[] | undefined) => (list ?? []).map(({ fromMs, toMs }) => [fromMs, toMs]);
const impair = (fault: string, more: object = {}) =>
  ({ action: "impair", fault, pairs: [{ from: 1, to: 2 }], impairment: CUT, untilMs: null, ...more }) as const;

describe("a pause", () => {
  const paused = (untilMs: number | null = null) =>
    two()
      .at(1_000)
      .lab({ action: "pause", nodes: [1], untilMs });
  const stops = (made: MadeJournal) => told(made).stops.all.map(({ fromMs, toMs, by }) => [fromMs, toMs, by]);

  it.each([
    ["SIGCONT", { action: "kill", nodes: [1], signal: "SIGCONT" }],
    ["SIGTERM, which ends a process only when it runs again", null],
    ["a stop", { action: "stop", nodes: [1] }],
    ["a removal", { action: "remove", nodes: [1] }],
  ] as const)("must end with %s", (_what, action) => {
    if (action === null) {
      expect(
        stops(
          paused()
            .at(2_000)
            .lab({ action: "kill", nodes: [1], signal: "SIGTERM" }),
        )[0]?.[1],
      ).toBe(forEver);
      return;
    }
    expect(stops(paused().at(2_000).lab(action))).toEqual([[1_000, 2_000, "lab"]]);
  });

  it("must end when its node died, at the time that the engine tells, or else now", () => {
    const died = (atMs: number | null) =>
      stops(
        paused()
          .at(3_000)
          .lab({ action: "died", nodes: [1], atMs, exitCode: 137, oom: false }),
      );
    expect(died(2_500)).toEqual([[1_000, 2_500, "lab"]]);
    expect(died(null)).toEqual([[1_000, 3_000, "lab"]]);
  });

  it("must be replaced by another one, and end with the node's next life", () => {
    expect(
      stops(
        paused()
          .at(2_000)
          .lab({ action: "pause", nodes: [1], untilMs: null }),
      ),
    ).toEqual([
      [1_000, 2_000, "lab"],
      [2_000, forEver, "lab"],
    ]);
    expect(stops(paused().at(4_000).boot(1, {}, { inc: 2 }))).toEqual([[1_000, 4_000, "lab"]]);
  });

  it("must be over at its planned end when that is near, seen or not, and a moment before it when the node speaks", () => {
    expect(stops(paused(1_299))).toEqual([[1_000, 1_299, "lab"]]);
    expect(stops(paused(1_300))).toEqual([[1_000, forEver, "lab"]]);
    expect(stops(paused(3_000).at(2_899).line(1, {}))).toEqual([[1_000, forEver, "lab"]]);
    expect(stops(paused(3_000).at(2_900).line(1, {}))).toEqual([[1_000, 3_000, "lab"]]);
  });

  it("must be over when its node says that it was frozen, which is a stop of its own", () => {
    expect(stops(paused().at(5_000).line(1, { frozen_ms: 3_000 }))).toEqual([
      [1_000, 5_000, "lab"],
      [2_000, 5_000, "node"],
    ]);
    expect(stops(paused().at(1_100).line(1, { frozen_ms: 50 }))[0]).toEqual([1_000, forEver, "lab"]);
  });
});

describe("a cable", () => {
  it("must be out until its fault is healed, it is plugged in, or it is pulled again", () => {
    const pulled = () =>
      two()
        .at(100)
        .lab({ action: "unplug", fault: "f1", nodes: [1, 2] });
    const healed = pulled()
      .at(300)
      .lab({ action: "heal", healed: ["f1"], plugged: [] });
    expect(spans(told(healed).faults.unplugged.get(2))).toEqual([[100, 300]]);
    const again = pulled()
      .at(400)
      .lab({ action: "unplug", fault: "f2", nodes: [1] });
    expect(spans(told(again).faults.unplugged.get(1))).toEqual([
      [100, 400],
      [400, forEver],
    ]);
    expect(told(pulled()).faults.all[0]).toMatchObject({ kind: "unplug", nodes: [1, 2], pairs: [], impairment: null });
  });

  it("must not end the fault while another one of it is out", () => {
    const made = two()
      .at(100)
      .lab({ action: "unplug", fault: "f1", nodes: [1, 2] });
    made.at(200).lab({ action: "heal", healed: [], plugged: [2] });
    expect(spans(told(made).faults.all)).toEqual([[100, forEver]]);
    made.at(300).lab({ action: "heal", healed: [], plugged: [1] });
    expect(spans(told(made).faults.all)).toEqual([[100, 300]]);
  });
});

it("a fault must be a partition when nothing passes, and name its senders once, in order", () => {
  const pairs = [
    { from: 3, to: 1 },
    { from: 2, to: 1 },
    { from: 3, to: 2 },
  ];
  const made = two()
    .lab(impair("f1", { pairs }))
    .lab(impair("f2", { impairment: { ...NONE, loss: 1 } }));
  made.lab(impair("f3", { impairment: { ...NONE, loss: 0.99 } }));
  expect(told(made).faults.all.map(({ kind, nodes }) => [kind, nodes])).toEqual([
    ["partition", [2, 3]],
    ["partition", [1]],
    ["netem", [1]],
  ]);
});

describe("what excuses a node", () => {
  it.each([
    [{ loss: 0.2 }, false],
    [{ loss: 0.21 }, true],
    [{ delayMs: 150 }, false],
    [{ delayMs: 151 }, true],
    [{ jitterMs: 50 }, false],
    [{ jitterMs: 51 }, true],
    [{ rateBps: 500_000 }, false],
    [{ rateBps: 499_999 }, true],
    [{ duplicate: 1, reorder: 1 }, false],
    [{ cut: true }, true],
  ])("must be worse than mild: %j is %s", (more, severe) => {
    expect(isSevere({ ...NONE, ...more })).toBe(severe);
    const made = two()
      .at(100)
      .lab(impair("f1", { impairment: { ...NONE, ...more } }));
    expect(readTroubles(told(made)).links.has("1>2")).toBe(severe);
    expect(readTroubles(told(made)).isOpenEnded).toBe(severe);
  });

  it("must be a stop of 300 ms of its own, or a pause of any length", () => {
    const paused = (ms: number) => readTroubles(told(two().at(5_000).line(1, { frozen_ms: ms }))).paused.has(1);
    expect([paused(299), paused(300)]).toEqual([false, true]);
    const short = two()
      .at(5_000)
      .lab({ action: "pause", nodes: [1], untilMs: 5_010 });
    expect(spans(readTroubles(told(short)).paused.get(1))).toEqual([[5_000, 5_010]]);
  });

  it("must be stops that sum up to 300 ms within three seconds of each other", () => {
    const starved = (secondAtMs: number, ms = 150) =>
      readTroubles(told(two().at(5_000).line(1, { frozen_ms: ms }).at(secondAtMs).line(1, { frozen_ms: ms }))).starved;
    expect(spans(starved(7_999).get(1))).toEqual([[4_850, 7_999]]);
    expect(starved(8_000).size).toBe(0);
    expect(starved(6_000, 149).size).toBe(0);
  });

  it.each([
    ["1>2", [{ from: 1, to: 2 }], false],
    ["2>1", [{ from: 2, to: 1 }], false],
    ["all that 1 sends", [{ from: 1, to: 1 }], false],
    ["all that 2 sends", [{ from: 2, to: 2 }], false],
    ["3>1", [{ from: 3, to: 1 }], true],
  ])("must be about the two: %s", (_what, pairs, connected) => {
    const made = two().boot(3, {}).at(1_000).lab(impair("f1", { pairs }));
    made.at(2_000).lab({ action: "heal", healed: ["f1"], plugged: [] });
    const troubles = readTroubles(told(made));
    const were = (fromMs: number, toMs: number) => wereConnected(troubles, 1, 2, { fromMs, toMs });
    expect(were(1_200, 1_300)).toBe(connected);
    expect([were(500, 1_000), were(2_000, 2_500)]).toEqual([connected, connected]);
    expect([were(500, 999), were(2_001, 2_500)]).toEqual([true, true]);
  });

  it.each([1, 2])("must be the cable or the absence of node %i", (node) => {
    const out = two()
      .at(1_000)
      .lab({ action: "unplug", fault: "f1", nodes: [node] });
    const gone = two()
      .at(1_000)
      .lab({ action: "stop", nodes: [node] });
    for (const made of [out, gone]) {
      const troubles = readTroubles(told(made));
      expect(wereConnected(troubles, 1, 2, { fromMs: 500, toMs: 900 })).toBe(true);
      expect(wereConnected(troubles, 1, 2, { fromMs: 1_500, toMs: 1_600 })).toBe(false);
    }
  });

  it("must leave the times between as calm, up to the journal's end", () => {
    const made = two().at(1_000).lab(impair("f1"));
    made
      .at(2_000)
      .lab({ action: "heal", healed: ["f1"], plugged: [] })
      .at(4_000)
      .line(1, {});
    const story = told(made);
    expect(spans(calmSpans(readTroubles(story), story)).slice(1)).toEqual([
      [2, 1_000],
      [2_000, 4_000],
    ]);
    // A mild fault with a planned end changes something then.
    const mild = two()
      .at(1_000)
      .lab(impair("f1", { impairment: { ...NONE, loss: 0.1 }, untilMs: 3_000 }));
    const later = told(mild.at(4_000).line(1, {}));
    expect(spans(calmSpans(readTroubles(later), later)).slice(-2)).toEqual([
      [2, 3_000],
      [3_000, 4_000],
    ]);
  });
});

it("spans must overlap where they touch, and be merged there", () => {
  const span = (fromMs: number, toMs: number) => ({ fromMs, toMs });
  expect(overlaps(span(1, 2), span(2, 3)) && overlaps(span(2, 3), span(1, 2))).toBe(true);
  expect(overlaps(span(1, 2), span(3, 4)) || overlaps(span(3, 4), span(1, 2))).toBe(false);
  expect(mergeSpans([span(5, 6), span(1, 4), span(2, 3), span(4, 5), span(8, 9)])).toEqual([span(1, 6), span(8, 9)]);
});

describe("a life", () => {
  const lives = (made: MadeJournal, node = 1) => told(made).lives.ofNode.get(node) ?? [];

  it("must last to its own last line when that comes after its end", () => {
    const made = two()
      .at(1_000)
      .lab({ action: "kill", nodes: [1], signal: "SIGKILL" })
      .at(1_050)
      .line(1, {});
    expect(lives(made)[0]).toMatchObject({ toMs: 1_050, lastMs: 1_050, lines: 2, end: { atMs: 1_000 } });
  });

  it("must have written its last line when its latest was, not when its last was collected", () => {
    const made = two().at(900).line(1, {}).at(800).line(1, {});
    expect(lives(made)[0]?.lastMs).toBe(900);
  });

  it.each([
    ["left", { phase: "LEFT" }, 0, "left"],
    ["said nothing", {}, 0, "exited"],
    ["failed while it left", { phase: "LEAVING" }, 1, "exited"],
    ["found its id taken", { phase: "CONFLICT" }, 3, "exited"],
  ])("of a node that %s must end by its own exit code", (_what, fields, exit, cause) => {
    const made = two().at(500).line(1, fields).at(700).line(1, { exit });
    const [life] = lives(made);
    expect(life?.end).toMatchObject({ cause, by: "node", atMs: 700, exitCode: exit });
    expect(life?.retiredAtMs).toBe("phase" in fields ? 500 : null);
    expect(told(made).lives.absences.get(1)?.[0]?.fromMs).toBe("phase" in fields ? 500 : 700);
  });

  it("without details must begin with a new incarnation, with them only with a boot line", () => {
    const lines = (isDetailed: boolean) =>
      lives(new MadeJournal({ isDetailed }).line(1, { inc: 1 }).line(1, { inc: 2 }).line(1, { inc: 2 }));
    expect(lines(false).map(({ inc, lines: count }) => [inc, count])).toEqual([
      [1, 1],
      [2, 2],
    ]);
    expect(lines(true).map(({ firstInc, inc }) => [firstInc, inc])).toEqual([[1, 2]]);
  });

  it("must begin with what a process writes before its store is open, as its lines arrive", () => {
    const made = two().at(500).line(1, { inc: 0 }).line(1, { inc: 0 }).boot(1, {}, { inc: 2 });
    const story = new Story(made.journal.facts);
    for (const entry of made.journal.entries.toSorted((a, b) => a.time - b.time)) story.add(entry);
    const own = story.lives.ofNode.get(1) ?? [];
    expect(own.map(({ firstInc, inc, lines, number }) => [firstInc, inc, lines, number])).toEqual([
      [1, 1, 1, 0],
      [2, 2, 3, 1],
    ]);
  });

  it.each([
    [{ action: "leave", nodes: [1] }, "left"],
    [{ action: "remove", nodes: [1] }, "left"],
    [{ action: "scale", added: [], removed: [1] }, "left"],
    [{ action: "stop", nodes: [1] }, "stopped"],
  ] as const)("must end with %j", (action, cause) => {
    expect(
      lives(
        two()
          .at(800)
          .lab(action as never),
      )[0]?.end,
    ).toMatchObject({ atMs: 800, cause, by: "lab" });
    expect(
      lives(
        two()
          .at(800)
          .lab(action as never),
        2,
      )[0]?.end,
    ).toBeNull();
  });

  it("must keep a first end's facts when the engine tells its own", () => {
    const made = two()
      .at(800)
      .lab({ action: "stop", nodes: [1] })
      .at(900);
    made.lab({ action: "died", nodes: [1], atMs: 850, exitCode: 143, oom: false, signal: "SIGTERM" });
    const { lives: all } = told(made);
    expect(all.current(1)?.end).toMatchObject({ atMs: 800, cause: "stopped", exitCode: 143, signal: "SIGTERM" });
    expect(all.current(1)?.end).not.toHaveProperty("oom");
    expect(all.absences.get(1)).toHaveLength(1);
  });

  it("must be known to have lost its disk", () => {
    const made = two()
      .at(700)
      .lab({ action: "wipe", nodes: [2] })
      .at(900)
      .lab({ action: "restore", nodes: [2] } as never);
    expect(told(made).lives.wiped.get(2)).toEqual([700, 900]);
    expect(told(made).lives.wiped.has(1)).toBe(false);
  });

  it("of a node that was ended before it wrote anything must be an absence", () => {
    const made = two()
      .at(700)
      .lab({ action: "kill", nodes: [3], signal: "SIGKILL" });
    expect(told(made).lives.absences.get(3)).toEqual([{ fromMs: 700, surelyFromMs: 700, toMs: forEver }]);
  });
});

describe("a reign", () => {
  it("must end with its life, and be another one when its role, term or majority changes", () => {
    const made = two().at(100).line(1, { kind: "election", role: "CANDIDATE", term: 2 });
    made.at(200).line(1, { kind: "election", role: "COORDINATOR", term: 2 });
    made.at(300).line(1, { kind: "election", role: "COORDINATOR", term: 2, elected: true });
    made.at(400).line(1, { kind: "election", role: "COORDINATOR", term: 3, elected: true });
    made.at(500).line(1, { kind: "state" }).at(600).boot(1, {}, { inc: 2 });
    const reigns = told(made).reigns.all.map(({ role, term, elected, fromMs, toMs }) => [
      role,
      term,
      elected,
      fromMs,
      toMs,
    ]);
    expect(reigns).toEqual([
      ["CANDIDATE", 2, false, 100, 200],
      ["COORDINATOR", 2, false, 200, 300],
      ["COORDINATOR", 2, true, 300, 400],
      ["COORDINATOR", 3, true, 400, 500],
    ]);
  });
});

describe("a record that waits", () => {
  it("must be held until it is delivered or released, once", () => {
    const hold = { kind: "hold", from: 1, record_seq: 3 } as const;
    const made = two()
      .at(100)
      .line(2, hold)
      .line(2, hold)
      .at(200)
      .line(2, { ...hold, kind: "deliver" });
    made
      .at(300)
      .line(2, { ...hold, record_seq: 4 })
      .at(400)
      .line(2, { ...hold, record_seq: 4, released: true });
    made
      .at(500)
      .line(2, { ...hold, record_seq: 5 })
      .line(2, { kind: "hold", from: 1 });
    const { holds } = told(made);
    expect(holds.all.map(({ record, node, fromMs, toMs }) => [record, node, fromMs, toMs])).toEqual([
      ["1/3", 2, 100, 200],
      ["1/4", 2, 300, 400],
      ["1/5", 2, 500, forEver],
    ]);
    expect(holds.all.map(({ released }) => released?.time ?? null)).toEqual([200, 400, null]);
  });
});

describe("a debit", () => {
  const fields = { from: 1, to: 2, record_seq: 3, id: "2-1-1.7", amount: 5, request: "r4", vc: { 1: 3, 4: 1 } };
  const line = (more: object) => ({ kind: "deliver", ...fields, ...more }) as never;

  it("must be read from lines of deliveries, commits and states that have all of it", () => {
    expect(readDelivery(line({}))).toMatchObject({
      ...{ origin: 1, seq: 3, payee: 2, amount: 5, trade: "2-1-1.7", request: "2/r4", isFence: false },
      causes: new Map([
        [1, 3],
        [4, 1],
      ]),
    });
    expect(readDelivery(line({ kind: "trade", outcome: "committed" }))).not.toBeNull();
    expect(readDelivery(line({ kind: "state" }))).not.toBeNull();
    expect(readDelivery(line({ kind: "trade", outcome: "refused" }))).toBeNull();
    expect(readDelivery(line({ kind: "hold" }))).toBeNull();
    for (const name of ["from", "to", "record_seq", "id"]) expect(readDelivery(line({ [name]: undefined }))).toBeNull();
  });

  it("must be a fence when it pays its own account, and have no request that the line doesn't name", () => {
    expect(readDelivery(line({ to: 1, request: undefined, amount: undefined }))).toMatchObject({
      ...{ isFence: true, request: null, amount: 0 },
    });
    expect([...readVector(null), ...readVector("1")]).toEqual([]);
    expect(nameOf({ origin: 3, seq: 17 })).toBe("3/17");
  });
});

describe("a message", () => {
  const send = { kind: "send", id: "1-1.4", type: "PING", to: 2 } as const;

  it("must be sent once, and be traced under its own name only", () => {
    const made = two()
      .at(100)
      .line(1, send)
      .at(200)
      .line(1, { ...send, to: 3 })
      .line(2, { kind: "recv", id: "1-1.40" });
    made.line(2, { kind: "recv", id: "trade 1-1.4" });
    const { trips } = told(made);
    expect(trips.all.map(({ to, sentAtMs, arrivals }) => [to, sentAtMs, arrivals.length])).toEqual([[2, 100, 0]]);
  });

  it("must be lost at those who dropped it first and never got it, for the cause that they name", () => {
    const made = two()
      .at(100)
      .line(1, { ...send, to: undefined as never });
    made
      .line(2, { kind: "drop", id: "1-1.4", from: 1, reason: "impaired_lost" })
      .line(2, { kind: "recv", id: "1-1.4" });
    made
      .line(3, { kind: "drop", id: "1-1.4", from: 1 })
      .line(3, { kind: "drop", id: "1-1.4", from: 1, reason: "schema" });
    made.line(1, { kind: "drop", id: "1-1.4", from: 1, to: 4, reason: "cut" });
    const { trips } = told(made);
    const [trip] = trips.all;
    expect(trips.lossesOf(trip as never).map(({ node, cause }) => [node, cause])).toEqual([
      [3, "lost"],
      [4, "cut"],
    ]);
  });

  it("must be forgotten when it was sent before, and kept otherwise", () => {
    const made = two()
      .at(100)
      .line(1, send)
      .at(200)
      .line(1, { ...send, id: "1-1.5" });
    made.at(300).line(2, { kind: "drop", id: "1-1.5", from: 1 }).line(2, { kind: "drop", id: "1-1.4", from: 1 });
    const { trips } = told(made);
    trips.forget(200);
    expect(trips.all.map(({ id }) => id)).toEqual(["1-1.5"]);
    expect([trips.of("1-1.4"), trips.of("1-1.5")?.id]).toEqual([undefined, "1-1.5"]);
    expect(trips.lossesOf(trips.all[0] as never)).toHaveLength(1);
  });
});

it("lines must leave after one turn, with what precedes them, and each once", () => {
  const order = new TimeOrder();
  const [first, second, third] = two().at(50).line(1, {}).journal.entries;
  if (first === undefined || second === undefined || third === undefined) throw new Error("three lines");
  expect([order.isEmpty, order.turn()]).toEqual([true, []]);
  order.add(second);
  expect(order.turn()).toEqual([]);
  expect(order.isEmpty).toBe(false);
  order.add(first);
  order.add(third);
  expect(order.turn()).toEqual([first, second]);
  expect(order.turn()).toEqual([third]);
  expect([order.turn(), order.isEmpty]).toEqual([[], true]);
});
