// Every message of the group must fit one datagram in the worst case that the limits allow.
import { describe, expect, test } from "vitest";
import { encodeMessage } from "../../node/wire/codec.ts";
import { OVERHEAD_BYTES } from "../../node/wire/envelope.ts";
import { CoreNode, genesisOf, originOf, type Sent } from "../support/core-node.ts";

const SEQ_MAX = 281_474_976_710_656;
const ADDRESS = "255.255.255.255:65535";

/** A node of 200 with the largest ids, counters, incarnations, addresses and rumours. */
function giant(config = {}): CoreNode {
  const id = 65_535;
  const self = { incarnation: 0xffff_ffff, address: ADDRESS };
  const recovered = { term: SEQ_MAX - 1, votedFor: null, accounts: [genesisOf(id)], records: [], intents: [] };
  const node = new CoreNode(id, { voters: [65_531, 65_532, 65_533, 65_534, id], ...config }, self, recovered);
  node.feed({ type: "start" });
  const { state } = node;
  for (let n = 1; n < 200; n++) {
    const peer = id - n * 300;
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
      rumour: { of: id - n * 300, state: "SUSPECTED", inc: 0xffff_fff0, rinc: 2_147_483_646, by: id - 300 },
      sendsLeft: 9,
    });
  return node.clear();
}

function bytesOf(sent: Sent): number {
  const stamped = { ...sent.message, timestamp: 9_999_999_999_999.99 };
  return encodeMessage(stamped).length + OVERHEAD_BYTES;
}

describe("at 200 nodes, in the worst case,", () => {
  test("HEARTBEAT must fit, and tell every row within 8 beats", () => {
    const node = giant();
    const told = new Set<number>();
    for (let beat = 0; beat < 8; beat++) {
      node.clear().run(11_000 * 2);
      const sent = node.sent("HEARTBEAT")[0];
      if (sent === undefined) throw new Error("no heartbeat");
      expect(bytesOf(sent)).toBeLessThanOrEqual(1_200);
      for (const row of sent.payload.digest.keys()) told.add(row);
    }
    expect(told.size).toBeGreaterThan(0);
  });

  test("HEARTBEAT with ordinary counters must tell all 200 rows within 8 beats", () => {
    const node = CoreNode.ready(1, { voters: [1, 2, 3] });
    for (let n = 2; n <= 200; n++) node.state.ledger.durable.set(n, 20_000 + n);
    const told = new Set<number>();
    node.clear();
    while (node.sent("HEARTBEAT").length < 8) node.run(100);
    for (const sent of node.sent("HEARTBEAT").slice(0, 8)) {
      expect(bytesOf(sent)).toBeLessThanOrEqual(1_200);
      for (const row of sent.payload.digest.keys()) told.add(row);
    }
    expect(told.size).toBe(200);
  });

  test("JOIN, JOIN_RESPONSE, COORDINATOR, LEAVE, ELECTION, OK, PING and PONG must fit", () => {
    const node = giant();
    node.state.phase = "JOINING";
    const peer = originOf(65_235, { incarnation: 0xffff_fff1, bootId: "a".repeat(16), address: ADDRESS });
    node.join(peer, { account: genesisOf(65_235) });
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

  test("JOIN_RESPONSE must name every ordinary id, and every row that fits", () => {
    const node = CoreNode.ready(1, { voters: [1, 2, 3] });
    for (let n = 2; n <= 200; n++) {
      node.beat(originOf(n));
      node.state.ledger.durable.set(n, 20_000 + n);
    }
    node.clear().join(originOf(201));
    const response = node.sent("JOIN_RESPONSE")[0];
    if (response === undefined) throw new Error("no response");
    const { clock_state, known_nodes } = response.payload;
    expect(bytesOf(response)).toBeLessThanOrEqual(1_200);
    expect(new Set([...clock_state.keys(), ...known_nodes.keys()]).size).toBeGreaterThanOrEqual(200);
    expect(clock_state.size).toBeGreaterThan(20);
  });
});
