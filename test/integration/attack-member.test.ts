// Attacks on real nodes by a member: it has the cluster key and says what it likes. The others stay up, bounded, agree and trade, and
// say what they saw (node/protocol/security.md).
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TERM_STEP_MAX } from "../../node/core/membership/plausible.ts";
import { MEMBERS_MAX, TERM_MAX } from "../../node/wire/ids.ts";
import { until } from "../support/eventually.ts";
import { Attacker, randomKeys } from "../support/hostile.ts";
import { TestLab, type TestNode } from "../support/node-process.ts";

const KEYS = randomKeys();
const RSS_MIB_MAX = 220;

let lab: TestLab;
let nodes: TestNode[];
let member: Attacker;

beforeAll(async () => {
  lab = await TestLab.open(5);
  nodes = [1, 2, 3].map((id) => lab.start(id, { env: { DS_KEYS: KEYS, DS_VOTERS: "1,2,3", DS_NODES: "1,2,3" } }));
  await lab.agree(nodes, 3);
  member = await Attacker.open(9, KEYS);
  for (const id of [1, 2, 3]) {
    await member.meet(lab.port(id), id);
    member.beat(lab.port(id));
    member.chunk(lab.port(id), { accounts: [member.ownGenesis()] });
  }
  await until("its account is known", async () => (await balances(1))["9"] === 100 && (await balances(2))["9"] === 100);
});

afterAll(async () => {
  await member[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
});

const stateOf = async (id: number) => (nodes[id - 1] as TestNode).state();
const balances = async (id: number): Promise<Record<string, number>> => (await stateOf(id)).balances;
const counter = async (id: number, name: string): Promise<number> => (await stateOf(id)).counters[name] ?? 0;

/** After every attack: all are up, of one mind and of bounded size, and money moves. */
async function isWell(): Promise<void> {
  await lab.agree(nodes);
  for (const [from, to] of [
    [1, 2],
    [2, 3],
    [3, 1],
  ] as const) {
    const result = await nodes[from - 1]?.request({ op: "sell", peer: to, amount: 1 }, 20_000);
    expect(result).toMatchObject({ ok: true, data: { state: "settled" } });
  }
  for (const id of [1, 2, 3]) {
    const { rss_bytes, members, phase } = await stateOf(id);
    expect(phase).toBe("READY");
    expect(members.length).toBeLessThan(MEMBERS_MAX);
    expect(rss_bytes / 1_048_576).toBeLessThan(RSS_MIB_MAX);
  }
}

describe("a hostile member", () => {
  test("must not get in what isn't a message, however it is sealed", async () => {
    const port = lab.port(2);
    const nested = (depth: number, open: string, close: string): string => open.repeat(depth) + close.repeat(depth);
    const before = (await stateOf(2)).counters;
    const sent = {
      drop_not_json: ["", "{", "[1,2", '{"a":1}}', nested(550, "[", "")],
      drop_schema: [
        nested(550, "[", "]"),
        `{"message_type":"PING","payload":${nested(130, '{"a":', "").replace(/$/, "0")}${"}".repeat(130)}}`,
        '{"__proto__":{"message_type":"LEAVE"}}',
        '{"message_type":"LEAVE","sender_id":9,"sender_priority":9,"vector_clock":null,"timestamp":0,"payload":{"msg_id":7}}',
        JSON.stringify({ ...member.message("LEAVE", { msg_id: "m" }), sender_id: 2 ** 53 }),
        JSON.stringify({
          ...member.message("COORDINATOR", { msg_id: "m", coordinator_id: 9, term: 0, elected: true }),
          payload: { msg_id: "m", coordinator_id: 9, term: 2 ** 53, elected: true },
        }),
      ],
      drop_unknown_type: ['{"message_type":"DANCE"}'],
      drop_sender_mismatch: [JSON.stringify({ ...member.message("LEAVE", { msg_id: "m" }), sender_id: 1 })],
    };
    for (const body of Object.values(sent).flat()) member.raw(port, member.seal(body));
    // An older life of the member, and one life told by another process at another place.
    member.raw(port, member.seal(member.message("LEAVE", { msg_id: "m" }), { incarnation: 0 }));
    await until("all of it is counted", async () => {
      const { counters } = await stateOf(2);
      const gained = (name: string): number => (counters[name] ?? 0) - (before[name] ?? 0);
      return (
        Object.entries(sent).every(([name, bodies]) => gained(name) === bodies.length) &&
        gained("drop_stale_incarnation") === 1
      );
    });
    await isWell();
  });

  test("must not spend one debit twice unseen", async () => {
    for (const id of [1, 2]) member.chunk(lab.port(id), { records: [member.firstDebit(1, 10)] });
    await until("the first one is booked", async () => (await balances(2))["9"] === 90);
    for (let i = 0; i < 200; i++) member.chunk(lab.port(2), { records: [member.firstDebit(2, 20 + (i % 80))] });
    await until("the others are counted", async () => (await counter(2, "equivocations")) === 200);
    const node = nodes[1] as TestNode;
    expect((await node.state()).equivocations).toEqual([{ account: 9, count: 200 }]);
    expect(await node.request({ op: "status" })).toMatchObject({
      text: expect.stringContaining("EQUIVOCATION: contradictions in the log of Node 9 (200), ignored"),
    });
    const lines = node.lines.filter((line) => line.msg.startsWith("EQUIVOCATION: debit 1 of Node 9"));
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.length).toBeLessThan(5);
    await isWell();
  });

  test("must not stop anybody with an absurd digest", async () => {
    const digest = new Map(Array.from({ length: 40 }, (_, i) => [i + 1, 2 ** 48] as const));
    for (let i = 0; i < 50; i++) for (const id of [1, 2, 3]) member.beat(lab.port(id), { digest });
    await until("they ask for proof", async () => (await counter(1, "own_log_doubted")) > 0);
    // For as long as the record may be on its way no node pays; then they do.
    await until("node 1 pays again", async () => {
      const result = await nodes[0]?.request({ op: "sell", peer: 2, amount: 1 });
      return result?.ok === true;
    });
    await until("node 2 and 3 pay again", async () => {
      const results = await Promise.all([2, 3].map((id) => nodes[id - 1]?.request({ op: "sell", peer: 1, amount: 1 })));
      return results.every((result) => result?.ok === true);
    });
    await isWell();
  });

  test("must not poison the term: elections go on", async () => {
    const { term } = await stateOf(1);
    for (let i = 0; i < 50; i++) {
      for (const id of [1, 2, 3]) {
        member.beat(lab.port(id), { coordinator_id: 9, term: TERM_MAX, elected: true });
        member.send(lab.port(id), "ELECTION", { kind: "vote", term: TERM_MAX - i, patience: 9 });
      }
    }
    await until("they don't believe it", async () => (await counter(1, "terms_absurd")) > 50);
    await nodes[2]?.kill();
    await lab.agree(nodes.slice(0, 2), 2);
    const after = await stateOf(1);
    expect(after.elected).toBe(true);
    expect(after.term).toBeGreaterThan(term);
    // Two steps at most fit the time that this took.
    expect(after.term).toBeLessThan(20 * TERM_STEP_MAX);
    nodes[2] = lab.start(3, { env: { DS_KEYS: KEYS, DS_VOTERS: "1,2,3", DS_NODES: "1,2,3" } });
    await lab.agree(nodes, 3);
    await isWell();
  });

  test("must not keep newcomers out with a roster of 10,000", async () => {
    for (let at = 0; at < 10_000; at += 10) {
      const members = Array.from({ length: 10 }, (_, i) => ({
        id: 1_000 + at + i,
        inc: 1,
        rinc: 0,
        state: "ALIVE" as const,
        addr: `127.1.${(at + i) >> 8}.${(at + i) & 255}:9`,
      }));
      for (const id of [1, 2, 3]) member.chunk(lab.port(id), { members });
      // As fast as the node reads, so that none is lost in the socket's buffer.
      if (at % 400 === 0) await stateOf(1);
    }
    await until("the table is full", async () => (await counter(1, "members_full")) > 5_000);
    const newcomer = lab.start(4, { env: { DS_KEYS: KEYS, DS_VOTERS: "1,2,3" } });
    await until("node 4 is READY", async () => (await newcomer.ping())?.phase === "READY", 30_000);
    await until("it can pay", async () => (await newcomer.request({ op: "sell", peer: 1, amount: 1 }))?.ok === true);
    await isWell();
  });
});
