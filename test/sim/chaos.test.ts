// Chaos in virtual time: every kind of fault is survived, a run can be repeated to the byte, and what fails gets small.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ChaosKind } from "../../lab/chaos/fault-schedule.ts";
import { DEFAULT_KINDS, defaultMaxDown } from "../../lab/chaos/plan-chaos.ts";
import { type ChaosRunOptions, runChaos } from "../../lab/chaos/run-chaos.ts";
import { listFailures } from "../../lab/chaos/shrink-scenario.ts";
import { formatRun } from "../../lab/journal/stored-run.ts";
import { parseScenario } from "../../lab/scenario/parse-scenario.ts";
import { runScenario } from "../../lab/scenario/run-scenario.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "chaos-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function optionsOf(seed: number, kinds: readonly ChaosKind[] = DEFAULT_KINDS): ChaosRunOptions["chaos"] {
  const maxDown = defaultMaxDown(5);
  return { seed, nodes: 5, profile: "fast", spanMs: 8_000, rate: 0.8, kinds, maxDown, tradesPerSecond: 10 };
}

function run(chaos: ChaosRunOptions["chaos"], change: Partial<ChaosRunOptions> = {}) {
  return runChaos({
    chaos,
    runtime: "sim",
    existing: null,
    folder,
    wire: false,
    shrinkMs: 0,
    signal: new AbortController().signal,
    progress: () => {},
    onStep: () => {},
    ...change,
  });
}

describe("chaos in virtual time", () => {
  test.each(DEFAULT_KINDS)("must keep every promise under %s", { timeout: 60_000 }, async (kind) => {
    const { result, schedule } = await run(optionsOf(3, [kind]));
    expect(schedule.events.length).toBeGreaterThan(0);
    expect([result.verdict, result.reason]).toEqual(["valid", ""]);
    expect(result.loads[0]?.settled).toBeGreaterThan(10);
  });

  test("must be repeated to the byte by the file that it wrote", { timeout: 60_000 }, async () => {
    const first = await run(optionsOf(11), { wire: true });
    const scenario = parseScenario(await readFile(first.file, "utf8"), first.file);
    const again = await runScenario(scenario, { runtime: "sim" });
    expect(first.result.verdict).toBe("valid");
    expect(formatRun(again.journal)).toEqual(formatRun(first.result.journal));
  });

  test("must bring everything back and judge the run when it is interrupted", { timeout: 60_000 }, async () => {
    const interrupt = new AbortController();
    const { result } = await run(optionsOf(5, ["kill", "pause", "partition"]), {
      signal: interrupt.signal,
      onStep: ({ verb }, state) => {
        if (verb === "kill" && state === "end") interrupt.abort();
      },
    });
    const ended = result.steps.filter(({ path }) => path.startsWith("end."));
    expect(ended.map(({ verb, state }) => [verb, state])).toEqual([
      ["heal", "ok"],
      ["start", "ok"],
      ["wait", "ok"],
      ["sleep", "ok"],
    ]);
    expect([result.verdict, result.reason]).toEqual(["valid", ""]);
    expect(result.evidence.info?.nodes.every(({ status }) => status === "running")).toBe(true);
  });
});

describe("a chaos run that breaks a promise", () => {
  const bug = "no-causal-check";

  test("must come down to a handful of steps that break the same promise", { timeout: 120_000 }, async () => {
    const { result, schedule, shrunk } = await run(optionsOf(1), { bug, shrinkMs: 20_000 });
    expect(listFailures(result)).toContain("causal-delivery");
    if (shrunk === null) throw new Error("it wasn't shrunk");
    expect(shrunk.check).toBe("causal-delivery");
    expect(shrunk.schedule.events.length).toBeLessThanOrEqual(2);
    expect(shrunk.schedule.nodes).toBeLessThan(schedule.nodes);
    const scenario = parseScenario(await readFile(shrunk.file, "utf8"), shrunk.file);
    expect(scenario.steps.length).toBeLessThanOrEqual(7);
    const again = await runScenario(scenario, { runtime: "sim", bug });
    expect(listFailures(again)).toContain("causal-delivery");
    // With the rule the same schedule is harmless.
    expect((await runScenario(scenario, { runtime: "sim" })).verdict).toBe("valid");
  });
});
