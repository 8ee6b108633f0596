/**
 * A member that says everything that the wire can carry, field by field: the others keep running, agree, and no credit is made or lost. What
 * members are trusted with (node/protocol/security.md) is left out, as in test/sim/liar.test.ts.
 */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Draw } from "../../lab/sim/world/draw.ts";
import { decodeBody, encodeMessage } from "../../node/wire/codec.ts";
import { DATAGRAM_BYTES_MAX, OVERHEAD_BYTES } from "../../node/wire/envelope.ts";
import { type Genesis, MESSAGE_TYPES, type Message, type MessageType, type Payload } from "../../node/wire/message.ts";
import { CALM_BEAT } from "../support/calm-beat.ts";
import { until } from "../support/eventually.ts";
import { Attacker, randomKeys } from "../support/hostile.ts";
import { liesOf } from "../support/lies.ts";
import { TestLab, type TestNode } from "../support/node-process.ts";
import { testSeed } from "../support/test-seed.ts";
import { messagesIn } from "../support/way.ts";

const SEED = testSeed("ATTACK_SEED", 1);
const KEYS = randomKeys();
const HONEST = [1, 2, 3] as const;
const CREDITS = 10_000;
const NOBODY = 65_535;

let lab: TestLab;
/** So many have brought an account of 100 credits. */
let liars = 0;
const nodes = new Map<number, TestNode>();
const nodeOf = (id: number): TestNode => nodes.get(id) as TestNode;

beforeAll(async () => {
  lab = await TestLab.open(3);
  for (const id of HONEST) start(id);
  await lab.agree([...nodes.values()], 3);
});

afterAll(() => lab[Symbol.asyncDispose]());

function start(id: number): void {
  const env = { DS_KEYS: KEYS, DS_VOTERS: "1,2,3", DS_NODES: "1,2,3", DS_INITIAL_CREDITS: String(CREDITS) };
  nodes.set(id, lab.start(id, { env }));
}

/** All run, are of one mind and have the same money, and it moves. */
async function isWell(): Promise<void> {
  await lab.agree([...nodes.values()], undefined, 20_000);
  // A node whose log was doubted doesn't pay for as long as the record may be on its way.
  for (const [from, to] of [
    [1, 2],
    [2, 3],
    [3, 1],
  ] as const)
    await until(`node ${from} pays node ${to}`, async () => {
      const result = await nodeOf(from).request({ op: "sell", peer: to, amount: 1 });
      return result?.ok;
    });
  const seen = await until("equal ledgers", async () => {
    const states = await Promise.all(HONEST.map((id) => nodeOf(id).state()));
    return new Set(states.map(({ ledger_hash }) => ledger_hash)).size === 1 && states;
  });
  for (const { balances } of seen)
    expect(Object.values(balances).reduce((sum, balance) => sum + balance, 0)).toBe(
      HONEST.length * CREDITS + 100 * liars,
    );
  for (const node of nodes.values()) expect(node.child.exitCode).toBeNull();
}

/** An account of nobody, the same wherever it is told. */
const emptyAccount = (id: number): Genesis => ({ id, epoch: 1, nonce: id.toString(16).padStart(16, "0"), initial: 0 });

/** Nothing is signed: accounts that nobody has yet and later processes of silent peers are believed. */
function withinItsMeans(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withinItsMeans);
  if (typeof value !== "object" || value === null || value instanceof Map) return value;
  const fields = value as Record<string, unknown>;
  if ("initial" in fields && !HONEST.some((id) => id === fields.id)) return emptyAccount(fields.id as number);
  const subject = fields.of ?? fields.id;
  if ("rinc" in fields && HONEST.some((id) => id === subject)) return { ...fields, inc: 1 };
  return Object.fromEntries(Object.entries(fields).map(([key, inner]) => [key, withinItsMeans(inner)]));
}

/** A member with an account and one debit, at a proven address. */
async function openLiar(id: number): Promise<Attacker> {
  const liar = await Attacker.open(id, KEYS);
  for (const honest of HONEST) {
    const port = lab.port(honest);
    await liar.meet(port, honest);
    liar.beat(port);
    liar.chunk(port, { accounts: [liar.ownGenesis()], records: [liar.firstDebit(1, 10)] });
  }
  await until(`everybody knows Node ${id}`, async () => {
    const states = await Promise.all(HONEST.map((honest) => nodeOf(honest).state()));
    return states.every(
      ({ balances, members }) =>
        balances[id] === 90 && members.some((member) => member.id === id && member.address_proven),
    );
  });
  liars += 1;
  return liar;
}

/** Its messages to node `to`; `nonce`: of a question that is open there. */
function liesTo(to: number, liar: Attacker, type: MessageType, nonce: string): Message[] {
  const usual = {
    ...CALM_BEAT,
    ...liar.firstDebit(1, 10),
    target_id: to,
    candidate: to,
    to_inc: 1,
    nonce,
    refused: "STALE_INC",
    known_inc: 2,
  };
  const draw = new Draw(SEED, `${type} to ${to}`);
  return liesOf(type, { ids: [liar.id, ...HONEST, NOBODY], usual, draw }).flatMap((lie, n) => {
    const payload = withinItsMeans(lie) as Payload<MessageType>;
    // Each request is a trade of its own, as far as the walk leaves its id alone.
    if (type === "TRADE_REQUEST" && n % 4 > 0) Object.assign(payload, { trade_id: `${liar.id}-${to}-1.${n + 2}` });
    const message = liar.message(type, payload);
    const body = encodeMessage(message);
    return body.length <= DATAGRAM_BYTES_MAX - OVERHEAD_BYTES && decodeBody(body)[0]?.ok === true ? [message] : [];
  });
}

/** As fast as the node reads. */
async function tell(to: number, liar: Attacker, type: MessageType, nonce = "0".repeat(16)): Promise<number> {
  const lies = liesTo(to, liar, type, nonce);
  for (const [n, lie] of lies.entries()) {
    liar.raw(lab.port(to), liar.seal(lie, {}, liar.recipient(lab.port(to), type)));
    if (n % 50 === 49) await nodeOf(to).ping();
  }
  return lies.length;
}

/** Calls back with each datagram that a node sends to the group. */
async function listenToGroup(onHeard: (datagram: Uint8Array) => void): Promise<Socket> {
  const socket = createSocket({ type: "udp4", reuseAddr: true });
  socket.on("message", onHeard);
  socket.bind(lab.groupPort, "224.1.1.1");
  await once(socket, "listening");
  socket.addMembership("224.1.1.1", "127.0.0.1");
  return socket;
}

describe(`a member that says everything there is to say (ATTACK_SEED=${SEED})`, () => {
  test.each(MESSAGE_TYPES.map((type, n) => [type, 10 + n] as const))("%s", async (type, id) => {
    await using liar = await openLiar(id);
    const before = (await nodeOf(2).state()).counters;
    const told = await Promise.all(HONEST.map((to) => tell(to, liar, type)));
    expect(Math.min(...told)).toBeGreaterThan(15);
    await until("all of it was heard", async () => {
      const { datagrams_received = 0 } = (await nodeOf(2).state()).counters;
      return datagrams_received - (before.datagrams_received ?? 0) >= (told[1] ?? 0);
    });
    await isWell();
  });

  test("all of it, to a node that joins, in answer to its JOIN", async () => {
    const id = 10 + MESSAGE_TYPES.length;
    await using liar = await openLiar(id);
    let nonce: string | null = null;
    const ear = await listenToGroup((datagram) => {
      for (const { message_type, sender_id, payload } of messagesIn(datagram))
        if (message_type === "JOIN" && sender_id === 1) nonce = payload.nonce;
    });
    try {
      await nodeOf(1).kill();
      start(1);
      const asked = await until("node 1 asks", () => nonce);
      liar.met.delete(lab.port(1));
      await liar.meet(lab.port(1), 1);
      for (const type of MESSAGE_TYPES) if (type !== "LEAVE") await tell(1, liar, type, asked);
      await tell(1, liar, "LEAVE");
      await isWell();
    } finally {
      ear.close();
    }
  });
});
