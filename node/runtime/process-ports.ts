/** The clock and the timers of a real process, as the ports that the shell takes. */
import type { Clock, Schedule } from "./ports.ts";

export const PROCESS_CLOCK: Clock = { nowMs: () => performance.now(), wallMs: () => Date.now() };

export const PROCESS_SCHEDULE: Schedule = {
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
  every(intervalMs, run) {
    const timer = setInterval(run, intervalMs);
    return () => clearInterval(timer);
  },
  atTurnEnd: (run) => void setImmediate(run),
};
