// A group with as many accounts as a vector can count: a real newcomer is turned away with a sentence that says what to do, and the
// group goes on. The other 998 are accounts that one member tells of.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MEMBERS_MAX } from "../../node/wire/ids.ts";
import { until } from "../support/eventually.ts";
import { Attacker, randomKeys } from "../support/hostile.ts";
import { TestLab, type TestNode } from "../support/node-process.ts";

const KEYS = randomKeys();
/** So many fit a datagram. */
const ACCOUNTS_PER_CHUNK = 10;
const ENV = { DS_KEYS: KEYS, DS_VOTERS: "1,2", DS_NODES: "1,2" };

let lab: TestLab;
let nodes: TestNode[];
let teller: Attacker;

beforeAll(async () => {
  lab = await TestLab.open(3);
  nodes = [1, 2].map((id) => lab.start(id, { env: ENV }));
  await lab.agree(nodes, 2);
  teller = await Attacker.open(1001, KEYS);
  for (const id of [1, 2]) await teller.meet(lab.port(id), id);
});

afterAll(async () => {
  await teller[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
});

describe("a full group", () => {
  test("must turn a newcomer away, who says so and ends, and must go on trading", async () => {
    const own = teller.ownGenesis();
    const accounts = Array.from({ length: MEMBERS_MAX - nodes.length }, (_, i) => ({ ...own, id: own.id + i }));
    await until("everybody's account is known", async () => {
      for (let at = 0; at < accounts.length; at += ACCOUNTS_PER_CHUNK)
        for (const id of [1, 2]) teller.chunk(lab.port(id), { accounts: accounts.slice(at, at + ACCOUNTS_PER_CHUNK) });
      const states = await Promise.all(nodes.map((node) => node.state()));
      return states.every(({ balances }) => Object.keys(balances).length === MEMBERS_MAX);
    });
    const newcomer = lab.start(3, { env: ENV });
    expect(await newcomer.exited).toBe(1);
    expect(newcomer.said(/its group knows 1000 nodes, the most that a group can have/)).toBeDefined();
    const sold = await nodes[0]?.request({ op: "sell", peer: 2, amount: 1 }, 20_000);
    expect(sold).toMatchObject({ ok: true, data: { state: "settled" } });
  });
});
