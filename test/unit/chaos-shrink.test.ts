// The shrinker on predicates that are known: it must find the few parts that matter, in the same way every time, and stop when told to.
import { describe, expect, test } from "vitest";
import type { ChaosSchedule } from "../../lab/chaos/fault-schedule.ts";
import { DEFAULT_KINDS, planChaos } from "../../lab/chaos/plan-chaos.ts";
import { simplerSchedules, withoutEvents } from "../../lab/chaos/reductions.ts";
import { shrink } from "../../lab/chaos/shrink.ts";

/** Numbers whose sum, or presence, decides. */
function shrinkNumbers(start: readonly number[], fails: (numbers: readonly number[]) => boolean, attemptsMax = 1e6) {
  let asked = 0;
  return shrink<readonly number[]>({
    start,
    count: (value) => value.length,
    without: (value, places) => value.filter((_, place) => !places.has(place)),
    *simpler(value) {
      for (const [place, number] of value.entries())
        if (number > 0) yield value.map((other, at) => (at === place ? number - 1 : other));
    },
    fails: async (value) => {
      asked += 1;
      return await Promise.resolve(fails(value));
    },
    isOver: () => asked >= attemptsMax,
  });
}

describe("shrinking", () => {
  const hundred = Array.from({ length: 100 }, (_, i) => i);

  test("must leave the parts that matter only, wherever they are", async () => {
    const { value, isMinimal } = await shrinkNumbers(hundred, (numbers) =>
      [3, 57, 98].every((n) => numbers.includes(n)),
    );
    expect(value).toEqual([3, 57, 98]);
    expect(isMinimal).toBe(true);
  });

  test("must make what is left simpler", async () => {
    const { value } = await shrinkNumbers([9, 30, 4], (numbers) => numbers.some((n) => n >= 7));
    expect(value).toEqual([7]);
  });

  test("must take few runs: parts go in chunks", async () => {
    const { attempts } = await shrinkNumbers(
      Array.from({ length: 256 }, () => 0).map((_, i) => (i === 77 ? 1 : 0)),
      (numbers) => numbers.includes(1),
    );
    expect(attempts).toBeLessThan(40);
  });

  test("must end with the best so far when the time is over", async () => {
    const fails = (numbers: readonly number[]) => numbers.includes(57);
    const { value, attempts, isMinimal } = await shrinkNumbers(hundred, fails, 5);
    expect(attempts).toBe(5);
    expect(isMinimal).toBe(false);
    expect(fails(value)).toBe(true);
    expect(value.length).toBeLessThan(100);
  });

  test("must never ask twice about the same value", async () => {
    const seen = new Set<string>();
    await shrinkNumbers(hundred, (numbers) => {
      const text = numbers.join();
      expect(seen.has(text)).toBe(false);
      seen.add(text);
      return numbers.filter((n) => n % 10 === 0).length >= 4;
    });
  });
});

describe("shrinking a chaos schedule", () => {
  const schedule = planChaos({
    seed: 42,
    nodes: 7,
    profile: "fast",
    spanMs: 60_000,
    rate: 1,
    kinds: DEFAULT_KINDS,
    maxDown: 3,
    tradesPerSecond: 50,
    network: "loss 5%",
  });
  const shrinkSchedule = (fails: (schedule: ChaosSchedule) => boolean) =>
    shrink({
      start: schedule,
      count: ({ events }) => events.length,
      without: withoutEvents,
      simpler: simplerSchedules,
      fails: (value) => Promise.resolve(fails(value)),
      isOver: () => false,
    });
  const needsKillAndCut = ({ events, tradesPerSecond }: ChaosSchedule) =>
    tradesPerSecond >= 4 &&
    events.some((event) => event.kind === "kill") &&
    events.some((event) => event.kind === "partition" && event.lastsMs >= 700);

  test("must come to two events, two nodes, little load and round numbers", async () => {
    const { value } = await shrinkSchedule(needsKillAndCut);
    expect(value.events.map(({ kind }) => kind).sort()).toEqual(["kill", "partition"]);
    expect(value.nodes).toBe(2);
    expect(value.tradesPerSecond).toBe(5);
    for (const { atMs, lastsMs } of value.events) expect([atMs % 500, lastsMs % 100]).toEqual([0, 0]);
    expect(value.spanMs).toBeLessThan(5_000);
  });

  test("must come to the same every time", async () => {
    expect(await shrinkSchedule(needsKillAndCut)).toEqual(await shrinkSchedule(needsKillAndCut));
  });

  test("must come to nothing at all where nothing is needed", async () => {
    const { value } = await shrinkSchedule(() => true);
    expect(value).toMatchObject({ nodes: 2, tradesPerSecond: 0, events: [] });
    expect(value.network).toBeUndefined();
    expect(value.spanMs).toBeLessThanOrEqual(1_000);
  });
});
