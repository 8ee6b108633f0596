/** The tap: what tcpdump writes, and which receives, drops and duplicates belong to which send. */
import { encode } from "@msgpack/msgpack";
import { describe, expect, test } from "vitest";
import { decodeAll } from "../../lab/kind/decode.ts";
import { countRecords, type Datagram, readPcap } from "../../lab/kind/pcap.ts";
import { matchDatagrams } from "../../lab/kind/tap.ts";

const SECOND = 1_700_000_000;

function ipPacket(source: number, text: string): Buffer {
  const payload = Buffer.from(text);
  const ip = Buffer.alloc(28);
  ip.set([0x45, 0, 0, 28 + payload.length, 0x12, 0x34, 0, 0, 1, 17], 0);
  ip.set([10, 0, 0, source, 239, 7, 7, 7, 0x1c, 0xe8, 0x1c, 0xe8, 0, 8 + payload.length], 12);
  return Buffer.concat([ip, payload]);
}

function pcap(link: number, frames: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(24);
  head.writeUInt32LE(0xa1b2c3d4, 0);
  head.writeUInt32LE(link, 20);
  const parts = frames.map((frame, i) => {
    const record = Buffer.alloc(16);
    record.writeUInt32LE(SECOND, 0);
    record.writeUInt32LE(1_500 + i, 4);
    record.writeUInt32LE(frame.length, 8);
    return Buffer.concat([record, frame]);
  });
  return Buffer.concat([head, ...parts]);
}

function sll2(packetType: number, ip: Buffer): Buffer {
  const head = Buffer.alloc(20);
  head.set([0x08, 0x00]);
  head[10] = packetType;
  return Buffer.concat([head, ip]);
}

function field(type: number, value: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(4 + value.length, 0);
  head.writeUInt16LE(type, 2);
  return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
}

describe("a file of tcpdump", () => {
  test("must give datagrams with their direction, and what is whole of one that is cut off", () => {
    const file = pcap(276, [sll2(4, ipPacket(2, "hello")), sll2(2, ipPacket(3, "x"))]);
    const [sent, received] = readPcap(file);
    expect(sent).toMatchObject({
      isOutgoing: true,
      source: "10.0.0.2",
      target: "239.7.7.7",
      sourcePort: 7400,
      ipId: 0x1234,
      bytes: 5,
    });
    expect(Buffer.from(sent?.payload ?? []).toString()).toBe("hello");
    expect(sent?.atMs).toBe(SECOND * 1_000 + 1.5);
    expect(received?.isOutgoing).toBe(false);
    for (let end = 0; end < file.length; end++) expect(readPcap(file.subarray(0, end)).length).toBeLessThan(2);
    expect([file, file.subarray(0, -1), file.subarray(0, 3)].map(countRecords)).toEqual([2, 1, 0]);
  });

  test("of rules must have the instants of the kernel, whatever the batch", () => {
    const stamp = Buffer.alloc(16);
    stamp.writeBigUInt64BE(BigInt(SECOND - 1), 0);
    stamp.writeBigUInt64BE(250_000n, 8);
    const frame = Buffer.concat([Buffer.from([2, 0, 0, 5]), field(3, stamp), field(9, ipPacket(2, "gone"))]);
    expect(readPcap(pcap(239, [frame]))[0]).toMatchObject({
      atMs: (SECOND - 1) * 1_000 + 250,
      source: "10.0.0.2",
      bytes: 4,
    });
  });

  test("must not be taken for one when it isn't", () => {
    expect(readPcap(Buffer.from("nonsense that is longer than a header"))).toEqual([]);
    expect(readPcap(pcap(276, [sll2(4, Buffer.from([0x45])), Buffer.alloc(3)]))).toEqual([]);
  });
});

describe("matching", () => {
  const addresses = new Map([
    ["10.0.0.1", 1],
    ["10.0.0.2", 2],
    ["10.0.0.3", 3],
  ]);
  const datagram = (atMs: number, isOutgoing = false, ipId = 0): Datagram => ({
    atMs,
    isOutgoing,
    ipId,
    source: "10.0.0.1",
    target: "239.7.7.7",
    sourcePort: 1,
    targetPort: 1,
    payload: Buffer.from("beat"),
    bytes: 4,
  });
  const tell = (captures: Parameters<typeof matchDatagrams>[0]) =>
    matchDatagrams(captures, addresses).map(({ node, kind, send }) => `${kind} ${send} at ${node}`);

  test("must tell equal datagrams apart by time", () => {
    const sent = { node: 1, isDrop: false, datagrams: [datagram(100, true), datagram(400, true)] };
    const seen = { node: 2, isDrop: false, datagrams: [datagram(101), datagram(401)] };
    expect(tell([sent, seen])).toEqual(["send 1 at 1", "recv 1 at 2", "send 2 at 1", "recv 2 at 2"]);
  });

  test("must say that a rule dropped what the interface saw", () => {
    const sent = { node: 1, isDrop: false, datagrams: [datagram(100, true)] };
    const seen = { node: 2, isDrop: false, datagrams: [datagram(100.2)] };
    const dropped = { node: 2, isDrop: true, datagrams: [datagram(100.3)] };
    const other = { node: 3, isDrop: false, datagrams: [datagram(100.1)] };
    expect(tell([sent, seen, dropped, other])).toEqual(["send 1 at 1", "recv 1 at 3", "drop 1 at 2"]);
  });

  test("must tell duplicates, and leave out what nobody is known to have sent", () => {
    const sent = { node: 1, isDrop: false, datagrams: [datagram(100, true)] };
    const seen = { node: 2, isDrop: false, datagrams: [datagram(101), datagram(102), datagram(103, false, 9)] };
    expect(tell([sent, seen])).toEqual(["send 1 at 1", "recv 1 at 2", "duplicate 1 at 2"]);
  });
});

test("payloads must be told as MessagePack", async () => {
  const program = { files: {}, build: null, folder: "/", messages: { decode: "msgpack" } };
  const payloads = [
    encode({ type: "PING", at: 2n ** 60n, raw: new Uint8Array(3) }, { useBigInt64: true }),
    new Uint8Array([0xc1]),
  ];
  expect(await decodeAll(payloads, program)).toEqual([
    { type: "PING", summary: '{"type":"PING","at":"1152921504606846976","raw":"3 bytes"}' },
    { type: "datagram", summary: "1 bytes" },
  ]);
});

test("payloads must be told as JSON where they are, and by their size elsewhere", async () => {
  const program = { files: {}, build: null, folder: "/", messages: { decode: "json" } };
  const payloads = ['{"type":"PING"}', "\u0000\u0001", "7"].map((text) => Buffer.from(text));
  expect((await decodeAll(payloads, program)).map(({ type }) => type)).toEqual(["PING", "datagram", "message"]);
  expect(
    (await decodeAll(payloads, { ...program, messages: { decode: "./none.js" } })).map(({ type }) => type),
  ).toEqual(["datagram", "datagram", "datagram"]);
});
