/**
 * The time in which a lab lives: the machine's, or the simulator's. Code that waits for nodes waits by the clock of their engine.
 */
import type { LabError } from "./lab-error.ts";
import { interrupted } from "./lab-error.ts";

export interface LabClock {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Milliseconds since 1970, as the nodes' wall clocks show them. */
  wallMs(): number;
  /** Runs `run` after `delayMs`; what is returned takes it back. */
  after(delayMs: number, run: () => void): () => void;
  /** Why time has come to an end (a simulated world that broke a promise): every timer is due then. Null: it goes on. */
  readonly failure: LabError | null;
}

export const REAL_CLOCK: LabClock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  failure: null,
  after(delayMs, run) {
    // What is due already: Node warns of a negative delay, on the user's terminal.
    const timer = setTimeout(run, Math.max(0, delayMs));
    return () => clearTimeout(timer);
  },
};

/** @throws LabError("interrupted") when the signal ends it; the clock's failure when time itself ends */
export function sleep(clock: LabClock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      cancel();
      reject(interrupted());
    };
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener("abort", onAbort);
      if (clock.failure === null) resolve();
      else reject(clock.failure);
    });
    if (signal?.aborted) onAbort();
    else signal?.addEventListener("abort", onAbort, { once: true });
  });
}
