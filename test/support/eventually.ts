// Waiting in tests: until something holds, with a deadline, never for a fixed time.
import { setTimeout as sleep } from "node:timers/promises";

/** Software-emulated machines are many times slower; LAB_TEST_TIME_FACTOR says how much. */
export const timeFactor = Number(process.env.LAB_TEST_TIME_FACTOR ?? 1);

/**
 * Repeats `attempt` until it neither throws nor returns false; resolves to its result.
 * @throws what the last attempt threw, when the deadline passes
 */
export async function eventually<T>(attempt: () => T | Promise<T>, timeoutMs = 10_000): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs * timeFactor;
  for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 2, 100)) {
    let failure: unknown;
    try {
      const result = await attempt();
      if (result !== false) return result;
      failure = new Error(`still false after ${timeoutMs * timeFactor} ms: ${attempt}`);
    } catch (error) {
      failure = error;
    }
    if (performance.now() > deadlineMs) throw failure;
    await sleep(pauseMs);
  }
}

/** Repeats `probe` until it gives something other than null, undefined and false; `what` names it when the deadline passes. */
export function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  timeoutMs = 10_000,
): Promise<NonNullable<Exclude<T, false>>> {
  return eventually(async () => {
    const value = await probe();
    if (value === null || value === undefined || value === false)
      throw new Error(`not within ${timeoutMs} ms: ${what}`);
    return value as NonNullable<Exclude<T, false>>;
  }, timeoutMs);
}
