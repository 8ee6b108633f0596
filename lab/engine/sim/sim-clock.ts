/**
 * Virtual time as the lab's clock: it passes only while somebody waits for it, and then as fast as the machine can play it.
 *
 * Idea: everybody who waits has a timer here. As long as there is one, events of the simulated world are played, up to the first that
 * concerns the lab (its timer, or a datagram to it). Then the lab's own code goes on, in real time, and the world stands still until it
 * waits again. So what a session does depends on its commands and its seed, not on the machine.
 *
 * Somebody may hold the world back (`playTo`): then time passes up to that instant and no further, even if others wait. Events come in the
 * same order, so a run that was watched slowly is the run that nobody watched.
 */
import type { LabClock } from "../../base/lab-clock.ts";
import { LabError } from "../../base/lab-error.ts";
import { NEXT } from "../../base/next.ts";
import { nextTurn } from "../../base/next-turn.ts";
import { type EventQueue, TIME_STEP_MS } from "../../sim/world/event-queue.ts";

/** The first instant of every simulated world: 2026-01-01T00:00:00Z. */
export const EPOCH_MS = 1_767_225_600_000;
/** Events that are played before signals and input get a turn. */
const EVENTS_PER_TURN = 2_000;

export class VirtualClock implements LabClock {
  failure: LabError | null = null;
  readonly #queue: EventQueue;
  readonly #seed: number;
  readonly #waiting = new Set<() => void>();
  #isTurning = false;
  #concernsLab = false;
  /** No later event is played; infinite: nobody holds the world back. */
  #horizonMs = Number.POSITIVE_INFINITY;
  #onHorizon: (() => void) | null = null;
  /** No later event is played in any case; who reaches it is told, and releases the clock. */
  #limit: { readonly atMs: number; readonly onReached: () => void } | null = null;

  constructor(queue: EventQueue, seed: number) {
    this.#queue = queue;
    this.#seed = seed;
  }

  /** Something broke the world: time stands still from here on, and all who wait are told. */
  fail(cause: unknown): void {
    const [first = ""] = String(cause instanceof Error ? cause.message : cause).split("\n");
    this.failure ??= new LabError(
      "invariantViolated",
      `a promise was broken: ${first}`,
      NEXT.openSimShell(this.#seed),
      { cause },
    );
  }

  nowMs(): number {
    return this.#queue.nowMs;
  }

  wallMs(): number {
    return EPOCH_MS + Math.floor(this.#queue.nowMs);
  }

  after(delayMs: number, run: () => void): () => void {
    const fire = () => {
      if (!this.#waiting.delete(fire)) return;
      this.#concernsLab = true;
      run();
    };
    const event = this.#queue.after(delayMs, fire);
    this.#waiting.add(fire);
    this.#turnSoon();
    return () => {
      this.#waiting.delete(fire);
      this.#queue.cancel(event);
    };
  }

  /** Plays `run` after `delayMs` of virtual time if time gets that far; nobody waits for it. */
  schedule(delayMs: number, run: () => void): void {
    this.#queue.after(delayMs, run);
  }

  /**
   * From now on the world is held back: it plays all up to and with `atMs`, then stands still. Resolves there, when the lab has
   * nothing to do at that instant either, or when time has come to an end (`failure`).
   */
  playTo(atMs: number): Promise<void> {
    this.#horizonMs = Math.floor(atMs / TIME_STEP_MS) * TIME_STEP_MS;
    this.#onHorizon?.();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onHorizon = resolve;
    this.#turnSoon();
    return promise;
  }

  /** The world stands still at this very event: even what is due at the same instant comes only after the next `playTo`. */
  hold(): void {
    this.#horizonMs = Number.NEGATIVE_INFINITY;
    this.#arrive();
  }

  /** Nobody holds the world back any more. */
  release(): void {
    this.#horizonMs = Number.POSITIVE_INFINITY;
    this.#limit = null;
    this.#arrive();
    this.#turnSoon();
  }

  /** Time passes as ever while somebody waits, up to this instant. Then `onReached` has to release the clock. */
  limit(atMs: number, onReached: () => void): void {
    this.#limit = { atMs, onReached };
  }

  /** Instant of the next event, the lab's own timers included; null: there is none. */
  get nextAtMs(): number | null {
    return this.#queue.nextAtMs();
  }

  /** Something for the lab has arrived: its code comes before further events. */
  interrupt(): void {
    this.#concernsLab = true;
  }

  /** Promises that were settled, and what they lead to, come first: two turns of the event loop. */
  #turnSoon(): void {
    if (this.#isTurning) return;
    this.#isTurning = true;
    nextTurn(() => nextTurn(() => this.#turn()));
  }

  #turn(): void {
    this.#isTurning = false;
    this.#concernsLab = false;
    try {
      for (let i = 0; i < EVENTS_PER_TURN && this.#isWanted() && !this.#concernsLab; i++) {
        if (this.failure !== null) for (const fire of [...this.#waiting]) fire();
        const limitMs = this.#limit?.atMs ?? Number.POSITIVE_INFINITY;
        if (this.failure !== null || !this.#queue.runNext(Math.min(this.#horizonMs, limitMs))) this.#arrive();
      }
    } catch (error) {
      this.fail(error);
    }
    if (this.#isWanted()) this.#turnSoon();
  }

  #isWanted(): boolean {
    return this.#onHorizon !== null || (this.#horizonMs === Number.POSITIVE_INFINITY && this.#waiting.size > 0);
  }

  #arrive(): void {
    if (this.#limit !== null && this.#queue.nowMs >= this.#limit.atMs) {
      this.#limit.onReached();
      return;
    }
    this.#onHorizon?.();
    this.#onHorizon = null;
  }
}
