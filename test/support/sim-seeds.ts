/**
 * Randomised simulator tests: one seed after the other, and when one fails, the command that replays exactly that one.
 */

/** `count` seeds from `from` on, or only the one that SIM_SEED names. */
export function seedsTo(count: number, from = 1): number[] {
  const only = process.env.SIM_SEED;
  if (only !== undefined) return [Number(only)];
  return Array.from({ length: count }, (_, index) => from + index);
}

/** Runs the body under each seed; `file` is the test file's path from the root (`test/sim/swarm.test.ts`). */
export function underSeeds(file: string, count: number, body: (seed: number) => void, from = 1): void {
  for (const seed of seedsTo(count, from)) {
    try {
      body(seed);
    } catch (error) {
      const replay = `replay: SIM_SEED=${seed} npx vitest run --project sim ${file}`;
      const message = error instanceof Error ? error.message : String(error);
      throw new Error(`${replay}\n${message}`, { cause: error });
    }
  }
}
