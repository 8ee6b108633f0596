// A journal that lacks lines (rotated away, lost with a full disk, cut out) must never be held against the nodes: of what isn't there no checker
// may conclude that it didn't happen.
import { expect, it } from "vitest";
import { runChecks } from "../../lab/check/checkers.ts";
import type { Entry } from "../../lab/journal/entry.ts";
import { assembleJournal, type Journal } from "../../lab/journal/journal.ts";
import { parseScenario } from "../../lab/scenario/parse-scenario.ts";
import { runScenario } from "../../lab/scenario/run-scenario.ts";
import type { Scenario } from "../../lab/scenario/scenario-schema.ts";
import { Draw } from "../../lab/sim/world/draw.ts";
import { readScenario } from "../support/scenario-files.ts";
import { testSeed } from "../support/test-seed.ts";

const CUTS = 25;
const SEED = testSeed("CUT_SEED", 1);

/** The lines left when each node's log lost its beginning, a piece in the middle, or nothing. */
function withoutLines({ entries }: Journal, draw: Draw): readonly Entry[] {
  const nodes = [...new Set(entries.map(({ node }) => node))].filter((node) => node !== 0);
  const lost = new Set<Entry>();
  for (const node of nodes) {
    const own = entries.filter((entry) => entry.node === node);
    const how = draw.pick(["beginning", "middle", "nothing"]);
    const from = how === "beginning" ? 0 : draw.integer(0, own.length - 1);
    const count = how === "nothing" ? 0 : draw.integer(1, Math.max(1, own.length - from - 1));
    for (const entry of own.slice(from, from + count)) lost.add(entry);
  }
  return entries.filter((entry) => !lost.has(entry));
}

/** Long enough for every bound to be due, several times. */
const LONG = parseScenario(
  `
nodes: 5
wire: false
profile: fast
steps:
  - load: { rate: 5/s }
  - sleep 15s
  - kill leader
  - sleep 10s
  - start 5
  - sleep 15s
  - partition: 1,2 3-5
  - sleep 8s
  - heal
  - sleep 10s
  - freeze: 3 for 3s
  - sleep 15s
  - leave 2
  - sleep 10s
  - load: stop
  - sleep 15s
`,
  "long.yaml",
);

it.each<[string, Scenario]>([
  ["a long run", LONG],
  ...["02-leader-failure", "13-late-joiner-under-load", "26-rolling-restart", "30-lost-disk"].map(
    (name): [string, Scenario] => [name, readScenario(name)],
  ),
])(`of %s with missing lines nothing must be called broken (CUT_SEED=${SEED})`, async (name, scenario) => {
  const { journal, verdict } = await runScenario(scenario, { runtime: "sim", seed: SEED });
  expect(verdict).toBe("valid");
  for (let cut = 0; cut < CUTS; cut++) {
    const draw = new Draw(SEED, `${name} ${cut}`);
    const damaged = assembleJournal(journal.facts, withoutLines(journal, draw));
    const broken = runChecks(damaged).filter((result) => result.verdict === "invalid");
    expect(broken.map(({ check, violations }) => `cut ${cut}: ${check}: ${violations[0]?.what}`)).toEqual([]);
  }
});
