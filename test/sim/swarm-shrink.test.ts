// A failing schedule of the swarm can be made small: what is left breaks the same promise.
import { expect, test } from "vitest";
import { shrinkSwarm } from "../../lab/chaos/shrink-swarm.ts";
import { optionsOf } from "../../lab/sim/swarm/choice.ts";
import { ACTIONS_MAX, runSwarm } from "../../lab/sim/swarm/play-schedule.ts";

test("a schedule that fails must come down to a handful of actions that fail alike", async () => {
  const choice = { without: ["causalDelivery"], nodes: 5 } as const;
  const seed = 4;
  expect(() => runSwarm(seed, optionsOf(choice))).toThrow(/S4/);
  const shrunk = await shrinkSwarm(seed, choice, { property: "S4", isOver: () => false, onSmaller: () => {} });
  expect(shrunk.isMinimal).toBe(true);
  expect(shrunk.value.length).toBeLessThanOrEqual(3);
  expect(() => runSwarm(seed, optionsOf(choice), { only: shrunk.value })).toThrow(/S4/);
});

test("a schedule with all of its actions must be the schedule", () => {
  const all = Array.from({ length: ACTIONS_MAX }, (_, i) => i);
  const whole = runSwarm(5, { fingerprint: true });
  expect(whole.fingerprint).not.toBeNull();
  expect(runSwarm(5, { fingerprint: true }, { only: all }).fingerprint).toBe(whole.fingerprint);
});

test("a schedule without actions must keep every promise even without a rule", () => {
  expect(runSwarm(3, { rules: { causalDelivery: false } }, { only: [] })).toMatchObject({ faults: 0 });
});
