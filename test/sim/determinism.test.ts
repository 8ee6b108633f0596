/**
 * Same seed, same run, byte for byte: without it a failing seed would prove nothing. That this holds in every supported version of
 * Node is what the hashes in test/sim/golden are for, and node-versions.test.ts.
 */
import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { SimCluster } from "../../lab/sim/cluster/sim-cluster.ts";
import { runSwarm } from "../../lab/sim/swarm/play-schedule.ts";
import { JournalLine } from "../../node/wire/journal.ts";

const FINGERPRINT = /^[0-9a-f]{16}$/;

function run(seed: number): SimCluster {
  const links = { loss: 0.1, duplicate: 0.05, reorder: 0.1 };
  const sim = new SimCluster({ nodes: 5, seed, ...links, wire: true, fingerprint: true });
  sim.startAll(40);
  sim.runFor(1_000);
  for (let i = 0; i < 20; i++) {
    sim.sell(1 + (i % 5), 1 + ((i + 1) % 5), 2);
    sim.runFor(25);
  }
  sim.kill(5);
  sim.partition([1, 2], [3, 4]);
  sim.runFor(1_500);
  sim.heal();
  sim.start(5);
  sim.runFor(2_000);
  return sim;
}

function hashOf(sim: SimCluster): string {
  return createHash("sha256")
    .update(sim.journal.lines.map((line) => JSON.stringify(line)).join("\n"))
    .digest("hex");
}

it("two runs of one seed must have the same journal and the same datagrams", () => {
  const [first, second, other] = [run(11), run(11), run(12)];
  expect(hashOf(second)).toBe(hashOf(first));
  expect(first.journal.fingerprint()).toMatch(FINGERPRINT);
  expect(second.journal.fingerprint()).toBe(first.journal.fingerprint());
  expect(other.journal.fingerprint()).not.toBe(first.journal.fingerprint());
  expect(hashOf(other)).not.toBe(hashOf(first));
});

it("the journal must have the format that real nodes print, without gaps", () => {
  const next = new Map<string, number>();
  for (const line of run(13).journal.lines) {
    JournalLine.parse(line);
    const key = `${line.node}.${line.inc}`;
    expect(line.seq).toBe(next.get(key) ?? 1);
    next.set(key, line.seq + 1);
  }
  expect(next.size).toBe(7);
});

it("two swarm runs of one seed must be the same", () => {
  const [first, second] = [runSwarm(5, { fingerprint: true }), runSwarm(5, { fingerprint: true })];
  expect(first.fingerprint).toMatch(FINGERPRINT);
  expect(second).toEqual(first);
});
