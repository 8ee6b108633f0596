/** What simulated nodes write at `DS_JOURNAL=wire` and `DS_LOG_LEVEL=DEBUG`: the lines of real nodes, named alike at both ends. */
import { expect, it } from "vitest";
import { sleep } from "../../lab/base/lab-clock.ts";
import { collectJournal } from "../../lab/cluster/collect.ts";
import type { LabHandle } from "../../lab/cluster/lab-handle.ts";
import { trade } from "../../lab/cluster/trade.ts";
import { bringUp } from "../../lab/cluster/up.ts";
import { openSimSession } from "../../lab/engine/sim/sim-session.ts";
import { NO_IMPAIRMENT } from "../../lab/faults/fault.ts";
import { resolveFault } from "../../lab/faults/request.ts";
import { setFault } from "../../lab/faults/service.ts";

async function up(env: Record<string, string>): Promise<LabHandle> {
  const request = { name: "lab", profile: "fast", nodes: 3, env, voters: null };
  const quiet = { progress: () => {}, onNotice: () => {}, signal: new AbortController().signal };
  return (await bringUp(request, { runtime: "sim", wait: true, timeoutMs: 10_000, ...quiet })).lab;
}

it("every message must have one name at both ends, and what a fault swallows or doubles must be told with that name", async () => {
  await using _session = await openSimSession(1);
  await using lab = await up({ DS_JOURNAL: "wire", DS_LOG_LEVEL: "DEBUG" });
  const impairment = { ...NO_IMPAIRMENT, loss: 0.3, duplicate: 0.3 };
  await setFault(lab, await resolveFault(lab, { verb: "netem", nodes: "1", to: "2", impairment, forMs: null }));
  for (let i = 0; i < 5; i++)
    await trade(lab, "sell", { from: 1, peer: 2, amount: 3 }, { until: "settled", timeoutMs: 5_000 });
  await sleep(lab.clock, 5_000);
  const journal = await collectJournal(lab);
  expect(journal.facts).toMatchObject({ hasWire: true, isDetailed: true });
  expect(journal.gaps).toEqual([]);

  const byKind = (kind: string) => journal.entries.filter((entry) => entry.kind === kind);
  const sent = new Map(byKind("send").map((entry) => [entry.id, entry]));
  expect(sent.size).toBe(byKind("send").length);
  for (const received of byKind("recv")) {
    const send = sent.get(received.id);
    expect(send, received.msg).toMatchObject({ type: received.type, from: received.from, node: received.from });
    expect(received.vc).toEqual(send?.vc);
  }
  const lost = byKind("drop").filter(({ reason }) => reason === "impaired_lost");
  const doubles = byKind("duplicate").filter(({ reason }) => reason === "replay");
  expect(lost.length).toBeGreaterThan(3);
  expect(doubles.length).toBeGreaterThan(3);
  const received = new Set(byKind("recv").map(({ node, id }) => `${node} ${id}`));
  for (const { node, id } of lost) {
    expect(sent.has(id)).toBe(true);
    expect(received.has(`${node} ${id}`)).toBe(false);
  }
  for (const { node, id } of doubles) expect(received.has(`${node} ${id}`)).toBe(true);
  expect(byKind("deliver").some(({ level }) => level === "debug")).toBe(true);
});

it("a node must write no more than its own settings say, and number its lines without a gap", async () => {
  await using _session = await openSimSession(1);
  await using lab = await up({});
  await trade(lab, "sell", { from: 1, peer: 2, amount: 3 }, { until: "settled", timeoutMs: 5_000 });
  const { entries, facts, gaps } = await collectJournal(lab);
  expect(facts).toMatchObject({ hasWire: false, isDetailed: false });
  expect(gaps).toEqual([]);
  expect(entries.filter(({ kind, level }) => kind === "send" || kind === "recv" || level === "debug")).toEqual([]);
});
