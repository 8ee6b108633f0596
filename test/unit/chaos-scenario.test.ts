// A chaos schedule written down must be a scenario that reads back the same, whose steps are concrete, so that every run does the same.
import { describe, expect, test } from "vitest";
import { parseDuration } from "../../lab/base/duration.ts";
import type { ChaosEvent, ChaosSchedule } from "../../lab/chaos/fault-schedule.ts";
import { DEFAULT_KINDS, defaultMaxDown, planChaos } from "../../lab/chaos/plan-chaos.ts";
import { chaosScenario } from "../../lab/chaos/scenario-of.ts";
import { formatScenario } from "../../lab/scenario/format-scenario.ts";
import { parseScenario } from "../../lab/scenario/parse-scenario.ts";
import { verbOf } from "../../lab/scenario/scenario-schema.ts";

const options = { name: "chaos-42", title: "chaos", wire: true };

function scheduleOf(seed: number): ChaosSchedule {
  const nodes = 3 + (seed % 5);
  const maxDown = defaultMaxDown(nodes);
  const kinds = [...DEFAULT_KINDS, "unplug"] as const;
  return planChaos({ seed, nodes, profile: "fast", spanMs: 30_000, rate: 1, kinds, maxDown, tradesPerSecond: 20 });
}

describe("a chaos scenario", () => {
  test("must read back as it was written, whatever the seed", () => {
    for (let seed = 0; seed < 30; seed++) {
      const scenario = chaosScenario(scheduleOf(seed), options);
      const text = formatScenario(scenario);
      const again = parseScenario(text, "chaos.yaml");
      expect(formatScenario(again)).toBe(text);
      expect(again).toEqual(scenario);
    }
  });

  test("must name every node by its number: nothing is left to be drawn", () => {
    for (let seed = 0; seed < 100; seed++) {
      const text = formatScenario(chaosScenario(scheduleOf(seed), options));
      expect(text).not.toMatch(/random|leader|followers|minority|majority/);
    }
  });

  test("must go on in time, and bring back at the end all that it took away", () => {
    for (let seed = 0; seed < 100; seed++) {
      const schedule = scheduleOf(seed);
      const { steps } = chaosScenario(schedule, options);
      const instants = steps.flatMap(({ at }) => (at === undefined ? [] : [parseDuration(at, "at")]));
      expect(instants).toEqual(instants.toSorted((a, b) => a - b));
      expect(instants.at(-1)).toBe(schedule.spanMs);
      const count = (verb: string) => steps.filter((step) => verb in step).length;
      expect(count("start")).toBe(count("kill") + count("stop") + count("leave"));
      const verbs = steps.slice(-4).map((step) => verbOf(step).verb);
      expect(verbs).toEqual(["heal", "load", "wait", "sleep"]);
    }
  });

  test("must start again what it killed, and give the other faults their time", () => {
    const events: ChaosEvent[] = [
      { kind: "kill", atMs: 0, lastsMs: 1_500, nodes: [1, 2] },
      { kind: "pause", atMs: 1_500, lastsMs: 250, nodes: [3] },
      { kind: "partition", atMs: 4_000, lastsMs: 1_000, groups: [[1], [2, 3]], oneWay: true },
      {
        kind: "netem",
        atMs: 4_010,
        lastsMs: 900,
        nodes: [3],
        delayMs: 20,
        jitterMs: 0,
        lossPercent: 5,
        duplicatePercent: 0,
      },
    ];
    const network = "jitter 20ms loss 5%";
    const schedule = { ...scheduleOf(0), nodes: 5, maxDown: 2, events, tradesPerSecond: 0, network, spanMs: 10_000 };
    expect(chaosScenario(schedule, options).steps.slice(0, -3)).toEqual([
      { netem: { nodes: "all", jitter: "20ms", loss: "5%" } },
      { kill: { nodes: "1,2" } },
      { at: "1.5s", start: { nodes: "1,2" } },
      { at: "1.5s", pause: { nodes: "3", for: "250ms" } },
      { at: "4s", partition: { groups: ["1", "2,3"], oneWay: true, for: "1s" } },
      { at: "4.01s", netem: { nodes: "3", delay: "20ms", loss: "5%", for: "900ms" } },
    ]);
  });

  test("must make the links of somebody new as bad as all others", () => {
    const events: ChaosEvent[] = [{ kind: "scale", atMs: 2_000, lastsMs: 2_000, count: 4 }];
    const schedule = { ...scheduleOf(0), nodes: 3, events, tradesPerSecond: 0, network: "loss 5%", spanMs: 10_000 };
    expect(chaosScenario(schedule, options).steps.slice(0, -3)).toEqual([
      { netem: { nodes: "all", loss: "5%" } },
      { at: "2s", scale: { to: 4 } },
      { at: "4s", netem: { nodes: "all", loss: "5%" } },
    ]);
  });
});
