// A data directory that is gone, on real processes and disks: the way back, what it waits for, and what a person can give up
// (node/protocol/recovery.md). And a recording of a command, played back to the next process (control channel).
import { rmSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { RecoveryData } from "../../node/wire/control.ts";
import { until } from "../support/eventually.ts";
import { TestLab, type TestNode } from "../support/node-process.ts";

const THREE = { DS_VOTERS: "1,2,3", DS_NODES: "1,2,3" };

async function start(lab: TestLab): Promise<[TestNode, TestNode, TestNode]> {
  const nodes: [TestNode, TestNode, TestNode] = [1, 2, 3].map((id) => lab.start(id, { env: THREE })) as never;
  await lab.agree(nodes, 3);
  return nodes;
}

async function loseDisk(lab: TestLab, node: TestNode): Promise<void> {
  await node.kill("SIGKILL");
  rmSync(lab.dataDir(node.id), { recursive: true });
}

const sell = (peer: number, amount: number) => ({ op: "sell", peer, amount });

describe("a node whose data directory is gone", () => {
  test("must come back with its old balance, and pay", async () => {
    await using lab = await TestLab.open(3);
    const [one, two, three] = await start(lab);
    expect(await two.request(sell(1, 30))).toMatchObject({ ok: true });
    await loseDisk(lab, two);
    const again = lab.start(2, { env: THREE });
    await lab.agree([one, again, three], 3);
    expect(await again.state()).toMatchObject({ balance: 70, durable: true });
    expect(await again.request(sell(3, 70))).toMatchObject({ ok: true, data: { state: "settled", balance: 0 } });
    // The fence is on its disk: the next start is an ordinary one.
    await again.kill("SIGKILL");
    const third = lab.start(2, { env: THREE });
    await lab.agree([one, third, three], 3);
    expect(third.said("RECOVERING")).toBeUndefined();
    expect(await third.request(sell(1, 1))).toMatchObject({ ok: false, code: "INSUFFICIENT_CREDITS" });
  });

  test("must say for whom it waits, through a restart too, and go on without it when told so", async () => {
    await using lab = await TestLab.open(3);
    const [one, two, three] = await start(lab);
    expect(await two.request(sell(3, 30))).toMatchObject({ ok: true });
    await three.kill("SIGKILL");
    await loseDisk(lab, two);
    let again = lab.start(2, { env: THREE });
    const waiting = "waits for Node 3 (FAILED; start it)";
    await again.hears(waiting);
    expect(await one.request({ op: "recover", accept_loss: true })).toMatchObject({ code: "NOT_RECOVERING" });
    const refused = await again.request(sell(1, 1));
    expect(refused).toMatchObject({ ok: false, code: "NOT_READY", message: expect.stringContaining(waiting) });
    await again.kill("SIGKILL");
    again = lab.start(2, { env: THREE });
    await again.hears(waiting);
    const asked = await again.request({ op: "recover" });
    expect(asked).toMatchObject({ ok: true, text: expect.stringContaining("that only Node 3 may hold") });
    expect((asked as { data: RecoveryData }).data).toMatchObject({ at: 1, balance: 70, at_risk: [3] });
    const status = await again.request({ op: "status" });
    expect(status).toMatchObject({ text: expect.stringContaining(`State: RECOVERING - ${waiting}`) });

    const accepted = await again.request({ op: "recover", accept_loss: true });
    expect(accepted).toMatchObject({ ok: true, data: { state: "recovered", balance: 70 } });
    expect(await again.request(sell(1, 10))).toMatchObject({ ok: true });
    const back = lab.start(3, { env: THREE });
    await lab.agree([one, again, back], 3);
    await until("all ledgers are equal", async () => {
      const pings = await Promise.all([one, again, back].map((node) => node.ping()));
      return new Set(pings.map((ping) => ping?.ledger_hash)).size === 1;
    });
    expect((await back.state()).balances).toEqual({ 1: 110, 2: 60, 3: 130 });
  });
});

describe("a recorded command", () => {
  test.each(["leave", "election"])("%s must do nothing when it is played back after a restart", async (op) => {
    await using lab = await TestLab.open(1);
    const env = { DS_NODES: "1" };
    const first = lab.start(1, { env });
    await lab.agree([first], 1);
    const recording = lab.sealRequest({ op, request_id: "recorded", boot: await lab.bootOf(1) });
    lab.sendRaw(1, recording);
    if (op === "leave") await first.exited;
    else await first.hears("STARTING ELECTION");
    await first.kill("SIGKILL");

    const second = lab.start(1, { env });
    await lab.agree([second], 1);
    const before = second.lines.filter((line) => line.msg.includes("STARTING ELECTION")).length;
    lab.sendRaw(1, recording);
    const state = await until("the recording is counted", async () => {
      const now = await second.state();
      return now.counters.control_stale === 1 ? now : false;
    });
    expect(state).toMatchObject({ phase: "READY", coordinator: 1 });
    expect(second.lines.filter((line) => line.msg.includes("STARTING ELECTION"))).toHaveLength(before);
    // The same, asked of this process, is done.
    expect(await second.request({ op })).toMatchObject({ ok: true });
  });
});
