/**
 * The driver feeds the pure core one input at a time, together with the time; it carries out the core's answers and wakes the core
 * when its next deadline is due.
 *
 * It carries out effects in the order in which the core lists them. An effect that waits for a write is held until that write is
 * durable, and discarded if the write failed. If this process did not run for a while (a paused container, a sleeping laptop, no CPU),
 * the core has to know before its timers run and before it reads the queued datagrams: the silence was our own and proves nothing about
 * the others. A watchdog notes the time several times within the shortest freeze; after a gap in these notes the driver feeds `resumed`
 * first.
 *
 * Pure: simulated nodes run the same driver.
 */
import type { Effect, Input } from "../core/kernel/types.ts";
import type { Cancel, Clock, Schedule, StorePort } from "./ports.ts";

export interface Machine {
  step(input: Input, nowMs: number): readonly Effect[];
  nextDeadlineMs(): number | null;
}

/** Effects without those that the driver deals with itself. */
export type OuterEffect = Exclude<Effect, { type: "persist" }>;

export interface DriverOptions {
  readonly machine: Machine;
  readonly store: Pick<StorePort, "persist">;
  readonly clock: Pick<Clock, "nowMs">;
  readonly schedule: Pick<Schedule, "after" | "every">;
  readonly perform: (effect: OuterEffect) => void;
  /** A gap longer than this is a freeze. */
  readonly freezeMs: number;
}

export interface Driver {
  /** An input that comes while a step is carried out waits until that step has ended. */
  feed(input: Input): void;
  /** No more steps. What waits for a write that still becomes durable is carried out. */
  stop(): void;
}

const NOTES_PER_FREEZE = 5;

export function createDriver({ machine, store, clock, schedule, perform, freezeMs }: DriverOptions): Driver {
  const held = createHeldEffects(perform);
  let aliveAtMs = clock.nowMs();
  let wakeUp: { readonly atMs: number; readonly cancel: Cancel } | null = null;
  let waiting: Input[] = [];
  let isStepping = false;
  let isStopped = false;
  const endWatch = schedule.every(freezeMs / NOTES_PER_FREEZE, noticeFreeze);
  return { feed, stop };

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
    for (let next: Input | undefined = first; next !== undefined && !isStopped; next = waiting.shift()) {
      for (const effect of machine.step(next, Math.floor(clock.nowMs()))) if (!isStopped) carryOut(effect);
    }
    isStepping = false;
    if (!isStopped) arm();
  }

  function noticeFreeze(): void {
    const now = clock.nowMs();
    const frozenMs = now - aliveAtMs;
    aliveAtMs = now;
    if (frozenMs > freezeMs && !isStopped && !isStepping) run({ type: "resumed", frozenMs: Math.floor(frozenMs) });
  }

  function carryOut(effect: Effect): void {
    if (effect.type !== "persist") held.performOrHold(effect);
    else store.persist(effect.writeId, effect.rows, (failure) => onWritten(effect.writeId, failure));
  }

  function onWritten(writeId: number, failure: string | null): void {
    held.settle(writeId, failure === null);
    feed(failure === null ? { type: "stored", writeId } : { type: "storeFailed", writeId, reason: failure });
  }

  function arm(): void {
    const deadlineMs = machine.nextDeadlineMs();
    if (wakeUp !== null && wakeUp.atMs === deadlineMs) return;
    wakeUp?.cancel();
    wakeUp = null;
    if (deadlineMs === null) return;
    const delayMs = Math.max(0, Math.ceil(deadlineMs - clock.nowMs()));
    wakeUp = { atMs: deadlineMs, cancel: schedule.after(delayMs, tick) };
  }

  function tick(): void {
    wakeUp = null;
    feed({ type: "tick" });
  }

  function stop(): void {
    isStopped = true;
    waiting = [];
    endWatch();
    wakeUp?.cancel();
  }
}

/** Effects that wait for a write. */
function createHeldEffects(perform: (effect: OuterEffect) => void) {
  const held = new Map<number, OuterEffect[]>();
  const failedWrites = new Set<number>();
  /** Writes become durable in the order of their numbers. */
  let storedUpTo = 0;
  return {
    performOrHold(effect: OuterEffect): void {
      const after = "afterWrite" in effect ? effect.afterWrite : undefined;
      if (after === undefined || after <= storedUpTo) {
        perform(effect);
        return;
      }
      if (failedWrites.has(after)) return;
      const others = held.get(after);
      if (others === undefined) held.set(after, [effect]);
      else others.push(effect);
    },
    settle(writeId: number, isStored: boolean): void {
      const due = held.get(writeId) ?? [];
      held.delete(writeId);
      if (!isStored) {
        failedWrites.add(writeId);
        return;
      }
      storedUpTo = Math.max(storedUpTo, writeId);
      for (const effect of due) perform(effect);
    },
  };
}
