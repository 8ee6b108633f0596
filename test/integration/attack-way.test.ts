/**
 * Attacks on real nodes by somebody on the way between them. Without the key it hears all and sends any copy to anybody from any address; with
 * the key it also speaks in others' names. The same in virtual time: test/sim/hostile.test.ts.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { createKeyring, parseKeys } from "../../node/runtime/keyring.ts";
import { WINDOW_PACKETS } from "../../node/runtime/replay-window.ts";
import { encodeMessage } from "../../node/wire/codec.ts";
import { audienceOf, type Header, peekHeader, sealDatagram } from "../../node/wire/envelope.ts";
import type { Message, MessageType } from "../../node/wire/message.ts";
import { eventually, until } from "../support/eventually.ts";
import { randomKeys } from "../support/hostile.ts";
import { TestLab, type TestNode } from "../support/node-process.ts";
import { type Copy, messagesIn, Way } from "../support/way.ts";

const KEYS = randomKeys();
const IDS = [1, 2, 3, 4, 5] as const;
const INTRODUCTIONS: readonly MessageType[] = ["PING", "PONG", "JOIN"];

let lab: TestLab;
let way: Way;
const nodes = new Map<number, TestNode>();

beforeAll(async () => {
  // Twice as many ports: each node has a group of its own, in which nobody else is.
  lab = await TestLab.open(2 * IDS.length);
  way = await Way.open(lab, IDS);
  for (const id of IDS) start(id);
  await lab.agree([...nodes.values()], 5);
});

afterAll(async () => {
  await lab[Symbol.asyncDispose]();
  await way[Symbol.asyncDispose]();
});

function start(id: number): TestNode {
  const env = {
    DS_KEYS: KEYS,
    DS_VOTERS: IDS.join(),
    DS_PEERS: way.peersOf(id),
    DS_MULTICAST_PORT: String(lab.port(IDS.length + id)),
  };
  const node = lab.start(id, { env });
  nodes.set(id, node);
  return node;
}

const nodeOf = (id: number): TestNode => nodes.get(id) as TestNode;
const countersOf = async (id: number) => (await nodeOf(id).state()).counters;

/** Everybody sells one credit to the next; none may wait longer than a lost datagram makes it. */
async function tradeRound(ids: readonly number[]): Promise<void> {
  for (const [n, id] of ids.entries()) {
    const peer = ids[(n + 1) % ids.length];
    const result = await nodeOf(id).request({ op: "sell", peer, amount: 1 }, 5_000);
    expect(result, `${id} sells to ${peer}`).toMatchObject({ ok: true, data: { state: "settled" } });
  }
}

/** Where each node believes the others to be: at their doors, and proven. */
async function expectAddresses(): Promise<void> {
  for (const by of IDS)
    for (const member of (await nodeOf(by).state()).members)
      expect(member, `${member.id} at ${by}`).toMatchObject({
        state: "ALIVE",
        address: way.addressOf(member.id, by),
        address_proven: true,
      });
}

test("copies of all unicasts to all must bring the stranger introductions alone, and neither delay a trade nor move a peer", async () => {
  let sent = 0;
  way.onHeard = ({ datagram }) => {
    for (const id of IDS) way.send(id, datagram);
    sent += IDS.length;
  };
  await tradeRound(IDS);
  await until("much was copied", () => sent > 2_000);
  await tradeRound(IDS);
  way.onHeard = () => {};
  await expectAddresses();
  const types = new Set(way.received.flatMap(messagesIn).map(({ message_type }) => message_type));
  expect([...types].filter((type) => !INTRODUCTIONS.includes(type))).toEqual([]);
  expect(way.received.length).toBeLessThan(sent / 5);
});

/** A member's message to node 1 in the name of node 2 and from its address: with the packet number that it gets from node 2's last one. */
async function forger(): Promise<(type: MessageType, payload: object, packetSeq: (last: number) => number) => void> {
  const heard = new Map<number, Header>();
  way.onHeard = ({ from, datagram }) => {
    const header = peekHeader(datagram);
    if (header !== null) heard.set(from, header);
  };
  const [one, two] = await until("both were heard", () => {
    const headers = [heard.get(1), heard.get(2)] as const;
    return headers[0] !== undefined && headers[1] !== undefined && ([headers[0], headers[1]] as const);
  });
  way.onHeard = () => {};
  const keyring = createKeyring(parseKeys("the member's keys", KEYS));
  return (type, payload, packetSeq) => {
    const frame = { message_type: type, sender_id: 2, sender_priority: 2, vector_clock: null, timestamp: 0 };
    const body = encodeMessage({ ...frame, payload } as Message);
    const header = { ...two, packetSeq: packetSeq(two.packetSeq) };
    way.sendAs(2, 1, sealDatagram(header, body, keyring, { id: 1, bootId: one.bootId }));
  };
}

test("one datagram in a peer's name and from its address must not silence it, whatever packet number it has", async () => {
  const forge = await forger();
  const before = await countersOf(1);
  const gained = async (name: string): Promise<number> => ((await countersOf(1))[name] ?? 0) - (before[name] ?? 0);
  // Too far at once; then as far as may be, again and again. The last one twice: it is a copy because the first was taken.
  const step = WINDOW_PACKETS - 10_000;
  for (const packetSeq of [2 ** 47, step, 2 * step, 3 * step, 4 * step, 4 * step])
    forge("PONG", { nonce: "0".repeat(16), target: 2, ok: true, rumours: [] }, () => packetSeq);
  await until("the window has moved", async () => (await gained("drop_replay")) > 0);
  expect(await gained("drop_out_of_window")).toBeGreaterThan(0);
  await tradeRound([1, 2]);
  const dropped = await gained("drop_out_of_window");
  await tradeRound([1, 2]);
  expect(await gained("drop_out_of_window")).toBe(dropped);
  await expectAddresses();
});

test("a fence that is asked for in the name of a node that is there must hold none of its payments back", async () => {
  const forge = await forger();
  const { clock, counters } = await nodeOf(1).state();
  const at = clock["2"] ?? 0;
  forge("FENCE_REQUEST", { stage: "promise", at, accept_loss: false }, (last) => last + 10_000);
  await until("it is refused", async () => {
    const { promises_refused = 0 } = await countersOf(1);
    return promises_refused > (counters.promises_refused ?? 0);
  });
  await tradeRound([2, 3]);
  await until("node 1 has the next payment", async () => ((await nodeOf(1).state()).clock["2"] ?? 0) > at);
});

test("everything that a process was sent must be worthless to the next one", async () => {
  const copies: Copy[] = [];
  way.onHeard = (copy) => {
    if (copy.to === 2 && audienceOf(copy.datagram) === "process") copies.push(copy);
  };
  await tradeRound(IDS);
  await until("there is much to replay", () => copies.length > 80);
  way.onHeard = () => {};
  await nodeOf(2).kill();
  const { balance } = await until("the others know how much it has", async () => {
    const { balances } = await nodeOf(1).state();
    return { balance: balances["2"] };
  });
  // Datagrams that the others still send to the former process would be counted too.
  way.cutOff.add(2);
  const restarted = start(2);
  await until("the new process answers", () => restarted.ping());
  for (const { from, datagram } of copies) {
    way.sendAs(from, 2, datagram);
    way.send(2, datagram);
    // As fast as it reads, so that none is lost in the socket's buffer.
    await restarted.ping();
  }
  await until("all of it is refused", async () => {
    const { drop_misaddressed = 0, drop_bad_tag = 0 } = await countersOf(2);
    return drop_misaddressed + drop_bad_tag === 2 * copies.length;
  });
  way.cutOff.clear();
  await lab.agree([...nodes.values()]);
  await eventually(expectAddresses);
  expect((await restarted.state()).balances["2"]).toBe(balance);
  await tradeRound(IDS);
});

test("votes for one candidate must not elect another one in the same term", async () => {
  await lab.agree([...nodes.values()], 5);
  const votes: Copy[] = [];
  let term = 0;
  let offered = 0;
  way.onHeard = (copy) => {
    for (const { message_type, payload } of messagesIn(copy.datagram)) {
      if (message_type === "OK" && payload.granted && payload.kind === "vote" && copy.to === 4) {
        votes.push(copy);
        term = payload.round_term;
      }
      if (message_type !== "ELECTION" || payload.kind !== "vote" || copy.from !== 3) continue;
      if (votes.length < 2 || payload.term !== term) continue;
      for (const { from, datagram } of votes) {
        way.sendAs(from, 3, datagram);
        way.send(3, datagram);
        offered += 2;
      }
    }
  };
  // Node 3 sleeps through the election, and is cut off when it wakes up: the next term that it knows of is that of node 4.
  nodeOf(3).child.kill("SIGSTOP");
  way.cutOff.add(3);
  await nodeOf(5).kill();
  await until("node 4 is elected", async () => (await nodeOf(4).state()).elected && votes.length >= 2);
  nodeOf(3).child.kill("SIGCONT");
  await nodeOf(3).request({ op: "election" });
  await until("node 3 asked for votes in the same term, and was given those", () => offered > 0);
  await until("node 3 has refused them", async () => {
    const { drop_misaddressed = 0, drop_bad_tag = 0 } = await countersOf(3);
    return drop_misaddressed + drop_bad_tag >= offered;
  });
  const won = nodeOf(3).lines.filter(
    ({ kind, coordinator, elected }) => kind === "election" && coordinator === 3 && elected,
  );
  expect(won).toEqual([]);
  way.onHeard = () => {};
  way.cutOff.clear();
  await lab.agree([1, 2, 3, 4].map(nodeOf), 4);
  await tradeRound([1, 2, 3, 4]);
});
