// Every export of a stored run: golden files that were looked at, and each format's own rules. GOLDEN=write renews them.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exportCsv } from "../../lab/export/csv.ts";
import { findLosses, readChronicle } from "../../lab/export/diagram/chronicle.ts";
import { layOutSpaceTime } from "../../lab/export/diagram/plan-diagram.ts";
import { requireSome } from "../../lab/export/export-options.ts";
import { FORMATS } from "../../lab/export/formats.ts";
import { chooseWindow } from "../../lab/export/interesting-window.ts";
import { exportMermaid } from "../../lab/export/mermaid.ts";
import { exportOtlp } from "../../lab/export/otlp.ts";
import { exportPerfetto } from "../../lab/export/perfetto.ts";
import { exportSvg } from "../../lab/export/svg.ts";
import type { Entry } from "../../lab/journal/entry.ts";
import { assembleJournal, type Journal } from "../../lab/journal/journal.ts";
import { readRun } from "../../lab/journal/stored-run.ts";
import {
  findMermaidComplaints,
  findTraceComplaints,
  findXmlComplaints,
  OtlpRequest,
  parseCsv,
} from "../support/export-rules.ts";
import { findShivizComplaints } from "../support/shiviz-rules.ts";
import { testSeed } from "../support/test-seed.ts";

const SEED = testSeed("EXPORT_SEED", 20_260_712);
const FOLDER = join(import.meta.dirname, "../testdata/runs/leader-killed");
const journal = await readRun(FOLDER);

describe("a stored run", () => {
  it.each([
    ["svg", exportSvg(journal)],
    ["mermaid", exportMermaid(journal)],
  ])("must become the golden %s", (name, text) => {
    const path = join(FOLDER, `golden.${name}`);
    if (process.env.GOLDEN === "write") writeFileSync(path, text);
    expect(text, "changed on purpose? GOLDEN=write, and look at it").toBe(readFileSync(path, "utf8"));
  });

  it("must be told as it was: who led when, what was broken, what got lost, came twice and was held back", () => {
    const history = readChronicle(journal);
    const crowns = history.moments.filter(({ kind }) => kind === "crown").map(({ node, text }) => `${node} ${text}`);
    expect(crowns).toEqual(["3 leads, term 1", "2 leads, term 2", "3 leads, term 3"]);
    const lives = history.nodes.flatMap((node) => history.story.lives.ofNode.get(node) ?? []);
    expect(lives.map(({ node, inc, end }) => `${node}.${inc} ${end?.cause ?? "open"}`)).toEqual([
      "1.1 open",
      "2.1 open",
      "3.1 killed",
      "3.2 open",
    ]);
    expect(history.faults.map(({ kind, isOpen }) => `${kind} ${isOpen}`)).toEqual(["netem false"]);
    const trips = history.story.trips.all;
    const causes = new Set(trips.flatMap((trip) => findLosses(history, trip).map(({ cause }) => cause)));
    expect(causes.has("lost")).toBe(true);
    expect(causes.has("down")).toBe(true);
    expect(trips.some(({ doubles }) => doubles.length > 0)).toBe(true);
    expect(history.story.holds.all.map(({ node, released }) => [node, released?.kind])).toEqual([[3, "hold"]]);
  });

  it("must keep to the rules of each format", () => {
    expect(findShivizComplaints(FORMATS.shiviz?.render(journal, {}) ?? "")).toEqual([]);
    expect(findMermaidComplaints(exportMermaid(journal, { linesMax: 1_000, spanMs: 60_000 }))).toEqual([]);
    expect(findTraceComplaints(exportPerfetto(journal))).toEqual([]);
    expect(findXmlComplaints(exportSvg(journal, { heartbeats: true }))).toEqual([]);
    OtlpRequest.parse(JSON.parse(exportOtlp(journal)));
  });

  it("must give a table with a row for each line", () => {
    const [head = [], ...rows] = parseCsv(exportCsv(journal));
    expect(rows.length).toBe(journal.entries.length);
    const at = (row: readonly string[], name: string) => row[head.indexOf(name)];
    const paid = rows.find((row) => at(row, "kind") === "trade" && at(row, "outcome") === "committed") ?? [];
    expect([at(paid, "node"), at(paid, "balance"), at(paid, "vc")]).toEqual(["1", "70", '{"1":1,"2":0,"3":0}']);
  });

  it("must give one trace for each trade, with a span for payer, payee and who else delivered it", () => {
    const { resourceSpans } = OtlpRequest.parse(JSON.parse(exportOtlp(journal)));
    expect(resourceSpans.length).toBe(3);
    const spans = resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
    const traces = Map.groupBy(spans, ({ traceId }) => traceId);
    expect(traces.size).toBe(3);
    for (const trace of traces.values()) {
      expect(trace.map(({ name }) => name).sort()).toEqual(["deliver", "trade payee", "trade payer"]);
      const root = trace.filter(({ parentSpanId }) => parentSpanId === undefined);
      expect(root.map(({ name }) => name)).toEqual(["trade payer"]);
      expect(trace.every(({ parentSpanId }) => parentSpanId === undefined || parentSpanId === root[0]?.spanId)).toBe(
        true,
      );
    }
  });

  it("must show a later election rather than the first one, which every run has, or what was asked for", () => {
    const history = readChronicle(journal);
    const atMs = (text: string) => history.moments.find((moment) => moment.text === text)?.atMs ?? Number.NaN;
    const killedMs = atMs("killed");
    const chosen = chooseWindow(history, 600);
    expect(chosen.toMs - chosen.fromMs).toBeLessThanOrEqual(600);
    expect(atMs("leads, term 1")).toBeLessThan(chosen.fromMs);
    expect(atMs("leads, term 3")).toBeGreaterThan(chosen.fromMs);
    const around = chooseWindow(history, 100, history.nodes, killedMs);
    expect(killedMs).toBeGreaterThanOrEqual(around.fromMs);
    expect(killedMs).toBeLessThanOrEqual(around.toMs);
  });
});

describe("a diagram of a busy run", () => {
  const told = (text: string) =>
    text.split("\n").filter((line) => line.startsWith("  N") && !/: from | more left out$/.test(line));

  it.each([60, 12, 3, 1])("must show what made it interesting when %i lines have room", (linesMax) => {
    const texts = told(exportMermaid(journal, { linesMax }));
    expect(texts.length).toBe(linesMax);
    // Elections weigh most in this run.
    expect(texts.join("\n")).toMatch(/leads, term [23]/);
  });

  it("must show any line that it is to show, and nothing else if only one has room", () => {
    for (const around of journal.entries) {
      const texts = told(exportMermaid(journal, { around: structuredClone(around), linesMax: 1 }));
      expect(texts.length, around.msg).toBe(1);
    }
    const delivery = journal.entries.find(({ kind }) => kind === "deliver") as Entry;
    const [only = ""] = told(exportMermaid(journal, { around: delivery, linesMax: 1 }));
    expect(only).toContain(`N${delivery.node}: ${delivery.msg.split(/[^\w ]/)[0]}`);
  });

  it("must give room to deaths and elections before everyday messages, wherever those are", () => {
    const killed = journal.entries.findIndex(({ kind, role }) => kind === "election" && role === "COORDINATOR");
    const sends = journal.entries.filter(({ kind }) => kind === "send");
    const busy = Array.from({ length: 40 }, (_, round) =>
      sends.map((entry) => ({ ...entry, seq: entry.seq + 10_000 * (round + 1), id: `${entry.id}-${round}` })),
    ).flat();
    expect(killed).toBeGreaterThan(0);
    const crowded = { ...journal, entries: [...journal.entries, ...busy].sort((a, b) => a.time - b.time) };
    const text = exportMermaid(crowded, { heartbeats: true });
    for (const term of [2, 3]) expect(text).toContain(`leads, term ${term}`);
    expect(text).toContain("killed");
    expect(text).toMatch(/\d{3,} more left out/);
  });
});

describe("what would be an empty file", () => {
  it.each([
    [{ nodes: [9] }, "lines", /no line of a node was selected \(the journal has \d+ lines of nodes 1,2,3 in /],
    [{ fromMs: 3_600_000 }, "messages", /no line of a node was selected/],
    [{ toMs: 1 }, "trades", /no trade was selected/],
  ] as const)("%j must be refused for %s", (options, shows, said) => {
    expect(() => requireSome(journal, options, shows)).toThrow(said);
  });

  it("must not be seen where something is", () => {
    for (const { shows } of Object.values(FORMATS))
      expect(() => requireSome(journal, { nodes: [1] }, shows)).not.toThrow();
    const empty = { ...journal, entries: [] };
    expect(() => requireSome(empty, {}, "lines")).toThrow("the journal is empty");
  });
});

describe("the space-time layout", () => {
  it("must put every arrival below its sending, and a node's events one below the other", () => {
    const { arrows, marks, columns } = layOutSpaceTime(readChronicle(journal), { heartbeats: true });
    expect(arrows.length).toBeGreaterThan(100);
    for (const { y0, y1, trip } of arrows) expect(y1, trip.id).toBeGreaterThan(y0);
    for (const { node } of columns) {
      const ys = marks.filter(({ moment }) => moment.node === node).map(({ y }) => y);
      expect(new Set(ys).size).toBe(ys.length);
    }
  });

  it("must count the heartbeats and probes that it doesn't draw", () => {
    const { quiets, arrows } = layOutSpaceTime(readChronicle(journal));
    expect(quiets.reduce((sum, { probes }) => sum + probes, 0)).toBeGreaterThan(50);
    expect(arrows.filter(({ kind }) => kind === "probe" || kind === "heartbeat")).toEqual([]);
  });

  it("must keep within the window and the nodes that were asked for", () => {
    const layout = layOutSpaceTime(readChronicle(journal), { fromMs: 100, toMs: 600, nodes: [1, 2] });
    expect(layout.columns.map(({ node }) => node)).toEqual([1, 2]);
    for (const { trip, to } of layout.arrows) {
      expect([1, 2]).toContain(to);
      expect(trip.sentAtMs).toBeGreaterThanOrEqual(100);
    }
    for (const { y } of layout.marks) expect(y).toBeLessThanOrEqual(layout.bottom);
  });
});

describe("every format", () => {
  it.each(Object.keys(FORMATS))("must have something to say of a journal without a line: %s", (name) => {
    const empty = assembleJournal(journal.facts, []);
    expect(FORMATS[name]?.render(empty, {}).length).toBeGreaterThan(0);
  });

  it(`must survive any journal, and keep its rules (EXPORT_SEED=${SEED})`, { timeout: 30_000 }, () => {
    fc.assert(
      fc.property(fc.array(anyLine(), { maxLength: 40 }), (lines) => {
        const any: Journal = assembleJournal(journal.facts, lines);
        expect(findMermaidComplaints(exportMermaid(any))).toEqual([]);
        expect(findTraceComplaints(exportPerfetto(any))).toEqual([]);
        expect(findXmlComplaints(exportSvg(any, { heartbeats: true }))).toEqual([]);
        OtlpRequest.parse(JSON.parse(exportOtlp(any)));
        expect(parseCsv(exportCsv(any)).length).toBe(any.entries.length + 1);
      }),
      { numRuns: 60, seed: SEED },
    );
  });
});

/** Lines of every kind with fields that fit together or don't, and words that break what doesn't escape them. */
function anyLine(): fc.Arbitrary<Entry> {
  const node = fc.integer({ min: 1, max: 3 });
  const id = fc
    .tuple(node, fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 5 }))
    .map(([a, b, c]) => `${a}-${b}.${c}`);
  const own = fc.record({
    node,
    inc: fc.integer({ min: 0, max: 3 }),
    seq: fc.integer({ min: 1, max: 40 }),
    time: fc.integer({ min: 1_700_000_000_000, max: 1_700_000_009_000 }),
    mono: fc.nat(100),
    kind: fc.constantFrom(
      "send",
      "recv",
      "drop",
      "duplicate",
      "deliver",
      "hold",
      "trade",
      "member",
      "election",
      "state",
      "local",
    ),
    level: fc.constantFrom("info", "error"),
    msg: fc.string({ unit: "binary", maxLength: 12 }),
  });
  const more = fc.record(
    {
      id,
      type: fc.constantFrom("HEARTBEAT", "TRADE_CONFIRM", "ELECTION", "NEW_TYPE"),
      from: node,
      to: node,
      peer: node,
      state: fc.constantFrom("ALIVE", "SUSPECTED", "FAILED"),
      role: fc.constantFrom("COORDINATOR", "CANDIDATE", "FOLLOWER"),
      term: fc.nat(3),
      elected: fc.boolean(),
      coordinator: fc.option(node),
      amount: fc.nat(30),
      balance: fc.nat(100),
      record_seq: fc.integer({ min: 1, max: 3 }),
      outcome: fc.constantFrom("committed", "refused"),
      vc: fc.constant({ "1": 1 }),
    },
    { requiredKeys: [] },
  );
  const action = fc.oneof(
    fc.record({ action: fc.constant("kill"), nodes: fc.array(node, { maxLength: 2 }), signal: fc.constant("SIGKILL") }),
    fc.record({ action: fc.constant("pause"), nodes: fc.array(node, { maxLength: 2 }), untilMs: fc.constant(null) }),
    fc.record({ action: fc.constant("heal"), healed: fc.constant(["f1"]), plugged: fc.constant([]) }),
    fc.record({ action: fc.constant("unplug"), fault: fc.constant("f1"), nodes: fc.array(node, { maxLength: 2 }) }),
  );
  return fc.oneof(
    fc.tuple(own, more).map(([line, rest]) => ({ ...line, ...rest }) as Entry),
    fc.tuple(own, action).map(([line, rest]) => ({ ...line, ...rest, node: 0, inc: 0, kind: "fault" }) as Entry),
  );
}
