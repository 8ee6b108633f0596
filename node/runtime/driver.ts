/**
 * Drives the pure core: feeds it inputs one at a time with the time, carries out what it answers, and wakes it when its next
 * deadline is due.
 *
 * Effects that wait for a write are held until it is durable, and discarded when it failed; everything else goes at once. When this
 * process did not run for a while (container paused, laptop asleep, starved of CPU) the core hears that first, before its timers and
 * before the datagrams that queued up meanwhile: silence that was our own must not be taken for the death of others. A watchdog
 * notes several times within the shortest freeze that we are alive; whatever is handled first after a gap finds it.
 */
import type { Effect, Input } from "../core/kernel/types.ts";

export interface Machine {
  step(input: Input, nowMs: number): readonly Effect[];
  nextDeadlineMs(): number | null;
}

/** Effects without those that the driver deals with itself. */
export type OuterEffect = Exclude<Effect, { type: "persist" }>;

export interface DriverOptions {
  readonly machine: Machine;
  readonly persist: (effect: Extract<Effect, { type: "persist" }>) => void;
  readonly perform: (effect: OuterEffect) => void;
  /** A gap longer than this is a freeze. */
  readonly freezeMs: number;
  /** Monotonic milliseconds. */
  readonly nowMs?: () => number;
}

export interface Driver {
  /** Not from inside `perform`: a step must end before the next begins. Such inputs wait for their turn. */
  feed(input: Input): void;
  onStored(writeIds: readonly number[]): void;
  onStoreFailed(writeIds: readonly number[], reason: string): void;
  stop(): void;
}

const NOTES_PER_FREEZE = 5;

export function createDriver(options: DriverOptions): Driver {
  const nowMs = options.nowMs ?? (() => performance.now());
  const { machine } = options;
  const held = new Map<number, OuterEffect[]>();
  const failedWrites = new Set<number>();
  /** Writes are durable in the order of their numbers. */
  let storedUpTo = 0;
  let aliveAtMs = nowMs();
  let timer: NodeJS.Timeout | null = null;
  let timerAtMs: number | null = null;
  let waiting: Input[] = [];
  let isStepping = false;
  let isStopped = false;

  const watchdog = setInterval(() => noticeFreeze(), options.freezeMs / NOTES_PER_FREEZE);

  function feed(input: Input): void {
    if (isStopped) return;
    if (isStepping) {
      waiting.push(input);
      return;
    }
    noticeFreeze();
    run(input);
  }

  function run(first: Input): void {
    isStepping = true;
    let next: Input | undefined = first;
    while (next !== undefined && !isStopped) {
      for (const effect of machine.step(next, Math.floor(nowMs()))) carryOut(effect);
      next = waiting.shift();
    }
    isStepping = false;
    arm();
  }

  function noticeFreeze(): void {
    const now = nowMs();
    const frozenMs = now - aliveAtMs;
    aliveAtMs = now;
    if (frozenMs > options.freezeMs && !isStopped && !isStepping)
      run({ type: "resumed", frozenMs: Math.floor(frozenMs) });
  }

  function carryOut(effect: Effect): void {
    if (effect.type === "persist") {
      options.persist(effect);
      return;
    }
    const after = "afterWrite" in effect ? effect.afterWrite : undefined;
    if (after === undefined || after <= storedUpTo) {
      options.perform(effect);
      return;
    }
    if (failedWrites.has(after)) return;
    const others = held.get(after);
    if (others === undefined) held.set(after, [effect]);
    else others.push(effect);
  }

  function arm(): void {
    if (isStopped) return;
    const deadlineMs = machine.nextDeadlineMs();
    if (deadlineMs === timerAtMs && timer !== null) return;
    if (timer !== null) clearTimeout(timer);
    timer = null;
    timerAtMs = deadlineMs;
    if (deadlineMs === null) return;
    timer = setTimeout(
      () => {
        timer = null;
        feed({ type: "tick" });
      },
      Math.max(0, Math.ceil(deadlineMs - nowMs())),
    );
  }

  return {
    feed,
    onStored(writeIds) {
      for (const writeId of writeIds) {
        storedUpTo = Math.max(storedUpTo, writeId);
        const due = held.get(writeId) ?? [];
        held.delete(writeId);
        for (const effect of due) options.perform(effect);
        feed({ type: "stored", writeId });
      }
    },
    onStoreFailed(writeIds, reason) {
      for (const writeId of writeIds) {
        failedWrites.add(writeId);
        held.delete(writeId);
        feed({ type: "storeFailed", writeId, reason });
      }
    },
    stop() {
      isStopped = true;
      waiting = [];
      clearInterval(watchdog);
      if (timer !== null) clearTimeout(timer);
    },
  };
}
