// Bundles: what leaves in one turn for one receiver leaves in one datagram, and arrives as what it was (node/protocol/wire.md#bundles).
import { setImmediate as turnEnd } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { createIntake, type Drop } from "../../node/runtime/intake.ts";
import { createKeyring, OPEN_KEYS } from "../../node/runtime/keyring.ts";
import { createOutgoing } from "../../node/runtime/outgoing.ts";
import { PROCESS_CLOCK, PROCESS_SCHEDULE } from "../../node/runtime/process-ports.ts";
import type { Sent } from "../../node/runtime/wire-lines.ts";
import { encodeMessage, joinBodies } from "../../node/wire/codec.ts";
import { DATAGRAM_BYTES_MAX, sealDatagram } from "../../node/wire/envelope.ts";
import type { Message } from "../../node/wire/message.ts";

const ONE = { id: 1, bootId: "00000000000000aa" };
const SELF = { id: 2, incarnation: 5, bootId: "00000000000000bb", address: null };

function ack(seq: number, sender = SELF.id): Message {
  return {
    message_type: "ACK",
    sender_id: sender,
    sender_priority: sender,
    vector_clock: null,
    payload: { origin: 1, seq },
    timestamp: 0,
  };
}

/** For everybody, unlike ACK. */
function debit(seq: number): Message {
  const record = { trade_id: `2-1-5.${seq}`, buyer_id: 1, seller_id: 2, amount: 1, seq, prev_hash: "0".repeat(16) };
  return {
    ...ack(seq),
    message_type: "TRADE_CONFIRM",
    payload: { success: true, ...record, deps: new Map([[2, seq]]) },
  } as Message;
}

function seqOf({ payload }: Message): number {
  return "seq" in payload ? payload.seq : -1;
}

function setUp() {
  const keyring = createKeyring(OPEN_KEYS);
  const group: Uint8Array[] = [];
  const unicasts: { datagram: Uint8Array; address: string }[] = [];
  const sent: Sent[] = [];
  const oversize: number[] = [];
  const outgoing = createOutgoing({
    keyring,
    self: () => SELF,
    datagramBytesMax: DATAGRAM_BYTES_MAX,
    socket: {
      sendGroup: (datagram) => group.push(datagram),
      sendTo: (datagram, address) => unicasts.push({ datagram, address }),
    },
    clock: PROCESS_CLOCK,
    schedule: PROCESS_SCHEDULE,
    onSent: (_message, how) => sent.push(how),
    onOversize: (_message, bytes) => oversize.push(bytes),
  });
  const drops: Drop[] = [];
  const intake = createIntake({
    keyring,
    self: ONE,
    datagramBytesMax: DATAGRAM_BYTES_MAX,
    peerOf: () => undefined,
    isAwaited: () => false,
    onDropped: () => {},
    onDrop: (drop) => drops.push(drop),
    nowMs: () => 0,
  });
  const seqsIn = (datagram: Uint8Array | undefined): number[] =>
    intake.accept(datagram ?? new Uint8Array(), "10.0.0.2:6002").map(({ message }) => seqOf(message));
  return { outgoing, group, unicasts, sent, oversize, intake, drops, keyring, seqsIn };
}

describe("what leaves together", () => {
  test("must be one datagram for each receiver and one for the group, in order, at the end of the turn", async () => {
    const { outgoing, group, unicasts, sent, seqsIn } = setUp();
    outgoing.unicast(ack(1), ONE, "10.0.0.1:6001");
    outgoing.multicast(debit(2), []);
    outgoing.unicast(ack(3), ONE, "10.0.0.1:6001");
    outgoing.unicast(ack(4), { id: 3, bootId: "0000000000000033" }, "10.0.0.3:6003");
    expect(group.length + unicasts.length).toBe(0);
    await turnEnd();
    expect(unicasts.map(({ address }) => address)).toEqual(["10.0.0.1:6001", "10.0.0.3:6003"]);
    expect(seqsIn(unicasts[0]?.datagram)).toEqual([1, 3]);
    expect(seqsIn(group[0])).toEqual([2]);
    expect(sent.map(({ packetSeq, index, to }) => [packetSeq, index, to])).toEqual([
      [1, 0, 1],
      [1, 1, 1],
      [2, 0, null],
      [3, 0, 3],
    ]);
  });

  test("must be sealed once when a multicast is fanned out by unicast", () => {
    const { outgoing, group, unicasts, sent } = setUp();
    outgoing.multicast(debit(1), ["10.0.0.1:6001", "10.0.0.3:6003"]);
    outgoing.flush();
    expect(unicasts).toEqual(["10.0.0.1:6001", "10.0.0.3:6003"].map((address) => ({ datagram: group[0], address })));
    expect(sent).toHaveLength(1);
  });

  test("must fit the datagram, however much there is, and leave nothing out", () => {
    const { outgoing, unicasts, oversize, seqsIn } = setUp();
    const seqs = Array.from({ length: 50 }, (_, i) => i + 1);
    for (const seq of seqs) outgoing.unicast(ack(seq), ONE, "10.0.0.1:6001");
    outgoing.flush();
    expect(unicasts.length).toBeGreaterThan(1);
    expect(unicasts.length).toBeLessThan(12);
    for (const { datagram } of unicasts) expect(datagram.length).toBeLessThanOrEqual(DATAGRAM_BYTES_MAX);
    expect(unicasts.flatMap(({ datagram }) => seqsIn(datagram))).toEqual(seqs);
    expect(oversize).toEqual([]);
  });

  test("must lose only the message that is wrong", () => {
    const { intake, drops, keyring } = setUp();
    const header = { control: false, keyId: 0, sender: 2, incarnation: 5, bootId: SELF.bootId, packetSeq: 1 };
    const bodies = [ack(1), ack(2, 3), ack(3)].map(encodeMessage);
    const nested = new TextEncoder().encode('[{"message_type":"ACK"}]');
    const datagram = sealDatagram(
      { ...header, keyId: keyring.primaryKeyId },
      joinBodies([...bodies, nested, new TextEncoder().encode('{"message_type":"NEWS"}')]),
      keyring,
      ONE,
    );
    expect(intake.accept(datagram, "10.0.0.2:6002").map(({ index }) => index)).toEqual([0, 2]);
    expect(drops.map(({ reason }) => reason)).toEqual(["sender_mismatch", "schema", "unknown_type"]);
  });

  test("must not be an empty list", () => {
    const { intake, drops, keyring } = setUp();
    const header = {
      control: false,
      keyId: keyring.primaryKeyId,
      sender: 2,
      incarnation: 5,
      bootId: SELF.bootId,
      packetSeq: 1,
    };
    expect(intake.accept(sealDatagram(header, new TextEncoder().encode("[]"), keyring), "10.0.0.2:6002")).toEqual([]);
    expect(drops.map(({ reason }) => reason)).toEqual(["schema"]);
  });
});
