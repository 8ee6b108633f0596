/**
 * Other versions of Node must play the same seeds alike. They come from the registry, so this is an extended test
 * (`npm test -- --all`); every push compares the golden transcripts in each supported version (.github/workflows/ci.yml).
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { build } from "esbuild";
import { expect, it } from "vitest";
import { readScenarios } from "../../build.mjs";
import { isExtended } from "../support/extended.ts";

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

/** The journals' names of the playground's runs: all scenarios, and random actions. */
function playByHand(command: string, args: readonly string[]): string {
  return execFileSync(command, [...args, BUNDLE], { cwd: ROOT, encoding: "utf8" });
}

/** Older versions don't know all of the sources' language. */
const BUNDLE = join(ROOT, ".test-artifacts/played-runs.mjs");

it.skipIf(!isExtended).each(["22", "24"])(
  "Node %s must play them as this one does",
  { timeout: 300_000 },
  async (version) => {
    const node = ["--yes", "--package", `node@${version}`, "node"];
    const other = play("npx", node);
    expect(other).toEqual(play(process.execPath, []));
    await build({
      entryPoints: [join(ROOT, "test/support/print-played-runs.ts")],
      outfile: BUNDLE,
      ...{ bundle: true, platform: "node", target: "node22", format: "esm", packages: "external" },
      define: { SHIPPED_SCENARIOS: JSON.stringify(await readScenarios()) },
    });
    const byHand = playByHand("npx", node);
    expect(byHand.split("\n").length).toBeGreaterThan(80);
    expect(byHand).toEqual(playByHand(process.execPath, []));
  },
);
