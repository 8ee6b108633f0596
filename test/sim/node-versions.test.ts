/**
 * Other versions of Node must play the same seeds alike. They come from the registry, so this is an extended test
 * (`npm test -- --all`); every push compares the golden transcripts in each supported version (.github/workflows/ci.yml).
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const SEEDS = [1, 7, 42];

/** One line a seed: its journal's fingerprint. */
function play(command: string, args: readonly string[]): string[] {
  return SEEDS.map((seed) => {
    const sim = ["dist/lab.js", "sim", "--seed", `${seed}`, "--trace", "-o", "json"];
    const lines = execFileSync(command, [...args, ...sim], { cwd: ROOT, encoding: "utf8", maxBuffer: 1e9 });
    const { fingerprint } = JSON.parse(lines.trimEnd().split("\n").at(-1) ?? "") as { fingerprint: string };
    return `${seed}: ${fingerprint}`;
  });
}

it.skipIf(process.env.LAB_TEST_ALL === undefined).each(["22", "24"])(
  "Node %s must play them as this one does",
  { timeout: 300_000 },
  (version) => {
    const other = play("npx", ["--yes", "--package", `node@${version}`, "node"]);
    expect(other).toEqual(play(process.execPath, []));
  },
);
