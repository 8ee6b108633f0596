import { describe, expect, test } from "vitest";
import { createFaultDesk, createMemoryShelf } from "../../node/runtime/fault-desk.ts";
import { createImpairments, type Impairments } from "../../node/runtime/impairments.ts";
import { Impairment, type ImpairmentRule } from "../../node/wire/control.ts";
import { HEADER_BYTES, sealDatagram } from "../../node/wire/envelope.ts";

const authenticator = { tag: () => new Uint8Array(16), verify: () => "ok" as const };

/** A packet of node `source` with `packetSeq` `number`. */
function packet(source: number, number = 1, bodyBytes = 58): Uint8Array {
  const header = {
    control: false,
    keyId: 0,
    sender: source,
    incarnation: 1,
    bootId: "0".repeat(16),
    packetSeq: number,
  };
  return sealDatagram(header, new Uint8Array(bodyBytes), authenticator);
}

function rule(source: number | null, impairment: Partial<Impairment>, untilMs: number | null = null): ImpairmentRule {
  return { id: `r${source}`, source, impairment: Impairment.parse(impairment), untilMs };
}

class Bench {
  nowMs = 0;
  readonly arrived: { source: number; number: number; atMs: number }[] = [];
  readonly counters = new Map<string, number>();
  readonly #due: { run: () => void; atMs: number }[] = [];
  readonly shim: Impairments = createImpairments({
    deliver: (datagram) => {
      const view = new DataView(datagram.buffer);
      this.arrived.push({ source: view.getUint16(6), number: view.getUint32(HEADER_BYTES - 4), atMs: this.nowMs });
    },
    count: (name) => this.counters.set(name, (this.counters.get(name) ?? 0) + 1),
    seed: 42,
    nowMs: () => this.nowMs,
    wallNowMs: () => 1_000_000 + this.nowMs,
    schedule: (run, delayMs) => this.#due.push({ run, atMs: this.nowMs + delayMs }),
  });

  runUntil(ms: number): void {
    for (const timer of this.#due.splice(0).sort((a, b) => a.atMs - b.atMs)) {
      this.nowMs = Math.max(this.nowMs, timer.atMs);
      timer.run();
    }
    this.nowMs = Math.max(this.nowMs, ms);
  }
}

describe("the receive-side fault shim", () => {
  test("must pass everything at once when there is no rule", () => {
    const bench = new Bench();
    bench.shim.receive(packet(2), "a:1");
    expect(bench.arrived).toHaveLength(1);
  });

  test("must cut the named source and nobody else", () => {
    const bench = new Bench();
    bench.shim.replace(1, [rule(2, { cut: true })]);
    bench.shim.receive(packet(2), "a:1");
    bench.shim.receive(packet(3), "a:1");
    expect(bench.arrived.map((arrival) => arrival.source)).toEqual([3]);
    expect(bench.counters.get("impaired_cut")).toBe(1);
  });

  test("must cut every peer when no source is named", () => {
    const bench = new Bench();
    bench.shim.replace(1, [rule(null, { cut: true })]);
    for (const source of [2, 3, 4]) bench.shim.receive(packet(source), "a:1");
    expect(bench.arrived).toEqual([]);
  });

  test("must lose, duplicate and delay in the given shares", () => {
    const bench = new Bench();
    bench.shim.replace(1, [rule(2, { loss: 0.3, duplicate: 0.1, delayMs: 100, jitterMs: 20 })]);
    for (let i = 1; i <= 2000; i++) bench.shim.receive(packet(2, i), "a:1");
    bench.runUntil(1000);
    const numbers = new Set(bench.arrived.map((arrival) => arrival.number));
    expect(numbers.size).toBeGreaterThan(1300);
    expect(numbers.size).toBeLessThan(1500);
    const doubles = bench.arrived.length - numbers.size;
    expect(doubles / numbers.size).toBeCloseTo(0.1, 1);
    const delays = bench.arrived.map((arrival) => arrival.atMs);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(80);
    expect(Math.max(...delays)).toBeLessThanOrEqual(120);
  });

  test("must let reordered packets overtake delayed ones", () => {
    const bench = new Bench();
    bench.shim.replace(1, [rule(2, { delayMs: 50, reorder: 0.25 })]);
    for (let i = 1; i <= 400; i++) bench.shim.receive(packet(2, i), "a:1");
    const early = bench.arrived.length;
    expect(early).toBeGreaterThan(60);
    expect(early).toBeLessThan(140);
    bench.runUntil(100);
    expect(bench.arrived).toHaveLength(400);
  });

  test("must keep to the rate, queue what fits two seconds and drop the rest", () => {
    const bench = new Bench();
    bench.shim.replace(1, [rule(2, { rateBps: 8_000 })]);
    for (let i = 1; i <= 100; i++) bench.shim.receive(packet(2, i), "a:1");
    bench.runUntil(10_000);
    // 100 B at 1,000 B/s: one packet every 100 ms, 20 of them queued and one on the line.
    expect(bench.arrived).toHaveLength(21);
    expect(bench.arrived.map((arrival) => arrival.atMs)).toEqual(Array.from({ length: 21 }, (_, i) => 100 * (i + 1)));
    expect(bench.counters.get("impaired_rate_dropped")).toBe(79);
  });

  test("must end a timed rule by itself", () => {
    const bench = new Bench();
    bench.shim.replace(1, [rule(2, { cut: true }, 1_000_500)]);
    bench.shim.receive(packet(2), "a:1");
    expect(bench.arrived).toEqual([]);
    bench.nowMs = 501;
    bench.shim.receive(packet(2), "a:1");
    expect(bench.arrived).toHaveLength(1);
    expect(bench.shim.list()).toEqual([]);
  });

  test("must draw the same fates from the same seed", () => {
    const run = (): number[] => {
      const bench = new Bench();
      bench.shim.replace(1, [rule(2, { loss: 0.5 })]);
      for (let i = 1; i <= 100; i++) bench.shim.receive(packet(2, i), "a:1");
      return bench.arrived.map((arrival) => arrival.number);
    };
    expect(run()).toEqual(run());
  });
});

describe("the fault desk", () => {
  const desk = () => createFaultDesk({ impairments: new Bench().shim, shelf: createMemoryShelf(), note: () => {} });
  const impair = (generation: number, follows?: number[]) => ({
    op: "impair" as const,
    request_id: "r",
    generation,
    follows,
    rules: [],
    part: 0,
    parts: 1,
  });

  test.each([
    ["the first list", [], impair(5, []), true],
    ["the same list again", [impair(5)], impair(5, []), true],
    ["a list that follows the one in force", [impair(5)], impair(9, [3, 5]), true],
    ["a newer list of somebody who doesn't know the one in force", [impair(5)], impair(9, [3]), false],
    ["a recording of an older list", [impair(5), impair(9, [5])], impair(5, [3]), false],
    ["a newer list of a client that names none", [impair(5)], impair(6), true],
    ["an older list of such a client", [impair(5)], impair(4), false],
  ])("must judge %s by the list that it follows", (_what, before, request, taken) => {
    const one = desk();
    for (const earlier of before) expect(one.onImpair(earlier)).toMatchObject({ ok: true });
    expect(one.onImpair(request)).toMatchObject(taken ? { ok: true } : { ok: false, code: "STALE" });
  });
});
