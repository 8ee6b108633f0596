/** New accounts, empty disks and the votes of voters that lost theirs (node/protocol/joining.md, node/protocol/election.md; S1, S6). */
import { describe, expect, it } from "vitest";
import { SimCluster } from "../../lab/sim/cluster/sim-cluster.ts";
import { statusText } from "../../node/core/query/query.ts";
import { settled, stateOf } from "../support/settled.ts";
import { underSeeds } from "../support/sim-seeds.ts";

const FILE = "test/sim/minting.test.ts";

describe("a new account", () => {
  it("must be issued once when one of three disks is lost, whichever two nodes met first", () => {
    underSeeds(FILE, 20, (seed) => {
      const sim = new SimCluster({ nodes: 3, seed });
      for (const id of [1, 3]) sim.start(id);
      sim.runFor(5_000);
      const early = sim.sell(3, 1, 60);
      sim.runFor(500);
      expect(early.final).toMatchObject({ ok: false, code: "NOT_READY" });
      expect(statusText(stateOf(sim, 3))).toContain("waits for Node 2 (a voter that has not been heard; start it)");
      for (const id of [1, 3]) expect(stateOf(sim, id).election.elected).toBe(false);
      sim.start(2);
      sim.runUntil(() => sim.converged(), 10_000, "agreement with the third voter");
      const sale = sim.sell(3, 1, 60);
      sim.runUntil(() => sale.final !== null, 5_000, "the payment");
      sim.kill(1);
      sim.loseDisk(3);
      sim.start(3);
      sim.runUntil(() => stateOf(sim, 3).phase === "RECOVERING", 10_000, "RECOVERING");
      sim.start(1);
      sim.runUntil(() => sim.converged(), 10_000, "its return");
      expect(stateOf(sim, 3).ledger.accounts.get(3)?.balance).toBe(40);
    });
  });

  it("must not be opened by a sole voter that lost its disk while others know the old one", () => {
    underSeeds(FILE, 10, (seed) => {
      const sim = new SimCluster({ nodes: 3, seed, voters: [1] });
      sim.startAll();
      sim.runUntil(() => sim.converged(), 10_000, "the first agreement");
      expect(stateOf(sim, 1).election.term, "terms used up").toBe(1);
      const sale = sim.sell(1, 2, 30);
      sim.runUntil(() => sale.final !== null, 5_000, "the payment");
      sim.loseDisk(1);
      sim.start(1);
      sim.runUntil(() => sim.converged(), 10_000, "its return");
      expect(stateOf(sim, 1).ledger.accounts.get(1)?.balance).toBe(70);
    });
  });

  it("must be opened by a sole voter that nobody answers, which says at once what that risks", () => {
    const sim = new SimCluster({ nodes: 3, seed: 1, voters: [1] });
    sim.start(1);
    sim.runUntil(() => stateOf(sim, 1).phase === "READY", 5_000, "READY");
    const told = sim.journal.lines.filter(({ level, msg }) => level === "warn" && msg.startsWith("New account"));
    expect(told.map(({ msg }) => msg)).toEqual([expect.stringContaining("move its data directory away (keep it)")]);
  });

  it("must be given up by its owner when all others turn out to know an older one that has paid nothing", () => {
    underSeeds(FILE, 20, (seed) => {
      const sim = new SimCluster({ nodes: 3, seed });
      sim.startAll();
      sim.runUntil(() => sim.converged(), 10_000, "the first agreement");
      for (const id of [1, 3]) sim.kill(id);
      sim.loseDisk(2);
      sim.start(2);
      sim.runFor(2_000);
      sim.command(2, { op: "recover", acceptLoss: true });
      sim.runUntil(() => stateOf(sim, 2).phase === "READY", 5_000, "another account");
      for (const id of [1, 3]) sim.start(id);
      sim.runUntil(() => stateOf(sim, 2).phase === "CONFLICT", 15_000, "its end");
      const told = sim.journal.lines.find(({ node, msg }) => node === 2 && msg.startsWith("CONFLICT"));
      expect(told?.msg).toContain("most nodes know another account of Node 2");
      sim.loseDisk(2);
      sim.start(2);
      sim.runUntil(() => sim.converged(), 15_000, "one account again");
    });
  });

  it("must be opened without the voters that are away when a person says so, and used", () => {
    const sim = new SimCluster({ nodes: 3, seed: 1 });
    for (const id of [1, 3]) sim.start(id);
    sim.runFor(5_000);
    for (const id of [1, 3]) {
      const told = sim.command(id, { op: "recover", acceptLoss: false });
      sim.runFor(100);
      expect(told.final).toMatchObject({ ok: true, data: { waiting_for: [{ id: 2 }] } });
      sim.command(id, { op: "recover", acceptLoss: true });
    }
    const isElected = () =>
      [1, 3].every((id) => stateOf(sim, id).election.elected && stateOf(sim, id).phase === "READY");
    sim.runUntil(isElected, 10_000, "an election by the two");
    const sale = sim.sell(3, 1, 60);
    sim.runUntil(() => sale.final !== null, 5_000, "the payment");
    expect(sale.final).toMatchObject({ ok: true });
  });

  it.each([1, 2, 3, 4, 5])("must make a group of %i that starts together agree within 50 ms of discovery", (nodes) => {
    underSeeds(FILE, 5, (seed) => {
      const sim = new SimCluster({ nodes, seed });
      sim.startAll();
      const withinMs = nodes === 1 ? sim.config.timing.discoveryMs + 50 : 50;
      expect(sim.runUntil(() => sim.agree() && sim.converged(), 5_000)).toBeLessThanOrEqual(withinMs);
    });
  });

  it("must come to late voters, and to nodes that are no voters", () => {
    underSeeds(FILE, 10, (seed) => {
      const sim = new SimCluster({ nodes: 7, seed, voters: [1, 2, 3, 4, 5] });
      for (const id of [1, 2, 3, 4]) sim.start(id);
      sim.runUntil(() => sim.converged([1, 2, 3, 4]), 10_000, "agreement of four");
      for (const id of [7, 5, 6]) {
        sim.start(id);
        sim.runUntil(() => sim.converged(), 5_000, `node ${id}`);
      }
    });
  });
});

describe("voters that lost their disks", () => {
  it("must not elect a second one in a term: one of three, and another that starts for the first time", () => {
    underSeeds(FILE, 20, (seed) => {
      const sim = new SimCluster({ nodes: 3, seed });
      for (const id of [1, 2]) sim.start(id);
      sim.runFor(3_000);
      sim.isolate(2);
      sim.loseDisk(1);
      for (const id of [1, 3]) sim.start(id);
      // The simulator checks S6 in every step.
      sim.runFor(10_000);
      sim.heal();
      sim.runUntil(() => sim.converged(), 80_000, "agreement of all");
    });
  });

  it("must not vouch for terms to each other: two of five, and nobody accepted a loss", () => {
    underSeeds(FILE, 20, (seed) => {
      const sim = settled({ nodes: 5, seed });
      sim.partition([1, 2, 3], [4, 5]);
      const { term } = stateOf(sim, 3).election;
      sim.command(3, { op: "election" });
      sim.runUntil(() => stateOf(sim, 3).election.wonTerm > term, 20_000, "the election of node 3");
      for (const id of [1, 2]) sim.loseDisk(id);
      sim.heal();
      sim.isolate(3);
      for (const id of [1, 2]) sim.start(id);
      sim.runFor(20_000);
      expect([1, 2].map((id) => stateOf(sim, id).election.abstaining)).toEqual([true, true]);
      sim.heal();
      sim.runUntil(() => [1, 2].every((id) => !stateOf(sim, id).election.abstaining), 15_000, "the votes of all");
    });
  });

  it("must vote again when a person says so, though the others are too few to tell their terms", () => {
    const sim = settled({ nodes: 3, seed: 1 });
    sim.loseDisk(3);
    sim.kill(1);
    sim.start(3);
    sim.runUntil(() => stateOf(sim, 3).phase === "RECOVERING", 10_000, "RECOVERING");
    sim.runUntil(() => stateOf(sim, 3).members.get(1)?.state === "FAILED", 10_000, "the absence of node 1");
    const accepted = sim.command(3, { op: "recover", acceptLoss: true });
    sim.runUntil(() => accepted.final !== null, 5_000, "the recovery");
    expect(statusText(stateOf(sim, 3))).toContain("abstains from votes until 1 of Node 1 told the last term");
    sim.runFor(3_000);
    expect(sim.running().some(({ state }) => state?.election.elected)).toBe(false);
    const votes = sim.command(3, { op: "recover", acceptLoss: true });
    sim.runUntil(
      () => votes.final !== null && sim.converged() && stateOf(sim, 3).election.elected,
      10_000,
      "an election",
    );
  });
});
