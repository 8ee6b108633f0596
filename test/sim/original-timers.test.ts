/**
 * The profile `original`: the waits that the original's document describes can be seen, set and compared (node/protocol/timers.md).
 */
import { describe, expect, it } from "vitest";
import { SimCluster } from "../../lab/sim/cluster/sim-cluster.ts";
import { coreConfigOf } from "../../node/runtime/core-config.ts";
import { readSettings } from "../../node/runtime/settings.ts";
import { underSeeds } from "../support/sim-seeds.ts";

const FILE = "test/sim/original-timers.test.ts";

/** Nodes with these variables, after their first agreement. */
function settled(seed: number, nodes: number, environment: Readonly<Record<string, string>> = {}): SimCluster {
  const settings = readSettings({ DS_PROFILE: "original", ...environment });
  const { timing } = coreConfigOf(settings, { id: 1, portBase: 6000, durable: true });
  const sim = new SimCluster({ nodes, seed, profile: "original", timing });
  sim.startAll();
  sim.runUntil(() => sim.agree(), 60_000, "the first agreement");
  sim.runFor(5_000 + 137 * seed);
  return sim;
}

/** Milliseconds until all who run hold `id` in this state. */
function untilAllHold(sim: SimCluster, id: number, state: string, withinMs: number): number {
  const holds = () => sim.running().every((node) => node.state?.members.get(id)?.state === state);
  return sim.runUntil(holds, withinMs, `${id} is ${state} everywhere`);
}

describe("the profile `original`", () => {
  it("must take 10 to 20 s from a crash to FAILED, by way of SUSPECTED, as its document says", () => {
    underSeeds(FILE, 20, (seed) => {
      const sim = settled(seed, 3);
      sim.kill(3);
      const suspectedMs = untilAllHold(sim, 3, "SUSPECTED", 20_000);
      const failedMs = suspectedMs + untilAllHold(sim, 3, "FAILED", 20_000);
      expect(suspectedMs).toBeLessThanOrEqual(11_000);
      expect(failedMs).toBeGreaterThanOrEqual(10_000);
      expect(failedMs).toBeLessThanOrEqual(20_500);
      sim.runUntil(() => sim.agree(), 6_000, "the next coordinator");
    });
  });

  it("must follow DS_HEARTBEAT_TIMEOUT: 30 s means 30 to 60 s", () => {
    underSeeds(FILE, 10, (seed) => {
      const sim = settled(seed, 3, { DS_HEARTBEAT_TIMEOUT: "30" });
      sim.kill(3);
      const failedMs = untilAllHold(sim, 3, "FAILED", 70_000);
      expect(failedMs).toBeGreaterThanOrEqual(30_000);
      expect(failedMs).toBeLessThanOrEqual(61_500);
    });
  });

  it("must wait for an OK as long as DS_ELECTION_TIMEOUT says", () => {
    for (const [environment, leastMs, mostMs] of [
      // Once for the OK, and once more when node 1, which trusts the dead leader too, doesn't vote at first.
      [{}, 5_000, 11_000],
      [{ DS_ELECTION_TIMEOUT: "20" }, 20_000, 41_000],
    ] as const) {
      underSeeds(FILE, 5, (seed) => {
        const sim = settled(seed, 3, environment);
        // Dead, and not noticed yet: its OK is waited for.
        sim.kill(3);
        sim.command(2, { op: "election" });
        const tookMs = sim.runUntil(() => sim.node(2).state?.election.coordinator === 2, 60_000, "2 leads");
        expect(tookMs).toBeGreaterThanOrEqual(leastMs);
        expect(tookMs).toBeLessThanOrEqual(mostMs);
      });
    }
  });

  it("must show challenge 2: a leader that hangs for 12 s loses its place with 5 s, and keeps it with 10 s", () => {
    underSeeds(FILE, 10, (seed) => {
      const leadersAfterHang = (timeout: string) => {
        const sim = settled(seed, 3, { DS_HEARTBEAT_TIMEOUT: timeout });
        sim.freeze(3);
        sim.runFor(12_000);
        const led = sim.node(1).state?.election.coordinator;
        sim.resume(3);
        // There is one leader in the end in any case.
        sim.runUntil(() => sim.agree(), 60_000, "agreement");
        return led;
      };
      expect(leadersAfterHang("5")).toBe(2);
      expect(leadersAfterHang("10")).toBe(3);
    });
  });
});
