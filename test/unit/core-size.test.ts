// Every message of the group must fit one datagram in the worst case that the limits allow.
import { describe, expect, test } from "vitest";
import { sendHeartbeat } from "../../node/core/lifecycle/heartbeat.ts";
import { encodeMessage } from "../../node/wire/codec.ts";
import { OVERHEAD_BYTES } from "../../node/wire/envelope.ts";
import { MEMBERS_MAX } from "../../node/wire/ids.ts";
import type { Message } from "../../node/wire/message.ts";
import { CoreNode, genesisOf, originOf } from "../support/core-node.ts";

const SEQ_MAX = 281_474_976_710_656;
const ADDRESS = "255.255.255.255:65535";

/** Between two ids of a group as large as may be. */
const STEP = 65;

/** A node of 1,000 with the largest ids, counters, incarnations, addresses and rumours. */
function giant(config = {}): CoreNode {
  const id = 65_535;
  const self = { incarnation: 0xffff_ffff, address: ADDRESS };
  const recovered = { term: SEQ_MAX - 1, votedFor: null, accounts: [genesisOf(id)], records: [], intents: [] };
  const node = new CoreNode(id, { voters: [65_531, 65_532, 65_533, 65_534, id], ...config }, self, recovered);
  node.feed({ type: "start" });
  const { state } = node;
  for (let n = 1; n < MEMBERS_MAX; n++) {
    const peer = id - n * STEP;
    node.beat(originOf(peer, { incarnation: 0xffff_fff0, address: ADDRESS }));
    const member = state.members.get(peer);
    if (member !== undefined) member.rinc = 2_147_483_646;
    state.ledger.durable.set(peer, SEQ_MAX - n);
    state.ledger.digest.changed.add(peer);
  }
  Object.assign(state.election, { coordinator: id, role: "COORDINATOR", claimTerm: SEQ_MAX - 1 });
  state.phase = "RECOVERING";
  state.rinc = 2_147_483_647;
  for (let n = 1; n < 20; n++)
    state.rumours.items.push({
      rumour: { of: id - n * STEP, state: "SUSPECTED", inc: 0xffff_fff0, rinc: 2_147_483_646, by: id - STEP },
      sendsLeft: 9,
    });
  return node.clear();
}

/** As many of 20,000 debits each. */
function ordinary(): CoreNode {
  const node = CoreNode.ready(1, { voters: [1, 2, 3] });
  for (let n = 2; n <= MEMBERS_MAX; n++) node.state.ledger.durable.set(n, 20_000 + n);
  return node;
}

function bytesOf(sent: { readonly message: Message }): number {
  const stamped = { ...sent.message, timestamp: 9_999_999_999_999.99 };
  return encodeMessage(stamped).length + OVERHEAD_BYTES;
}

test("JOIN_RESPONSE must leave without any row where not even one has room", () => {
  const node = CoreNode.ready(1, { voters: [1, 2, 3], bodyBytesMax: 300 });
  node.beat(originOf(2));
  node.clear().join(originOf(2));
  const { clock_state, known_nodes, more } = node.sent("JOIN_RESPONSE")[0]?.payload ?? {};
  expect([clock_state?.size, known_nodes?.size, more]).toEqual([0, 0, true]);
});

describe("at 1,000 nodes, in the worst case,", () => {
  test.each([
    { name: "the largest counters", node: giant, beats: 36 },
    { name: "ordinary counters", node: ordinary, beats: 10 },
  ])("HEARTBEAT must fit, and tell every row within $beats beats with $name", ({ node: create, beats }) => {
    const { state } = create();
    const told = new Set<number>();
    for (let beat = 0; beat < beats; beat++) {
      state.outbox = [];
      sendHeartbeat(state);
      const [effect] = state.outbox;
      if (effect?.type !== "multicast" || effect.message.message_type !== "HEARTBEAT") throw new Error("no heartbeat");
      expect(bytesOf(effect)).toBeLessThanOrEqual(1_200);
      for (const row of effect.message.payload.digest.keys()) told.add(row);
    }
    expect(told.size).toBe(MEMBERS_MAX);
  });

  test("JOIN, JOIN_RESPONSE, COORDINATOR, LEAVE, ELECTION, OK, PING and PONG must fit", () => {
    const node = giant();
    node.state.phase = "JOINING";
    const peer = originOf(65_470, { incarnation: 0xffff_fff1, bootId: "a".repeat(16), address: ADDRESS });
    node.join(peer, { account: genesisOf(65_470) });
    node.receive(peer, "PING", { nonce: "f".repeat(16), rumours: [] });
    node.receive(peer, "ELECTION", { kind: "alive", term: 1, patience: 0 });
    node.receive(peer, "ELECTION", { kind: "vote", term: 1, patience: 0 });
    node.run(2_000);
    node.feed({ type: "stop" });
    node.run(3_000);
    const largest = new Map<string, number>();
    for (const sent of node.sent()) largest.set(sent.type, Math.max(largest.get(sent.type) ?? 0, bytesOf(sent)));
    expect([...largest.keys()]).toEqual(
      expect.arrayContaining(["JOIN", "JOIN_RESPONSE", "OK", "PING", "PONG", "LEAVE"]),
    );
    for (const [type, bytes] of largest) expect(bytes, type).toBeLessThanOrEqual(1_200);
  });

  test.each([200, 999])(
    "JOIN_RESPONSE to the last of %i nodes must have its row, name as many ids as it can, and say what is missing",
    (size) => {
      const node = CoreNode.ready(1, { voters: [1, 2, 3] });
      for (let n = 2; n <= size; n++) {
        node.beat(originOf(n));
        node.state.ledger.durable.set(n, 20_000 + n);
      }
      node.clear().join(originOf(size));
      const response = node.sent("JOIN_RESPONSE")[0];
      if (response === undefined) throw new Error("no response");
      const { clock_state, known_nodes } = response.payload;
      expect(bytesOf(response)).toBeLessThanOrEqual(1_200);
      expect(new Set([...clock_state.keys(), ...known_nodes.keys()]).size).toBeGreaterThanOrEqual(Math.min(size, 140));
      expect(clock_state.size).toBeGreaterThan(20);
      expect(clock_state.get(size)).toBe(20_000 + size);
      expect(response.payload.more).toBe(true);
    },
  );
});
