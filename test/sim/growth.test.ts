// Costs that must not grow with the group: the time until a dead node is noticed and replaced, and what each node sends and takes
// (node/protocol/detection.md).
import { beforeAll, describe, expect, test } from "vitest";
import { SimCluster } from "../../lab/sim/cluster/sim-cluster.ts";

const SIZES = [5, 60] as const;
const CRASHES = 2;

interface Figures {
  /** From the crash of the coordinator until all follow another one; and of another node until all hold it FAILED. Milliseconds, the longest. */
  readonly replacedMs: number;
  readonly failedMs: number;
  /** Datagrams a second of the busiest node, and of the one that takes most. */
  readonly sent: number;
  readonly received: number;
}

function measure(nodes: number): Figures {
  const sim = new SimCluster({ nodes, seed: 11, profile: "default" });
  sim.startAll();
  sim.runUntil(() => sim.converged(), 30_000);
  sim.runFor(3_000);
  const traffic = idleTraffic(sim);
  let replacedMs = 0;
  let failedMs = 0;
  for (let n = 0; n < (nodes === 5 ? 1 : CRASHES); n++) {
    const last = sim.running().length;
    sim.kill(last);
    const agreedMs = sim.runUntil(() => sim.agree(), 20_000, "a new coordinator");
    replacedMs = Math.max(replacedMs, agreedMs);
    sim.runFor(2_000);
    sim.kill(last - 1 - n);
    failedMs = Math.max(
      failedMs,
      sim.runUntil(() => isFailed(sim, last - 1 - n), 20_000, "FAILED at all"),
    );
    sim.start(last - 1 - n);
    sim.runFor(5_000);
  }
  return { replacedMs, failedMs, ...traffic };
}

function idleTraffic(sim: SimCluster): Pick<Figures, "sent" | "received"> {
  const seconds = 20;
  const sent = new Map<number, number>();
  const before = sim.network.delivered;
  sim.network.onSent = (from, _bytes, datagrams) => sent.set(from, (sent.get(from) ?? 0) + datagrams);
  sim.runFor(1_000 * seconds);
  sim.network.onSent = null;
  const received = (sim.network.delivered - before) / seconds / sim.ids.length;
  return { sent: Math.max(...sent.values()) / seconds, received };
}

function isFailed(sim: SimCluster, id: number): boolean {
  return sim.running().every(({ state }) => state?.members.get(id)?.state === "FAILED");
}

describe("a group of sixty, beside one of five,", () => {
  let small: Figures;
  let large: Figures;

  beforeAll(() => {
    [small, large] = SIZES.map(measure) as [Figures, Figures];
  });

  test("must have a new coordinator within one and a half times the time", () => {
    expect(large.replacedMs).toBeLessThanOrEqual(1.5 * small.replacedMs);
  });

  test("must hold another dead node FAILED everywhere within two and a half times the time", () => {
    expect(large.failedMs).toBeLessThanOrEqual(2.5 * small.failedMs);
  });

  test("must give no node more than twice the datagrams", () => {
    expect(large.sent).toBeLessThanOrEqual(2 * small.sent);
    expect(large.received).toBeLessThanOrEqual(2 * small.received);
  });
});
