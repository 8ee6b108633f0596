// A group with as many accounts as a vector can count: a real newcomer is turned away with a sentence that says what to do, and the
// group goes on. The other 998 are members by word only: each has an id, an account and a socket of its own.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MEMBERS_MAX } from "../../node/wire/ids.ts";
import { until } from "../support/eventually.ts";
import { Attacker, randomKeys } from "../support/hostile.ts";
import { TestLab, type TestNode } from "../support/node-process.ts";

const KEYS = randomKeys();
const ENV = { DS_KEYS: KEYS, DS_VOTERS: "1,2", DS_NODES: "1,2" };

let lab: TestLab;
let nodes: TestNode[];
const others: Attacker[] = [];

beforeAll(async () => {
  lab = await TestLab.open(3);
  nodes = [1, 2].map((id) => lab.start(id, { env: ENV }));
  await lab.agree(nodes, 2);
  for (let id = 1001; others.length < MEMBERS_MAX - nodes.length; id++) others.push(await Attacker.open(id, KEYS));
});

afterAll(async () => {
  for (const other of others) await other[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
});

describe("a full group", () => {
  test("must turn a newcomer away, who says so and ends, and must go on trading", async () => {
    await until("everybody's account is known", async () => {
      for (const other of others)
        for (const id of [1, 2]) {
          other.beat(lab.port(id));
          other.chunk(lab.port(id), { accounts: [other.ownGenesis()] });
        }
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
