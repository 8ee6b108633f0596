// All scenarios in virtual time, and the runner's obligations to their authors.
import { describe, expect, test } from "vitest";
import { parseScenario } from "../../lab/scenario/parse-scenario.ts";
import type { ScenarioResult, StepResult } from "../../lab/scenario/result.ts";
import { type RunOptions, runScenario } from "../../lab/scenario/run-scenario.ts";
import { describeOutcome, readScenario, SCENARIO_NAMES } from "../support/scenario-files.ts";
import { testSeed } from "../support/test-seed.ts";

const seed = testSeed("SCENARIO_SEED", 1);

function run(steps: string, options: Partial<RunOptions> = {}, header = ""): Promise<ScenarioResult> {
  const text = `name: t\nnodes: 3\nprofile: fast\n${header}steps:\n${steps}`;
  return runScenario(parseScenario(text, "t.yaml"), { runtime: "sim", ...options });
}

const lines = (steps: readonly StepResult[]) => steps.map((step) => `${step.path} ${step.state}: ${step.text}`);

describe(`every scenario must be valid in virtual time (SCENARIO_SEED=${seed})`, () => {
  test.each(SCENARIO_NAMES)("%s", async (name) => {
    const result = await runScenario(readScenario(name), { runtime: "sim", seed });
    expect(describeOutcome(result)).toEqual({ verdict: "valid", reason: "", failed: [], violations: [] });
    // A check that looked at none of what it judges has nothing to judge.
    const empty = result.checks.filter(({ verdict, detail }) => verdict === "valid" && /^(agreed in )?0 /.test(detail));
    expect(empty.map(({ check, detail }) => `${check}: ${detail}`)).toEqual([]);
  });
});

describe("the same scenario and seed", () => {
  const play = async (name: string, with_: number) => {
    const { journal, steps } = await runScenario(readScenario(name), { runtime: "sim", seed: with_ });
    return JSON.stringify({ journal, steps });
  };

  test.each(["11-both-leaders-meet", "19-clock-gap"])("must give the same journal byte for byte: %s", async (name) => {
    const first = await play(name, 5);
    expect(await play(name, 5)).toBe(first);
    expect(await play(name, 6)).not.toBe(first);
  });
});

describe("a run", () => {
  test("must end with a fault in force, however much longer its promises would take", async () => {
    const { verdict, journal } = await run("  - isolate 1\n  - kill 3\n");
    expect(verdict).toBe("inconclusive");
    expect(journal.entries.length).toBeGreaterThan(0);
  });

  test("must wait for the end of a fault that ends by itself, and judge then", async () => {
    const { verdict } = await run("  - kill 3\n  - partition 1 2 for 5s\n");
    expect(verdict).toBe("valid");
  });

  test("must see that nobody carries anything between two sides, when the one in neither of them is dead or asleep", async () => {
    for (const how of ["kill 5", "pause 5"]) {
      const steps = `[${how}, wait: { coordinator: { 1: 4 }, within: 20s }, partition: [[1, 2], [3, 4]], wait: agree within 20s]`;
      const text = `nodes: 5\nprofile: fast\nchecks: none\nsteps: ${steps}`;
      const { verdict, reason, journal } = await runScenario(parseScenario(text, "t.yaml"), { runtime: "sim" });
      expect([how, verdict, reason]).toEqual([how, "valid", ""]);
      const leads = journal.entries.filter(({ node, role }) => node === 2 && role === "COORDINATOR");
      expect(leads.length).toBeGreaterThan(0);
    }
  });

  test("must not call a share of no trades enough", async () => {
    const { verdict, reason } = await run("  - kill 1,2\n  - load: { rate: 20/s, for: 1s, settled: 100% }\n");
    expect(verdict).toBe("failed");
    expect(reason).toContain("0 of 0 trades settled");
  });

  test("must say which fault a later one takes the place of", async () => {
    const { steps } = await run("  - netem 1 delay 20ms\n  - netem all loss 1%\n");
    expect(steps.map(({ seen }) => seen)).toEqual(["", "in place of f1 on these links"]);
  });

  test("must know the refusal of a trade with oneself", async () => {
    const { verdict } = await run("  - sell: { node: 1, peer: 1, amount: 3, expect: refused, code: SELF_TRADE }\n");
    expect(verdict).toBe("valid");
  });
});

describe("steps", () => {
  test("must come one after the other, side by side, again and again, and not before their time", async () => {
    const { steps, verdict, tookMs } = await run(
      `
  - sell 1 2 5
  - parallel: [sleep 2s, sequence: [sleep 1s, buy 3 1 1], every: { interval: 1s, for: 3s, steps: [sleep 100ms] }]
  - repeat: { times: 2, steps: [sell 2 1 1] }
  - at: 5s
    expect: { balance: { 1: 96, 2: 103, 3: 101 } }
`.replace("\n", ""),
    );
    expect(verdict).toBe("valid");
    expect(lines(steps)).toEqual([
      "1 ok: sell 1 2 5",
      "2 ok: parallel 3 steps",
      "2.1 ok: sleep 2s",
      "2.2 ok: sequence 2 steps",
      "2.3 ok: every 1s for 3s: sleep 100ms",
      "2.2.1 ok: sleep 1s",
      "2.3#1.1 ok: sleep 100ms",
      "2.2.2 ok: buy 3 1 1",
      "2.3#2.1 ok: sleep 100ms",
      "2.3#3.1 ok: sleep 100ms",
      "3 ok: repeat 2 times: sell 2 1 1",
      "3#1.1 ok: sell 2 1 1",
      "3#2.1 ok: sell 2 1 1",
      "4 ok: expect balance:1=96 balance:2=103 balance:3=101",
    ]);
    expect(steps.at(-1)?.startedMs).toBe(5_000);
    expect(tookMs).toBeLessThan(5_100);
  });

  test("must say whom a word meant, by the seed's dice, and write it into the journal", async () => {
    const meant = async (seed: number) => {
      const { steps, journal } = await run("  - pause random for 1s\n", { seed });
      expect(journal.entries.filter((entry) => entry.action === "step").map((entry) => entry.state)).toEqual([
        "begin",
        "end",
      ]);
      return steps[0]?.resolved;
    };
    const seeds = await Promise.all([1].map(meant));
    expect(seeds[0]).toMatch(/^paused [123] for 1s$/);
    expect(await meant(1)).toBe(seeds[0]);
    expect(new Set([await meant(2), await meant(3), await meant(4), await meant(5)]).size).toBeGreaterThan(1);
    expect((await run("  - kill leader\n")).steps[0]?.resolved).toBe("killed 3 (coordinator)");
  });

  test("must be replaced or left out as the file says where a runtime can't do them, and say so", async () => {
    const { steps, verdict } = await run("  - unplug: 3\n    otherwise: isolate 3\n  - plug: 3\n    otherwise: skip\n");
    expect(verdict).toBe("valid");
    expect(steps.map(({ state, text, replaced }) => [state, text, replaced])).toEqual([
      ["ok", "isolate 3", "instead of unplug 3: only containers have a network cable"],
      ["skipped", "plug 3", "plug 3 is left out: only containers have a network cable"],
    ]);
  });

  test("must wait for what was ordered before the run is judged", async () => {
    const { loads, verdict } = await run("  - load 50/s\n  - sleep 2s\n");
    expect(verdict).toBe("valid");
    expect(loads).toMatchObject([{ path: "1", offered: 100, settled: 100, refused: 0, open: 0 }]);
  });

  test("must keep the lines of a node that was removed", async () => {
    const { journal, verdict } = await run("  - sell 3 1 5\n  - wait converged\n  - remove 3\n  - wait agree\n");
    expect(verdict).toBe("valid");
    expect(journal.entries.some((entry) => entry.node === 3 && entry.kind === "trade")).toBe(true);
  });
});

describe("a run must fail, with the step, what was seen and what to do", () => {
  test.each([
    [
      "a wait that times out",
      "  - wait: { coordinator: 2, within: 3s }\n",
      "step 1: leader=2: not reached after 3 s: coordinator is 3",
    ],
    [
      "an expectation that isn't met",
      "  - expect: { balance: { 1: 70 } }\n",
      "step 1: expected balance:1=70, but: node 1 has 100",
    ],
    [
      "a trade that is refused",
      "  - sell 1 2 500\n",
      "step 1: sell 1 2 500 should be settled, but: refused: INSUFFICIENT_CREDITS",
    ],
    [
      "a trade that should have been refused",
      "  - sell: { node: 1, peer: 2, amount: 5, expect: refused }\n",
      "step 1: sell 1 2 5 should be refused, but: settled",
    ],
    ["a node that isn't there", "  - kill 7\n", 'step 1: lab "scenario-t" has no node 7'],
    ["a node that is down", "  - kill 2\n  - pause 2\n", "step 2: node 2 is exited: nothing paused"],
    ["nobody to be meant", "  - start all\n", 'step 1: "all" means no node now: nothing started'],
    [
      "a load of which too little settles",
      "  - isolate 2\n  - load: { rate: 5/s, for: 2s, pairs: [[1, 2]], settled: 50% }\n",
      "step 2: fewer than 50% of the trades settled",
    ],
    [
      "deep inside",
      "  - parallel:\n      - sleep 9s\n      - repeat: { times: 2, steps: [expect leader=1] }\n",
      "step 1.2#1.1: expected leader=1",
    ],
  ])("%s", async (_what, steps, reason) => {
    const result = await run(steps);
    expect(result.verdict).toBe("failed");
    expect(result.reason).toContain(reason);
    expect(result.journal.entries.length).toBeGreaterThan(0);
    expect(result.checks.filter((check) => check.verdict === "invalid")).toEqual([]);
  });

  test("and end what goes on beside it", async () => {
    const { steps, tookMs } = await run("  - load 20/s\n  - parallel: [sleep 60s, expect leader=1]\n  - heal\n");
    expect(lines(steps)).toEqual([
      "1 ok: load 20/s",
      "2 failed: parallel 2 steps",
      "2.1 interrupted: sleep 60s",
      "2.2 failed: expect leader=1",
    ]);
    expect(tookMs).toBeLessThan(1_000);
  });
});

test("a run that is interrupted must be judged until there, and leave its world", async () => {
  const stop = new AbortController();
  const onStep = (step: StepResult) => {
    if (step.path === "3") stop.abort();
  };
  const { verdict, steps, checks } = await run("  - load 20/s\n  - kill leader\n  - sleep 1h\n", {
    signal: stop.signal,
    onStep,
  });
  expect(verdict).toBe("interrupted");
  expect(lines(steps).at(-1)).toBe("3 interrupted: sleep 1h");
  expect(checks.map((check) => check.verdict)).not.toContain("invalid");
  expect((await run("  - wait agree\n")).verdict).toBe("valid");
});

test("only the checkers that are named must judge", async () => {
  expect((await run("  - wait agree\n", {}, "checks: [conservation]\n")).checks.map(({ check }) => check)).toEqual([
    "conservation",
  ]);
  expect((await run("  - wait agree\n", {}, "checks: none\n")).checks).toEqual([]);
});
