/**
 * Joiners: whose answers they wait for, and how they come in when others take them for a former process (node/protocol/joining.md).
 * Times are virtual.
 */
import { describe, expect, it } from "vitest";
import { SimCluster } from "../../lab/sim/cluster/sim-cluster.ts";
import { addressOf } from "../../lab/sim/world/network.ts";
import { settled } from "../support/settled.ts";
import { underSeeds } from "../support/sim-seeds.ts";

const FILE = "test/sim/joining.test.ts";
const HOUR_MS = 3_600_000;

function linesOf(sim: SimCluster, slot: number): string[] {
  return sim.journal.lines.filter((line) => line.node === slot).map((line) => line.msg);
}

describe("nodes without disks", () => {
  it("must meet through one common peer when there is no multicast, and follow one leader", () => {
    underSeeds(FILE, 10, (seed) => {
      const sim = new SimCluster({ nodes: [], seed, durable: false, multicast: false, voters: [] });
      for (const id of [1, 2, 3])
        sim.add(id, id, { expected: [], peers: new Map(id === 1 ? [] : [[1, addressOf(1)]]) });
      sim.startAll(400);
      sim.runFor(800);
      sim.runUntil(() => sim.converged(), 5_000, "one leader");
      expect(sim.node(2).state?.members.get(3)?.state).toBe("ALIVE");
      expect(sim.journal.lines.filter(({ msg }) => msg.startsWith("Not believed")).map(({ msg }) => msg)).toEqual([]);
    });
  });

  it.each([-20, -2_000, 20, 300_000])("must be let in when their clock is set by %i h between two starts", (hours) => {
    underSeeds(FILE, 5, (seed) => {
      const sim = settled({ nodes: 3, seed, durable: false });
      const paid = sim.sell(2, 1, 10);
      sim.runUntil(() => paid.final !== null, 2_000, "a trade");
      sim.kill(2);
      sim.node(2).clockErrorMs = hours * HOUR_MS;
      sim.runFor(3_000);
      sim.start(2);
      sim.runUntil(() => sim.converged(), 5_000, "its return");
      const incarnation = sim.node(2).incarnation;
      expect(sim.node(1).state?.members.get(2)).toMatchObject({ state: "ALIVE", incarnation });
      // And back again: what the wrong clock left behind locks nobody out.
      sim.kill(2);
      sim.node(2).clockErrorMs = 0;
      sim.runFor(3_000);
      sim.start(2);
      sim.runUntil(() => sim.converged(), 5_000, "its second return");
      expect(sim.node(2).incarnation).toBeGreaterThan(incarnation);
      const again = sim.sell(2, 1, 10);
      sim.runUntil(() => again.final !== null, 2_000, "a trade");
      expect(again.final?.ok).toBe(true);
    });
  });

  it("must be let in with a data directory later", () => {
    underSeeds(FILE, 10, (seed) => {
      const sim = new SimCluster({ nodes: 3, seed });
      const node = sim.node(2);
      node.config = { ...node.config, durable: false };
      sim.startAll();
      sim.runUntil(() => sim.converged(), 10_000, "the first agreement");
      sim.kill(2);
      sim.runFor(3_000);
      node.config = { ...node.config, durable: true };
      sim.start(2);
      sim.runUntil(() => sim.converged(), 10_000, "its return");
      expect(sim.node(1).state?.members.get(2)).toMatchObject({ state: "ALIVE", incarnation: node.incarnation });
      expect(node.store.incarnation).toBe(node.incarnation);
    });
  });
});

/** Where so much is lost that the transfer takes longer than a node is given for it, that is said instead. */
const WAY_IN = [
  /^Received JOIN_RESPONSE from /,
  /^(Vector clock synchronized from |State transfer did not finish)/,
  /^(State synchronized - |State transfer did not finish)/,
  / is READY$/,
];

/** The lines of the way in, in the order in which the node's last process wrote them. */
function wayIn(sim: SimCluster, slot: number): string[] {
  const lines = linesOf(sim, slot);
  const own = lines.slice(lines.lastIndexOf("JOIN announced (reliable)"));
  return WAY_IN.map((pattern) => own.find((msg) => pattern.test(msg)) ?? `(nothing like ${pattern})`);
}

function expectWholeWayIn(sim: SimCluster, slot: number): void {
  const lines = linesOf(sim, slot);
  const told = wayIn(sim, slot);
  const positions = told.map((msg) => lines.lastIndexOf(msg));
  expect(positions, told.join(" | ")).toEqual(positions.toSorted((a, b) => a - b));
  expect(positions).not.toContain(-1);
}

describe("a joiner that hears somebody", () => {
  it("must wait for an answer, and tell of the whole way in, also where much is lost", () => {
    underSeeds(FILE, 60, (seed) => {
      const sim = settled({ nodes: 4, seed, voters: [1, 2, 3], expected: [] }, [1, 2, 3]);
      sim.shape({ loss: 0.3 });
      sim.start(4);
      sim.runUntil(() => sim.node(4).readyAtMs !== null, 10_000, "READY");
      expectWholeWayIn(sim, 4);
      const line = sim.journal.lines.find(({ node, msg }) => node === 4 && WAY_IN[0]?.test(msg));
      expect(line).toMatchObject({ phase: "SYNCING" });
    });
  });

  it("must do so after a restart too, with any leader and any expected nodes", () => {
    underSeeds(FILE, 30, (seed) => {
      const sim = settled({ nodes: 3, seed });
      const slot = 1 + (seed % 3);
      sim.kill(slot);
      sim.runFor(seed % 2 === 0 ? 20 : 2_000);
      sim.start(slot);
      sim.runUntil(() => sim.node(slot).readyAtMs !== null, 3_000, "READY");
      expectWholeWayIn(sim, slot);
    });
  });

  it("must not wait for ever when nobody can hear it", () => {
    underSeeds(FILE, 5, (seed) => {
      const sim = settled({ nodes: 3, seed });
      sim.kill(1);
      sim.runFor(2_000);
      sim.cutOneWay(1, 2);
      sim.cutOneWay(1, 3);
      sim.start(1);
      sim.runUntil(() => sim.node(1).readyAtMs !== null, sim.config.timing.heartbeatTimeoutMs + 10, "READY");
    });
  });
});

describe("a backup that was put back", () => {
  it.each([0, 1, 3])(
    "must not be paid from before its node has what the others know of its log: %i boots older",
    (boots) => {
      underSeeds(FILE, 20, (seed) => {
        const sim = settled({ nodes: 5, seed });
        const backup = sim.saveDisk(2);
        for (let boot = 0; boot < boots; boot++) {
          sim.restart(2);
          sim.runUntil(() => sim.converged(), 3_000, "its return");
          sim.runFor(500);
        }
        const first = sim.sell(2, 1, 60);
        sim.runUntil(() => first.final !== null, 2_000, "the payment");
        expect(first.final?.ok).toBe(true);
        sim.runFor(seed * 20);
        sim.restoreDisk(2, backup);
        sim.start(2);
        // As soon as it is READY, and again and again until then.
        let second = sim.sell(2, 3, 90);
        while (second.final?.ok === false && second.final.code === "NOT_READY" && sim.nowMs < 60_000) {
          sim.runFor(0.1);
          second = sim.sell(2, 3, 90);
        }
        expect(second.final).toMatchObject({ ok: false, code: "INSUFFICIENT_CREDITS" });
        const third = sim.sell(2, 3, 40);
        sim.runUntil(() => third.final !== null && sim.converged(), 5_000, "the end");
        expect(third.final?.ok).toBe(true);
        expect(sim.node(4).state?.ledger.accounts.get(2)?.balance).toBe(0);
      });
    },
  );
});
