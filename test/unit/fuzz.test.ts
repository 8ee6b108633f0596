// Arbitrary bytes for the codec and arbitrary inputs for the core (test/fuzz), drawn and shrunk by fast-check; and whatever a
// coverage-guided run (npm run fuzz) once found worth keeping.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fuzzCodec } from "../fuzz/codec-target.ts";
import { fuzzCore } from "../fuzz/core-target.ts";
import { testSeed } from "../support/test-seed.ts";

const FOLDER = join(import.meta.dirname, "../fuzz/corpus");
/** `FUZZ_SEED` replays a run, `FUZZ_RUNS` makes it longer. */
const seed = testSeed("FUZZ_SEED", 1);
const factor = Number(process.env.FUZZ_RUNS ?? 1);

const targets = [
  { name: "codec", run: fuzzCodec, runs: 3_000, bytesMax: 600 },
  { name: "core", run: fuzzCore, runs: 600, bytesMax: 3_000 },
] as const;

describe.each(targets)("the $name", ({ name, run, runs, bytesMax }) => {
  const replay = `FUZZ_SEED=${seed} FUZZ_RUNS=${factor} npx vitest run --project unit test/unit/fuzz.test.ts -t ${name}`;

  test(`must keep its promises whatever comes (replay: ${replay})`, { timeout: 60_000 * factor }, () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: bytesMax, size: "max" });
    fc.assert(fc.property(bytes, run), { seed, numRuns: Math.round(runs * factor) });
  });

  const files = readdirSync(join(FOLDER, name));
  test(`must keep its promises for all ${files.length} inputs of the corpus`, () => {
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const bytes = readFileSync(join(FOLDER, name, file));
      expect(() => run(bytes), file).not.toThrow();
    }
  });
});
