// The laws of chaos schedules: whatever the seed, no bound is broken; and what makes them smaller keeps the same laws.
import { describe, expect, test } from "vitest";
import {
  type ChaosEvent,
  type ChaosKind,
  type ChaosSchedule,
  endOf,
  findBreach,
  isProcessFault,
  mostDown,
  namedIds,
} from "../../lab/chaos/fault-schedule.ts";
import { type ChaosOptions, DEFAULT_KINDS, defaultMaxDown, planChaos } from "../../lab/chaos/plan-chaos.ts";
import { simplerSchedules, withoutEvents, withoutNode } from "../../lab/chaos/reductions.ts";

function optionsOf(seed: number, change: Partial<ChaosOptions> = {}): ChaosOptions {
  const nodes = change.nodes ?? 2 + (seed % 9);
  return {
    seed,
    nodes,
    profile: seed % 3 === 0 ? "default" : "fast",
    spanMs: 30_000,
    rate: [0.2, 0.5, 2][seed % 3] as number,
    kinds: DEFAULT_KINDS,
    maxDown: defaultMaxDown(nodes),
    tradesPerSecond: 20,
    ...change,
  };
}

const seeds = Array.from({ length: 2_000 }, (_, i) => i);

describe("a planned schedule", () => {
  test("must keep all its laws, whatever the seed", () => {
    for (const seed of seeds) expect([seed, findBreach(planChaos(optionsOf(seed)))]).toEqual([seed, null]);
  });

  test("must never have more nodes down or paused than allowed, nor one node in two process faults", () => {
    for (const seed of seeds.slice(0, 200)) {
      const { events, maxDown } = planChaos(optionsOf(seed, { rate: 4 }));
      // Counted here in another way than by the planner: at every instant.
      for (let atMs = 0; atMs < 30_000; atMs += 250) {
        const down = events
          .filter((event) => isProcessFault(event) && event.atMs <= atMs && atMs < endOf(event))
          .flatMap(namedIds);
        if (down.length > maxDown || new Set(down).size < down.length)
          throw new Error(`seed ${seed}, ${atMs} ms: ${down} are down`);
      }
    }
  });

  test("must hit all nodes of a host at once where hosts fail, and keep its laws", () => {
    const hosts = [
      [1, 4],
      [2, 5],
      [3, 6, 7],
    ];
    const kinds = new Set<string>();
    for (const seed of seeds.slice(0, 200)) {
      const schedule = planChaos(optionsOf(seed, { nodes: 7, kinds: ["host"], hosts }));
      expect([seed, findBreach(schedule)]).toEqual([seed, null]);
      for (const event of schedule.events) {
        kinds.add(event.kind);
        expect(hosts).toContainEqual(event.kind === "partition" ? event.groups[0] : namedIds(event));
      }
    }
    expect([...kinds].toSorted()).toEqual(["kill", "partition", "pause"]);
  });

  test("must end every fault inside its span", () => {
    for (const seed of seeds) {
      const { events, spanMs } = planChaos(optionsOf(seed));
      expect(events.every((event) => event.atMs >= 0 && endOf(event) <= spanMs)).toBe(true);
    }
  });

  test("must be the same for the same options, and another for another seed", () => {
    for (const seed of seeds.slice(0, 100)) expect(planChaos(optionsOf(seed))).toEqual(planChaos(optionsOf(seed)));
    const texts = seeds.slice(0, 100).map((seed) => JSON.stringify(planChaos(optionsOf(seed, { nodes: 5 })).events));
    expect(new Set(texts).size).toBe(100);
  });

  test("must use every kind that was asked for, and no other", () => {
    for (const kind of DEFAULT_KINDS) {
      const kinds = seeds
        .slice(0, 30)
        .flatMap((seed) => planChaos(optionsOf(seed, { kinds: [kind], nodes: 5 })).events);
      expect([...new Set(kinds.map((event) => event.kind))]).toEqual([kind]);
    }
    const all = seeds.slice(0, 100).flatMap((seed) => planChaos(optionsOf(seed, { nodes: 5 })).events);
    expect(new Set(all.map((event) => event.kind))).toEqual(new Set<ChaosKind>(DEFAULT_KINDS));
  });

  test("must have about as many events as its rate says, where they fit", () => {
    const counts = seeds.slice(0, 300).map((seed) => planChaos(optionsOf(seed, { nodes: 7, rate: 0.5 })).events.length);
    const mean = counts.reduce((a, b) => a + b, 0) / counts.length;
    expect(mean).toBeGreaterThan(8);
    expect(mean).toBeLessThan(16);
  });

  test("must leave all nodes running where none may be down", () => {
    for (const seed of seeds.slice(0, 300))
      expect(planChaos(optionsOf(seed, { maxDown: 0 })).events.some(isProcessFault)).toBe(false);
  });
});

describe("the check of the laws", () => {
  const lawful: ChaosSchedule = { ...planChaos(optionsOf(1, { nodes: 5, rate: 0.1 })), events: [], maxDown: 2 };
  const kill = (atMs: number, lastsMs: number, ...nodes: number[]): ChaosEvent => ({
    kind: "kill",
    atMs,
    lastsMs,
    nodes,
  });
  const cut = (atMs: number, lastsMs: number): ChaosEvent => ({
    kind: "partition",
    atMs,
    lastsMs,
    groups: [[1], [2]],
    oneWay: false,
  });
  const broken: readonly [what: string, events: readonly ChaosEvent[], breach: RegExp][] = [
    ["too many at once", [kill(0, 5_000, 1, 2), kill(1_000, 1_000, 3)], /3 nodes are down at once, 2 may be/],
    ["the same node twice", [kill(0, 5_000, 1), kill(2_000, 1_000, 1)], /begins before kill at 0 ms has ended/],
    ["the same node again too soon", [kill(0, 1_000, 1), kill(1_500, 1_000, 1)], /begins before/],
    ["two cuts at once", [cut(0, 2_000), cut(1_000, 2_000)], /begins before/],
    ["a fault that outlasts the span", [kill(29_000, 5_000, 1)], /isn't inside the span/],
    ["a stranger", [kill(0, 1_000, 6)], /names node 6 of 5/],
    ["a disorder", [kill(5_000, 100, 1), kill(0, 100, 2)], /stands after a later event/],
  ];

  test.each(broken)("must find %s", (_, events, breach) => {
    expect(findBreach({ ...lawful, events })).toMatch(breach);
  });

  test("must let a node that joined be a victim, once it is there", () => {
    const join: ChaosEvent = { kind: "scale", atMs: 0, lastsMs: 2_000, count: 6 };
    expect(findBreach({ ...lawful, events: [join, kill(2_500, 1_000, 6)] })).toBeNull();
    expect(findBreach({ ...lawful, events: [join, kill(1_000, 1_000, 6)] })).toMatch(/names node 6 of 5/);
  });
});

describe("a smaller schedule", () => {
  test("must keep the laws, and be smaller", () => {
    for (const seed of seeds.slice(0, 10)) {
      const schedule = planChaos(optionsOf(seed));
      let proposals = 0;
      for (const smaller of simplerSchedules(schedule)) {
        proposals += 1;
        expect([seed, findBreach(smaller)]).toEqual([seed, null]);
        expect(sizeOf(smaller)).toBeLessThan(sizeOf(schedule));
        expect(mostDown(smaller.events)).toBeLessThanOrEqual(schedule.maxDown);
      }
      expect(proposals).toBeGreaterThan(0);
    }
  });

  test("must name the remaining nodes from 1 on when one goes", () => {
    const schedule = planChaos(optionsOf(5, { nodes: 5, rate: 2 }));
    const smaller = withoutNode(schedule, 2);
    expect(smaller.nodes).toBe(4);
    expect(Math.max(...smaller.events.flatMap(namedIds))).toBeLessThanOrEqual(4 + 2);
    expect(findBreach(smaller)).toBeNull();
  });

  test("must not do without a join whose node is a victim later", () => {
    const events: ChaosEvent[] = [
      { kind: "scale", atMs: 0, lastsMs: 2_000, count: 4 },
      { kind: "kill", atMs: 5_000, lastsMs: 1_000, nodes: [4] },
    ];
    const schedule: ChaosSchedule = { ...planChaos(optionsOf(1, { nodes: 3 })), maxDown: 1, events };
    expect(withoutEvents(schedule, new Set([0]))).toBeNull();
    expect(withoutEvents(schedule, new Set([1]))?.events).toEqual([events[0]]);
  });
});

/** The size that shrinking reduces, as one number: the weights are those of the measure that reductions.ts names. */
function sizeOf({ nodes, tradesPerSecond, spanMs, events }: ChaosSchedule): number {
  const victims = events.flatMap(namedIds).length;
  const times = events.reduce((sum, event) => sum + event.atMs + event.lastsMs, spanMs);
  const links = events.reduce(
    (sum, event) =>
      event.kind === "netem" ? sum + event.delayMs + event.jitterMs + event.lossPercent + event.duplicatePercent : sum,
    0,
  );
  const rude = events.filter(({ kind }) => kind === "stop" || kind === "leave").length;
  return nodes * 1e9 + (tradesPerSecond + victims + links + rude + events.length) * 1e6 + times;
}
