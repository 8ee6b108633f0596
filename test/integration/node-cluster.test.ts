import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { HistoryData, TradeData } from "../../node/wire/control.ts";
import { until } from "../support/eventually.ts";
import { TestLab, type TestNode } from "../support/node-process.ts";

const VOTERS = { DS_VOTERS: "1,2,3", DS_NODES: "1,2,3" };

async function startThree(lab: TestLab, env: Record<string, string> = VOTERS): Promise<[TestNode, TestNode, TestNode]> {
  const nodes: [TestNode, TestNode, TestNode] = [lab.start(1, { env }), lab.start(2, { env }), lab.start(3, { env })];
  await lab.agree(nodes, 3);
  // Before the vote, all may follow the highest provisionally.
  await until("node 3 is elected", async () => (await nodes[0].ping())?.elected === true);
  return nodes;
}

async function balances(nodes: readonly TestNode[]): Promise<(number | undefined)[]> {
  return (await Promise.all(nodes.map((node) => node.ping()))).map((ping) => ping?.balance);
}

const sell = (peer: number, amount: number, requestId: string, until = "settled") => ({
  op: "sell",
  request_id: requestId,
  peer,
  amount,
  until,
});

describe("three nodes on loopback", () => {
  test("must elect the highest, trade, and show it to everybody", async () => {
    await using lab = await TestLab.open(3);
    const nodes = await startThree(lab);
    const [one, two] = nodes;
    const sold = await one.request(sell(2, 30, "s1"));
    expect(sold).toMatchObject({ ok: true, data: { state: "settled", balance: 70 } });
    expect(await two.request({ op: "buy", peer: 3, amount: 20 })).toMatchObject({ ok: true });
    await until("all balances are told", async () => {
      const states = await Promise.all(nodes.map((node) => node.state()));
      return states.every((state) => JSON.stringify(state.balances) === '{"1":70,"2":150,"3":80}');
    });
    const state = await one.state();
    expect(state).toMatchObject({ role: "FOLLOWER", coordinator: 3, elected: true, durable: true, auth: "open" });
    expect(state.members.map((member) => member.id).sort()).toEqual(expect.arrayContaining([2, 3]));
    const history = (await one.ask("history")) as HistoryData;
    expect(history.entries).toMatchObject([
      { from: 1, to: 2, amount: 30, request_id: "s1" },
      { from: 3, to: 2, amount: 20 },
    ]);
    const status = await one.request({ op: "status" });
    expect(status).toMatchObject({ ok: true, text: expect.stringContaining("Coordinator: Node 3") });
  });

  test("must replace a killed coordinator, and take it back with its credits, history and a greater incarnation", async () => {
    await using lab = await TestLab.open(3);
    const [one, two, three] = await startThree(lab);
    expect(await three.request(sell(1, 25, "s1"))).toMatchObject({ ok: true });
    const { inc } = await three.state();
    await three.kill("SIGKILL");
    const killedAtMs = performance.now();
    await lab.agree([one, two], 2);
    expect(performance.now() - killedAtMs).toBeLessThan(5_000);
    expect(one.said("Node 3 FAILED (sustained heartbeat absence)") ?? two.said("Node 3 FAILED")).toBeDefined();

    const again = lab.start(3, { env: VOTERS });
    await lab.agree([one, two, again], 3);
    const state = await again.state();
    expect(state.balance).toBe(75);
    expect(state.inc).toBe(inc + 1);
    expect(((await again.ask("history")) as HistoryData).total).toBe(1);
  });

  test("must leave gracefully at SIGTERM, and be missed at once", async () => {
    await using lab = await TestLab.open(3);
    const [one, two, three] = await startThree(lab);
    three.child.kill("SIGTERM");
    expect(await three.exited).toBe(0);
    await lab.agree([one, two], 2);
    const state = await one.state();
    expect(state.members.find((member) => member.id === 3)?.state).toBe("LEFT");
    expect(one.said("Node 3 is leaving")).toBeDefined();
    await two.request({ op: "leave" });
    expect(await two.exited).toBe(0);
  });

  test("must work without multicast on --peers", async () => {
    await using lab = await TestLab.open(3);
    // A group port of its own for each: nobody hears anybody's multicast.
    const start = (id: number): TestNode =>
      lab.start(id, {
        env: { ...VOTERS, DS_MULTICAST_GROUP: `224.1.1.${10 + id}` },
        args: [
          "--peers",
          [1, 2, 3]
            .filter((other) => other !== id)
            .map((other) => `${other}:127.0.0.1`)
            .join(","),
        ],
      });
    const nodes = [start(1), start(2), start(3)];
    await lab.agree(nodes, 3);
    expect(await nodes[0]?.request(sell(3, 10, "s1"))).toMatchObject({ ok: true });
    expect(await balances(nodes)).toEqual([90, 100, 110]);
  });

  test("must not suspect others after having been frozen itself", async () => {
    await using lab = await TestLab.open(3);
    const nodes = await startThree(lab);
    const [one] = nodes;
    one.child.kill("SIGSTOP");
    await until("the others notice", async () =>
      (await nodes[1].state()).members.some((member) => member.id === 1 && member.state === "FAILED"),
    );
    const before = one.lines.length;
    one.child.kill("SIGCONT");
    await lab.agree(nodes, 3);
    const sinceThen = one.lines.slice(before).map((line) => line.msg);
    expect(sinceThen.filter((msg) => /Node [23] (SUSPECTED|FAILED)/.test(msg))).toEqual([]);
    await until("node 1 is alive again for all", async () =>
      (await nodes[1].state()).members.some((member) => member.id === 1 && member.state === "ALIVE"),
    );
  });

  test("must obey receive-side faults, keep them over a restart, and heal", async () => {
    await using lab = await TestLab.open(3);
    const [one, two, three] = await startThree(lab);
    const cut = (source: number) => ({ id: `cut-${source}`, source, impairment: { cut: true }, untilMs: null });
    const impaired = await one.request({ op: "impair", generation: 1, rules: [cut(2), cut(3)] });
    expect(impaired).toMatchObject({ ok: true, data: { generation: 1, applied: true, rules: 2, backend: "shim" } });
    await until("node 1 holds the others failed", async () =>
      (await one.state()).members.every((member) => member.id === 1 || member.state === "FAILED"),
    );
    await one.kill("SIGKILL");
    const again = lab.start(1, { env: VOTERS });
    const state = await until("node 1 is back", () => again.state().catch(() => null));
    expect(state.impairments.map((rule) => rule.id)).toEqual(["cut-2", "cut-3"]);
    expect(state.impair_generation).toBe(1);
    expect(await again.request({ op: "impair", generation: 0, rules: [] })).toMatchObject({ ok: false, code: "STALE" });
    expect(await again.request({ op: "impair", generation: 2, rules: [] })).toMatchObject({ ok: true });
    await lab.agree([again, two, three], 3);
  });
});

describe("at most once", () => {
  test("must sell once for any number of copies of the same request, on the wire and across a restart", async () => {
    await using lab = await TestLab.open(3);
    const [one, two, three] = await startThree(lab);
    const request = sell(2, 30, "once");
    const datagram = lab.sealRequest(request);
    for (let i = 0; i < 20; i++) lab.sendRaw(1, datagram);
    expect(await one.request(request)).toMatchObject({ ok: true, data: { state: "settled" } });
    expect(await balances([one, two])).toEqual([70, 130]);
    const { trade_id } = ((await one.request(request)) as { data: TradeData }).data;

    await one.kill("SIGKILL");
    const again = lab.start(1, { env: VOTERS });
    await lab.agree([again, two, three], 3);
    expect(await again.request(request)).toMatchObject({ ok: true, data: { trade_id } });
    expect(await balances([again, two])).toEqual([70, 130]);
    expect(await again.ask("trade", { trade_id })).toMatchObject({ trade_id, state: "settled" });
  });

  test("must refuse in words, with a code, what can't be traded", async () => {
    await using lab = await TestLab.open(3);
    const [one, two] = await startThree(lab);
    const refused = async (body: Record<string, unknown>): Promise<unknown> => {
      const result = await one.request(body);
      return result?.ok === false ? [result.code, result.definite] : result;
    };
    expect(await refused({ op: "sell", peer: 1, amount: 5 })).toEqual(["SELF_TRADE", true]);
    expect(await refused({ op: "sell", peer: 9, amount: 5 })).toEqual(["UNKNOWN_NODE", true]);
    expect(await refused({ op: "sell", peer: 2, amount: 150 })).toEqual(["INSUFFICIENT_CREDITS", true]);
    expect(await refused({ op: "buy", peer: 2, amount: 150 })).toEqual(["INSUFFICIENT_CREDITS", true]);
    expect(await refused({ op: "sell", peer: 2, amount: 0 })).toEqual(["BAD_REQUEST", true]);
    expect(await refused({ op: "sell", peer: 2, amount: 5, inc: 0 })).toEqual(["STALE", true]);
    expect(await balances([one, two])).toEqual([100, 100]);
  });
});

describe("the journal of a process", () => {
  test("must be readable to the last line of a graceful leave, without gaps", async () => {
    await using lab = await TestLab.open(3);
    const nodes = await startThree(lab, { ...VOTERS, DS_JOURNAL: "wire", DS_RUN: "run 1" });
    const [one] = nodes;
    await one.kill("SIGTERM");
    const seqs = one.lines.map((line) => line.seq);
    expect(seqs).toEqual(seqs.map((_, i) => i + 1));
    expect(one.lines.every((line) => line.run === "run 1" && line.node === 1)).toBe(true);
    const kinds = new Set(one.lines.map((line) => line.kind));
    expect([...kinds]).toEqual(expect.arrayContaining(["send", "recv", "local", "member", "election"]));
    const received = nodes[1].lines.filter((line) => line.kind === "recv" && line.from === 1).map((line) => line.id);
    const sent = new Set(one.lines.filter((line) => line.kind === "send").map((line) => line.id));
    expect(received.length).toBeGreaterThan(0);
    expect(received.every((id) => sent.has(id))).toBe(true);
  });

  test("must leave a ready file while the node is ready, and tell where it listens", async () => {
    await using lab = await TestLab.open(3);
    const ready = join(lab.folder, "ready");
    const node = lab.start(1, { env: { DS_READY_FILE: ready } });
    await until("the ready file is there", () => exists(ready));
    const where = JSON.parse(readFileSync(join(lab.dataDir(1), "node.json"), "utf8")) as unknown;
    expect(where).toMatchObject({ id: 1, ip: "127.0.0.1", port: lab.port(1) });
    await node.kill("SIGTERM");
    expect(exists(ready)).toBe(false);
  });
});

function exists(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch {
    return false;
  }
}
