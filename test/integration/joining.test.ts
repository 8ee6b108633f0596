// How real processes come into a group: without disks and multicast, with another clock or disk than before, and with an older copy of their
// disk (node/protocol/joining.md).
import { cpSync, rmSync } from "node:fs";
import { expect, test } from "vitest";
import { until } from "../support/eventually.ts";
import { TestLab, type TestNode } from "../support/node-process.ts";

const FIVE = { DS_VOTERS: "1,2,3,4,5", DS_NODES: "1,2,3,4,5" };

test("two nodes without disks and multicast that know only a third one must meet, and all follow one leader", async () => {
  await using lab = await TestLab.open(6);
  // Nobody else is in the group of its own that each of them has.
  const start = (id: number, peers: string): TestNode =>
    lab.start(id, {
      memoryOnly: true,
      env: { DS_MULTICAST_PORT: String(lab.port(3 + id)), ...(peers === "" ? {} : { DS_PEERS: peers }) },
    });
  const one = start(1, "");
  await one.hears("is READY");
  const known = `1:127.0.0.1:${lab.port(1)}`;
  const nodes = [one, start(2, known), start(3, known)];
  await lab.agree(nodes, 3);
  for (const node of nodes) {
    const { members } = await node.state();
    expect(members.filter(({ state }) => state === "ALIVE")).toHaveLength(2);
    expect(node.said("Not believed")).toBeUndefined();
  }
  expect(await nodes[2]?.request({ op: "sell", peer: 2, amount: 5 })).toMatchObject({ ok: true });
});

test("a node without a disk must be let in again with a data directory", async () => {
  await using lab = await TestLab.open(3);
  const env = { DS_VOTERS: "1,2,3", DS_NODES: "1,2,3" };
  const [one, two, three] = [1, 2, 3].map((id) => lab.start(id, { env, memoryOnly: id === 2 })) as [
    TestNode,
    TestNode,
    TestNode,
  ];
  await lab.agree([one, two, three], 3);
  expect(await two.request({ op: "sell", peer: 1, amount: 5 })).toMatchObject({ ok: true });
  const before = (await two.state()).inc;
  await two.kill();
  await until(
    "node 1 misses it",
    async () => (await one.state()).members.find(({ id }) => id === 2)?.state === "FAILED",
  );
  const again = lab.start(2, { env });
  await lab.agree([one, again, three], 3);
  expect((await again.ping())?.inc).toBeGreaterThan(before);
  expect(await again.request({ op: "sell", peer: 1, amount: 5 })).toMatchObject({ ok: true, data: { balance: 90 } });
});

test("an older copy of a disk must not pay before it has what the others know of its log", async () => {
  await using lab = await TestLab.open(5);
  const nodes = [1, 2, 3, 4, 5].map((id) => lab.start(id, { env: FIVE })) as TestNode[];
  await lab.agree(nodes, 5);
  const others = nodes.filter(({ id }) => id !== 2);
  await (nodes[1] as TestNode).kill();
  cpSync(lab.dataDir(2), `${lab.dataDir(2)}-backup`, { recursive: true });
  const second = lab.start(2, { env: FIVE });
  await lab.agree([...others, second], 5);
  expect(await second.request({ op: "sell", peer: 1, amount: 60 })).toMatchObject({ ok: true });
  await second.kill();
  rmSync(lab.dataDir(2), { recursive: true });
  cpSync(`${lab.dataDir(2)}-backup`, lab.dataDir(2), { recursive: true });
  const third = lab.start(2, { env: FIVE });
  const paid = await until("it answers", async () => {
    const result = await third.request({ op: "sell", peer: 3, amount: 90 }, 300);
    return result === null || (!result.ok && result.code === "NOT_READY") ? false : result;
  });
  expect(paid).toMatchObject({ ok: false, code: "INSUFFICIENT_CREDITS" });
  expect(third.said(/^Incarnation \d+ is stale/)).toBeDefined();
  expect((await third.ping())?.balance).toBe(40);
});

test("a joiner must always tell of an answer and of what it got, before it is READY", async () => {
  await using lab = await TestLab.open(4);
  const env = { DS_VOTERS: "1,2,3" };
  const nodes = [1, 2, 3].map((id) => lab.start(id, { env })) as TestNode[];
  await lab.agree(nodes, 3);
  const told = [/^Received JOIN_RESPONSE from /, /^Vector clock synchronized /, /^State synchronized /, / is READY$/];
  for (let round = 0; round < 8; round++) {
    const joiner = lab.start(4, { env });
    await joiner.hears("is READY");
    const positions = told.map((text) => joiner.lines.findIndex(({ msg }) => text.test(msg)));
    expect(positions).not.toContain(-1);
    expect(positions).toEqual(positions.toSorted((a, b) => a - b));
    expect(joiner.said(told[0] as RegExp)).toMatchObject({ phase: "SYNCING" });
    await joiner.kill();
  }
});
