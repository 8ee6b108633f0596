// The core's table of timers: what fires when, and that a timer's kind and key are checked by the compiler.
import { describe, expect, test } from "vitest";
import {
  cancelTimer,
  createTimers,
  delayTimer,
  fireTimer,
  hasTimer,
  nextTimeoutMs,
  setTimer,
  type TimerHandlers,
  takeDue,
} from "../../node/core/kernel/timers.ts";
import { CoreNode } from "../support/core-node.ts";

describe("timers", () => {
  test("must fire by deadline, and equal deadlines in the order in which they were set", () => {
    const timers = createTimers();
    setTimer(timers, "nak", 3, 20);
    setTimer(timers, "pull", "", 10);
    setTimer(timers, "nak", 1, 20);
    expect(nextTimeoutMs(timers)).toBe(10);
    const fired = [];
    for (let due = takeDue(timers, 20); due !== null; due = takeDue(timers, 20)) fired.push([due.kind, due.key]);
    expect(fired).toEqual([
      ["pull", ""],
      ["nak", 3],
      ["nak", 1],
    ]);
    expect(nextTimeoutMs(timers)).toBeNull();
  });

  test("must fire once after being moved, and never after being cancelled", () => {
    const timers = createTimers();
    setTimer(timers, "offer", "1-2-1.1", 10);
    setTimer(timers, "offer", "1-2-1.1", 30);
    setTimer(timers, "beat", "", 15);
    delayTimer(timers, "beat", "", 5);
    setTimer(timers, "quorum", "", 5);
    cancelTimer(timers, "quorum", "");
    expect([hasTimer(timers, "beat", ""), hasTimer(timers, "quorum", "")]).toEqual([true, false]);
    expect(takeDue(timers, 19)).toBeNull();
    expect(takeDue(timers, 40)?.kind).toBe("beat");
    expect(takeDue(timers, 40)?.kind).toBe("offer");
    expect(takeDue(timers, 40)).toBeNull();
  });

  test("must reach the handler of their kind with their key; a rate limit has none", () => {
    const { state } = new CoreNode(1);
    const heard: number[] = [];
    const handlers: TimerHandlers<"nak"> = { nak: (_state, origin) => heard.push(origin) };
    fireTimer(handlers, state, { kind: "nak", key: 7, atMs: 1, seq: 1, isLive: false });
    fireTimer(handlers, state, { kind: "told", key: 8, atMs: 1, seq: 2, isLive: false });
    expect(heard).toEqual([7]);
  });

  test("must not compile with a kind or a key that doesn't exist", () => {
    const timers = createTimers();
    // @ts-expect-error: a misspelt kind
    setTimer(timers, "suspision", 3, 10);
    // @ts-expect-error: the key of a suspicion is a node
    setTimer(timers, "suspicion", "three", 10);
    // @ts-expect-error: there is one heartbeat only
    cancelTimer(timers, "beat", 2);
    // @ts-expect-error: a rate limit has no handler
    const handlers: TimerHandlers<"told"> = { told: () => undefined };
    expect([handlers, timers].length).toBe(2);
  });
});
