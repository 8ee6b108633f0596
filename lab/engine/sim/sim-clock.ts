/**
 * Virtual time as the lab's clock: it passes only while somebody waits for it, and then as fast as the machine can play it.
 *
 * Idea: everybody who waits has a timer here. As long as there is one, events of the simulated world are played, up to the first that
 * concerns the lab (its timer, or a datagram to it). Then the lab's own code goes on, in real time, and the world stands still until it
 * waits again. So what a session does depends on its commands and its seed, not on the machine.
 */
import type { LabClock } from "../../base/lab-clock.ts";
import { LabError } from "../../base/lab-error.ts";
import { NEXT } from "../../base/next.ts";
import type { EventQueue } from "../../sim/world/event-queue.ts";

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

  /** Something for the lab has arrived: its code comes before further events. */
  interrupt(): void {
    this.#concernsLab = true;
  }

  /** Promises that were settled, and what they lead to, come first: two turns of the event loop. */
  #turnSoon(): void {
    if (this.#isTurning) return;
    this.#isTurning = true;
    setImmediate(() => setImmediate(() => this.#turn()));
  }

  #turn(): void {
    this.#isTurning = false;
    this.#concernsLab = false;
    try {
      for (let i = 0; i < EVENTS_PER_TURN && this.#waiting.size > 0 && !this.#concernsLab; i++) {
        if (this.failure !== null) for (const fire of [...this.#waiting]) fire();
        else this.#queue.runNext(Number.POSITIVE_INFINITY);
      }
    } catch (error) {
      this.fail(error);
    }
    if (this.#waiting.size > 0) this.#turnSoon();
  }
}
