import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Effect, Input } from "../../node/core/kernel/types.ts";
import { createDriver, type Driver } from "../../node/runtime/driver.ts";
import type { WriteDone } from "../../node/runtime/ports.ts";
import { PROCESS_SCHEDULE } from "../../node/runtime/process-ports.ts";
import { createSendQueue } from "../../node/runtime/send-queue.ts";

class Bench {
  readonly inputs: { input: Input; nowMs: number }[] = [];
  readonly performed: Effect[] = [];
  readonly persisted: number[] = [];
  private readonly writes = new Map<number, WriteDone>();
  readonly answers = new Map<string, Effect[]>();
  onPerform: () => void = () => {};
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
    store: {
      persist: (writeId, _rows, done) => {
        this.persisted.push(writeId);
        this.writes.set(writeId, done);
      },
    },
    perform: (effect) => {
      this.performed.push(effect);
      this.onPerform();
    },
    freezeMs: 250,
    clock: { nowMs: () => this.nowMs },
    schedule: PROCESS_SCHEDULE,
  });

  /** The disk is done with a write. */
  settle(writeId: number, failure: string | null = null): void {
    this.writes.get(writeId)?.(failure);
  }

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
    bench.settle(1);
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
    bench.settle(1, "disk full");
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

  test("must carry out nothing more of a step in which it was stopped", () => {
    const bench = new Bench();
    bench.answers.set("start", [say("last"), { type: "persist", writeId: 1, rows: [] }, say("never")]);
    bench.onPerform = () => bench.driver.stop();
    bench.driver.feed({ type: "start" });
    expect(bench.performed).toEqual([say("last")]);
    expect(bench.persisted).toEqual([]);
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
  function openQueue(perTurn: number, queuedMax: number) {
    const sent: number[] = [];
    const refused: number[] = [];
    let pushed = 0;
    const queue = createSendQueue({
      socket: { sendGroup: ([first]) => sent.push(first ?? -1), sendTo: ([first]) => sent.push(first ?? -1) },
      schedule: PROCESS_SCHEDULE,
      onFull: () => refused.push(pushed),
      perTurn,
      queuedMax,
    });
    const push = (n: number): void => {
      pushed = n;
      if (n % 2 === 0) queue.sendGroup(Uint8Array.of(n));
      else queue.sendTo(Uint8Array.of(n), "10.0.0.1:6001");
    };
    return { queue, sent, refused, push };
  }

  test("must send few at once and a burst in order over several turns", async () => {
    const { queue, sent, push } = openQueue(3, 100);
    for (let i = 0; i < 10; i++) push(i);
    expect(sent).toEqual([0, 1, 2]);
    await nextTurn();
    expect(sent).toEqual([0, 1, 2, 3, 4, 5]);
    while (queue.length > 0) await nextTurn();
    expect(sent).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test("must refuse what doesn't fit, and empty itself on request", () => {
    const { queue, sent, refused, push } = openQueue(1, 2);
    for (let i = 0; i < 4; i++) push(i);
    expect(refused).toEqual([3]);
    queue.flush();
    expect(sent).toEqual([0, 1, 2]);
  });
});
