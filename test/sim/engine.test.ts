/** The lab's own service layer on simulated nodes: the same functions that its commands call, in virtual time. */
import { describe, expect, it } from "vitest";
import { sleep } from "../../lab/base/lab-clock.ts";
import { pause, prepareScale, scale, start, stop } from "../../lab/cluster/change.ts";
import { killNodes, waitForSurvivors } from "../../lab/cluster/failover.ts";
import { lookAtAll, parseCondition } from "../../lab/cluster/lab-conditions.ts";
import type { LabHandle } from "../../lab/cluster/lab-handle.ts";
import { openEngine } from "../../lab/cluster/open-engine.ts";
import { readHistory, trade } from "../../lab/cluster/trade.ts";
import { bringUp } from "../../lab/cluster/up.ts";
import { waitForAgreement, waitUntil } from "../../lab/cluster/wait-for.ts";
import type { LogLine } from "../../lab/engine/engine.ts";
import { isAlive } from "../../lab/engine/node-status.ts";
import { openSimSession } from "../../lab/engine/sim/sim-session.ts";
import { resolveFault } from "../../lab/faults/request.ts";
import { heal, setFault } from "../../lab/faults/service.ts";
import { readLabEntries } from "../../lab/journal/lab-journal.ts";

const signal = new AbortController().signal;

async function up(nodes: number, env: Record<string, string> = {}): Promise<LabHandle> {
  const request = { name: "lab", profile: "fast", nodes, env, voters: null };
  const quiet = { progress: () => {}, onNotice: () => {}, signal };
  return (await bringUp(request, { runtime: "sim", wait: true, timeoutMs: 10_000, ...quiet })).lab;
}

async function waitFor(lab: LabHandle, ...conditions: string[]): Promise<void> {
  const parsed = conditions.map(parseCondition);
  await waitUntil(lab, { timeoutMs: 30_000 }, (answers) => lookAtAll(parsed, lab, answers));
}

/** Cuts the network between two groups, as `lab partition` does. */
async function partition(lab: LabHandle, left: readonly number[], right: readonly number[]): Promise<void> {
  const groups = [left.join(","), right.join(",")];
  await setFault(lab, await resolveFault(lab, { verb: "partition", groups, oneWay: false, forMs: null }));
}

/** A session with everything in it; returns what the nodes wrote. */
async function playEverything(seed: number): Promise<string> {
  await using _session = await openSimSession(seed);
  const lab = await up(5);
  await trade(lab, "sell", { from: 1, peer: 2, amount: 30 }, { until: "settled", timeoutMs: 5_000 });
  const { before, atMs } = await lab.locked("kill", () => killNodes(lab, "leader", "SIGKILL", isAlive));
  expect(before).toBe(5);
  const agreed = await waitForSurvivors(lab, lab.running, { timeoutMs: 10_000 });
  expect(agreed.agreement.coordinator).toBe(4);
  expect(lab.clock.nowMs() - atMs).toBeLessThan(1_500);
  await lab.locked("start", () => start(lab, [5]));
  await waitFor(lab, "converged");
  await partition(lab, [1, 2], [3, 4, 5]);
  await waitFor(lab, "agree");
  await trade(lab, "sell", { from: 2, peer: 1, amount: 5 }, { until: "settled", timeoutMs: 5_000 });
  await trade(lab, "buy", { from: 3, peer: 4, amount: 7 }, { until: "settled", timeoutMs: 5_000 });
  await heal(lab, { all: true });
  await waitFor(lab, "converged", "balance:1=75", "balance:2=125", "balance:3=107", "balance:4=93");
  const lines: LogLine[] = [];
  const options = { follow: false, tail: null, sinceMs: null, signal };
  for await (const line of lab.engine.logs(lab.name, lab.ids, options)) lines.push(line);
  return lines.map((line) => line.text).join("\n");
}

it("everything that a lab does must work, and the same seed and commands must give the same journal", {
  timeout: 120_000,
}, async () => {
  const first = await playEverything(1);
  expect(first.split("\n").length).toBeGreaterThan(100);
  expect(await playEverything(1)).toBe(first);
  expect(await playEverything(2)).not.toBe(first);
});

describe("a simulated lab", () => {
  it("must let time pass only while somebody waits, and then faster than the machine's", async () => {
    await using session = await openSimSession(3);
    const { clock } = session.engine;
    const lab = await up(3);
    const atMs = clock.nowMs();
    await new Promise((resolve) => setImmediate(resolve));
    expect(clock.nowMs()).toBe(atMs);
    const startedAtMs = performance.now();
    await sleep(clock, 60_000);
    expect(clock.nowMs() - atMs).toBe(60_000);
    expect(performance.now() - startedAtMs).toBeLessThan(20_000);
    expect((await waitForAgreement(lab, { timeoutMs: 1_000 })).agreement.coordinator).toBe(3);
  });

  it("must execute a repeated request once", async () => {
    await using _session = await openSimSession(4);
    const lab = await up(3);
    const body = { op: "sell", peer: 2, amount: 10, inc: 1, until: "settled" } as const;
    const requestId = "one-request-asked-twice";
    const first = await lab.call(1, body, { requestId });
    expect(await lab.call(1, body, { requestId })).toEqual(first);
    expect((await readHistory(lab, 1, null)).total).toBe(1);
    await expect(lab.call(1, { ...body, amount: 11 }, { requestId })).rejects.toThrow(/another request/);
  });

  it("must end a pause by itself", async () => {
    await using _session = await openSimSession(4);
    const lab = await up(3);
    await lab.locked("pause", () => pause(lab, [2], lab.clock.wallMs() + 1_500));
    await waitFor(lab, "nodes=2");
    await expect(lab.call(2, { op: "ping" })).rejects.toThrow(/paused/);
    await waitFor(lab, "nodes=3", "agree");
  });

  it("must keep its nodes' faults over a restart, as real nodes do", async () => {
    await using _session = await openSimSession(5);
    const lab = await up(3);
    await partition(lab, [1], [2, 3]);
    await lab.locked("stop", () => stop(lab, [1], 5_000));
    expect((await lab.refresh()).nodes.map(({ status }) => status)).toEqual(["exited", "running", "running"]);
    // Without the lab's help.
    await lab.engine.start(lab.name, 1);
    await sleep(lab.clock, 3_000);
    await lab.refresh();
    const pings = await lab.ping();
    expect(pings.get(1)?.coordinator).toBe(1);
    expect(pings.get(2)?.coordinator).toBe(3);
  });

  it("must stand still when a promise breaks, and say so to a caller that waits or asks", async () => {
    await using session = await openSimSession(8);
    const lab = await up(3);
    session.engine.clock.schedule(500, () => {
      throw new Error("S1: a credit too many");
    });
    const broken = { exit: "invariantViolated", message: expect.stringContaining("S1: a credit too many") };
    await expect(waitFor(lab, "leader=2")).rejects.toMatchObject(broken);
    await expect(sleep(lab.clock, 1)).rejects.toMatchObject(broken);
    await expect(lab.refresh()).rejects.toMatchObject(broken);
    await expect(lab.call(1, { op: "ping" })).rejects.toMatchObject(broken);
  });

  it("must scale both ways, and obey the settings of a node", async () => {
    await using _session = await openSimSession(6);
    const lab = await up(3, { DS_INITIAL_CREDITS: "500" });
    expect((await lab.pingOne(1))?.balance).toBe(500);
    await lab.locked("scale", async () => scale(lab, await prepareScale(lab, 5), signal));
    await waitFor(lab, "nodes=5", "leader=5");
    await lab.locked("scale", async () => scale(lab, await prepareScale(lab, 2), signal));
    await waitFor(lab, "leader=2");
    expect(lab.ids).toEqual([1, 2]);
  });

  it("must write down once when a node ended that no command ended, however many look at the same time", async () => {
    await using _session = await openSimSession(8);
    const lab = await up(3);
    const diedAtMs = lab.clock.wallMs();
    await lab.engine.kill(lab.name, 3, "SIGKILL");
    await sleep(lab.clock, 2_000);
    await Promise.all([lab.refresh(), lab.refresh(), lab.locked("look", () => Promise.resolve())]);
    await waitFor(lab, "leader=2", "state:3=FAILED");
    const died = (await readLabEntries(lab.state)).filter(({ action }) => action === "died");
    expect(died).toMatchObject([{ nodes: [3], atMs: diedAtMs, exitCode: 137, oom: false, signal: "SIGKILL", node: 0 }]);
  });

  it("must refuse a setting that can't be, as a node does", async () => {
    await using _session = await openSimSession(7);
    await expect(up(3, { DS_INITIAL_CREDITS: "many" })).rejects.toMatchObject({ exit: "usage" });
  });
});

it("without a session there must be no simulated engine, and a clear reason", async () => {
  await expect(openEngine("sim")).rejects.toMatchObject({ exit: "unsupported" });
});
