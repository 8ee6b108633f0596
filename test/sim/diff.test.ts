// Two runs side by side: the same, different by their clocks only, and different by what nodes did.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compareRuns } from "../../lab/journal/compare-runs.ts";
import type { Journal } from "../../lab/journal/journal.ts";
import { parseScenario } from "../../lab/scenario/parse-scenario.ts";
import { runScenario } from "../../lab/scenario/run-scenario.ts";
import { PROJECT_ROOT } from "../support/sources.ts";

const FILE = "compose/scenarios/02-leader-failure.yaml";

async function play(options: { seed?: number; bug?: string } = {}): Promise<Journal> {
  const scenario = parseScenario(readFileSync(join(PROJECT_ROOT, FILE), "utf8"), FILE);
  return (await runScenario(scenario, { runtime: "sim", ...options })).journal;
}

test("the same run must be the same, line for line", async () => {
  expect(compareRuns(await play(), await play())).toMatchObject({ isEqual: true, isSameWorld: true, differences: [] });
});

test("two worlds in which the same happens must differ by clocks and datagrams only", async () => {
  const compared = compareRuns(await play(), await play({ seed: 2 }));
  expect(compared).toMatchObject({ isEqual: false, isSameWorld: false, differences: [], step: null });
  expect(compared.common).toBeGreaterThan(100);
});

test("what only a detailed journal has must tell nothing beside one that isn't", async () => {
  const [detailed, other] = [await play(), await play({ seed: 2 })];
  const entries = other.entries.filter(({ level, kind }) => level !== "debug" && kind !== "send" && kind !== "recv");
  const plain = { ...other, facts: { ...other.facts, isDetailed: false, hasWire: false }, entries };
  expect(compareRuns(detailed, plain)).toMatchObject({ isEqual: false, differences: [] });
});

test("a bug must part from its cure where it first shows, after causes that both runs have", async () => {
  const [cured, broken] = [await play(), await play({ bug: "heartbeats-tick" })];
  const { differences, step, before, common } = compareRuns(cured, broken);
  expect(step).toBe("sell 1 2 10");
  expect(differences[0]).toMatchObject({ run: "A", entry: { node: 1, outcome: "committed", amount: 10 } });
  expect(before?.node).toBe(1);
  expect(common).toBeGreaterThan(50);
  // The other way round it is the same place.
  const turned = compareRuns(broken, cured);
  expect(turned.differences[0]?.entry).toMatchObject({ node: 1, outcome: "committed", amount: 10 });
  expect(turned.differences).toHaveLength(differences.length);
});
