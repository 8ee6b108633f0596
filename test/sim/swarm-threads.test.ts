/** The swarm on several threads: what `lab sim --seeds` is made of. */
import { expect, it } from "vitest";
import { runSwarm } from "../../lab/sim/swarm/play-schedule.ts";
import { runSeeds, type SwarmRequest } from "../../lab/sim/threads/swarm-threads.ts";

const REQUEST: SwarmRequest = {
  range: { from: 1, to: 8 },
  choice: { nodes: 3 },
  workers: 2,
  keepGoing: false,
  signal: new AbortController().signal,
  onPlayed: () => {},
};

it("must play every seed once, on any thread, to the same result as one thread", async () => {
  const report = await runSeeds(REQUEST);
  expect(report.passed).toBe(8);
  expect(report.failures).toEqual([]);
  const deliveries = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => runSwarm(seed, { nodes: 3 }).deliveries);
  expect(report.deliveries).toBe(deliveries.reduce((sum, count) => sum + count, 0));
});

it("must end at the smallest failing seed, and name the command that plays it again", async () => {
  const choice = { without: ["causalDelivery"] } as const;
  const range = { from: 1, to: 400 };
  const [first] = (await runSeeds({ ...REQUEST, choice, range })).failures;
  expect(first?.property).toMatch(/^S\d+$/);
  expect(first?.replay).toBe(`lab sim --seed ${first?.seed} --without causalDelivery`);
  expect(() => runSwarm(first?.seed ?? 0, { rules: { causalDelivery: false } })).toThrow(first?.reason);
  const again = await runSeeds({ ...REQUEST, choice, range, workers: 1 });
  expect(again.failures).toEqual([first]);
  expect(again.passed).toBe((first?.seed ?? 0) - 1);
});

it("must report what ran when it is interrupted", async () => {
  const interrupt = new AbortController();
  const report = await runSeeds({
    ...REQUEST,
    range: { from: 1, to: 1_000_000 },
    signal: interrupt.signal,
    onPlayed: ({ played }) => {
      if (played === 5) interrupt.abort();
    },
  });
  expect(report.passed).toBeGreaterThanOrEqual(5);
  expect(report.passed).toBeLessThan(10);
});
