// Somebody who comes after ten thousand trades, on real processes and disks: gets the sums of what is long past and the records of what isn't,
// and nobody stops trading meanwhile (node/protocol/compaction.md#snapshots; L5).
import { expect, test } from "vitest";
import { until } from "../support/eventually.ts";
import { TestLab, type TestNode } from "../support/node-process.ts";

const HISTORY = 10_000;
const ENV = { DS_VOTERS: "1,2,3", DS_NODES: "1,2,3", DS_INITIAL_CREDITS: "1000000" };

test("a node that comes after 10,000 trades must be ready in seconds, while the others go on trading", async () => {
  await using lab = await TestLab.open(4);
  const [one, two, three] = [1, 2, 3].map((id) => lab.start(id, { env: ENV })) as [TestNode, TestNode, TestNode];
  await lab.agree([one, two, three], 3);

  let settled = 0;
  let isOver = false;
  const trade = async (from: TestNode, peer: number): Promise<void> => {
    while (!isOver) {
      expect(await from.request({ op: "sell", peer, amount: 1 })).toMatchObject({ ok: true });
      settled += 1;
    }
  };
  const trading = [one, two, three].flatMap((from) => Array.from({ length: 16 }, () => trade(from, (from.id % 3) + 1)));
  await until("10,000 trades", () => settled >= HISTORY, 60_000);

  const before = settled;
  const four = lab.start(4, { env: ENV });
  await four.hears("Node 4 is READY");
  const meanwhile = settled - before;
  isOver = true;
  await Promise.all(trading);
  expect(meanwhile, "trades while it joined").toBeGreaterThan(0);

  await lab.agree([one, two, three, four], 4);
  await until("equal ledgers", async () => {
    const hashes = await Promise.all([one, two, three, four].map(async (node) => (await node.state()).ledger_hash));
    return new Set(hashes).size === 1;
  });
  const { balances } = await four.state();
  expect(Object.values(balances).reduce((sum, balance) => sum + balance, 0)).toBe(4_000_000);
});
