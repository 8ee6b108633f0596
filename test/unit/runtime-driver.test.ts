import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Effect, Input } from "../../node/core/kernel/types.ts";
import { createDriver, type Driver } from "../../node/runtime/driver.ts";
import { createSendQueue } from "../../node/runtime/send-queue.ts";

class Bench {
  readonly inputs: { input: Input; nowMs: number }[] = [];
  readonly performed: Effect[] = [];
  readonly persisted: number[] = [];
  readonly answers = new Map<string, Effect[]>();
  deadlineMs: number | null = null;
  nowMs = 0;
  readonly driver: Driver = createDriver({
    machine: {
      step: (input, nowMs) => {
        this.inputs.push({ input, nowMs });
        return this.answers.get(input.type) ?? [];
      },
      nextDeadlineMs: () => this.deadlineMs,
    },
    persist: (effect) => this.persisted.push(effect.writeId),
    perform: (effect) => this.performed.push(effect),
    freezeMs: 250,
    nowMs: () => this.nowMs,
  });

  advance(ms: number): void {
    this.nowMs += ms;
    vi.advanceTimersByTime(ms);
  }

  inputTypes(): string[] {
    return this.inputs.map(({ input }) => input.type);
  }
}

const say = (msg: string, afterWrite?: number): Effect => ({
  type: "journal",
  event: { kind: "local", level: "info", msg },
  ...(afterWrite === undefined ? {} : { afterWrite }),
});

describe("the driver", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] }));
  afterEach(() => void vi.useRealTimers());

  test("must tick at the core's deadline, and not before", () => {
    const bench = new Bench();
    bench.deadlineMs = 40;
    bench.driver.feed({ type: "start" });
    bench.advance(39);
    expect(bench.inputTypes()).toEqual(["start"]);
    bench.deadlineMs = null;
    bench.advance(1);
    expect(bench.inputTypes()).toEqual(["start", "tick"]);
    expect(bench.inputs[1]?.nowMs).toBe(40);
  });

  test("must hold an effect until its write is durable, and send everything else at once", () => {
    const bench = new Bench();
    bench.answers.set("start", [{ type: "persist", writeId: 1, rows: [] }, say("later", 1), say("now")]);
    bench.driver.feed({ type: "start" });
    expect(bench.persisted).toEqual([1]);
    expect(bench.performed).toEqual([say("now")]);
    bench.driver.onStored([1]);
    expect(bench.performed).toEqual([say("now"), say("later", 1)]);
    expect(bench.inputTypes()).toEqual(["start", "stored"]);
    bench.answers.set("tick", [say("of a write that is durable already", 1)]);
    bench.driver.feed({ type: "tick" });
    expect(bench.performed).toHaveLength(3);
  });

  test("must discard what waited for a write that failed", () => {
    const bench = new Bench();
    bench.answers.set("start", [{ type: "persist", writeId: 1, rows: [] }, say("never", 1)]);
    bench.driver.feed({ type: "start" });
    bench.answers.set("storeFailed", [say("never either", 1)]);
    bench.driver.onStoreFailed([1], "disk full");
    expect(bench.performed).toEqual([]);
    expect(bench.inputs.at(-1)?.input).toEqual({ type: "storeFailed", writeId: 1, reason: "disk full" });
  });

  test("must tell of a freeze before anything that queued up meanwhile", () => {
    const bench = new Bench();
    bench.driver.feed({ type: "start" });
    for (let i = 0; i < 20; i++) bench.advance(50);
    expect(bench.inputTypes()).toEqual(["start"]);
    bench.nowMs += 4000;
    bench.driver.feed({ type: "tick" });
    expect(bench.inputs.slice(1).map(({ input }) => input)).toEqual([
      { type: "resumed", frozenMs: 4000 },
      { type: "tick" },
    ]);
  });

  test("must let the watchdog tell of a freeze when nothing else does", () => {
    const bench = new Bench();
    bench.driver.feed({ type: "start" });
    bench.nowMs += 1000;
    vi.advanceTimersByTime(50);
    expect(bench.inputTypes()).toEqual(["start", "resumed"]);
  });

  test("must do nothing any more once it is stopped", () => {
    const bench = new Bench();
    bench.deadlineMs = 10;
    bench.driver.feed({ type: "start" });
    bench.driver.stop();
    bench.advance(1000);
    bench.driver.feed({ type: "tick" });
    expect(bench.inputTypes()).toEqual(["start"]);
  });
});

describe("the send queue", () => {
  test("must send few at once and a burst in order over several turns", async () => {
    const queue = createSendQueue(3, 100);
    const sent: number[] = [];
    for (let i = 0; i < 10; i++) queue.push(() => void sent.push(i));
    expect(sent).toEqual([0, 1, 2]);
    await nextTurn();
    expect(sent).toEqual([0, 1, 2, 3, 4, 5]);
    while (queue.length > 0) await nextTurn();
    expect(sent).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test("must refuse what doesn't fit, and empty itself on request", () => {
    const queue = createSendQueue(1, 2);
    const sent: number[] = [];
    expect([0, 1, 2, 3].map((i) => queue.push(() => void sent.push(i)))).toEqual([true, true, true, false]);
    queue.flush();
    expect(sent).toEqual([0, 1, 2]);
  });
});
