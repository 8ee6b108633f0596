/**
 * What stands on the wire, byte by byte (node/protocol/wire.md): vector clocks, the envelope, hashes. Another program could be written from
 * these.
 */
import { createHash } from "node:crypto";
import { describe, expect, it, test } from "vitest";
import { type Clock, decodeClock, encodeClock } from "../../node/wire/clock.ts";
import {
  type Authenticator,
  audienceOf,
  DATAGRAM_BYTES_MAX,
  type Header,
  OVERHEAD_BYTES,
  openDatagram,
  peekBody,
  peekHeader,
  type Recipient,
  sealDatagram,
} from "../../node/wire/envelope.ts";
import { sha256Hex64 } from "../../node/wire/sha256.ts";

const base64 = (...bytes: readonly number[]): string => Buffer.from(bytes).toString("base64").replaceAll("=", "");

describe("a vector clock", () => {
  test.each<[Clock, number[]]>([
    [new Map(), []],
    [new Map([[1, 0]]), [1, 0]],
    [new Map([[1, 127]]), [1, 127]],
    [new Map([[1, 128]]), [1, 0x80, 1]],
    [new Map([[300, 2 ** 48]]), [0xac, 2, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40]],
    // Ids as gaps to the one before, in ascending order.
    [
      new Map([
        [65_535, 3],
        [2, 5],
        [9, 4],
      ]),
      [2, 5, 7, 4, 0xf6, 0xff, 3, 3],
    ],
  ])("%o must be these bytes, and be read back in order", (clock, bytes) => {
    expect(encodeClock(clock)).toBe(base64(...bytes));
    expect([...(decodeClock(base64(...bytes)) ?? [])]).toEqual([...clock].sort(([a], [b]) => a - b));
  });

  test.each<[string, string]>([
    ["a gap without a counter", base64(1)],
    ["a counter that is cut off", base64(1, 0x80)],
    ["a gap that is cut off", base64(0x80)],
    ["id 0", base64(0, 1)],
    ["the same id twice", base64(1, 1, 0, 1)],
    ["an id above 65,535", base64(0x80, 0x80, 4, 1)],
    ["a counter above 2^48", base64(1, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40)],
    ["a number of nine bytes", base64(1, ...Array.from({ length: 8 }, () => 0x80), 1)],
    ["a letter that base64 lacks", "AQ-_"],
    ["a letter beyond ASCII", "AQé"],
    ["a letter too many", "AQEBA"],
  ])("must be refused: %s", (_what, text) => {
    expect(decodeClock(text)).toBeNull();
  });

  it("must have room for 1,000 accounts and no more", () => {
    const entries = (count: number) => base64(...Array.from({ length: count }, () => [1, 1]).flat());
    expect(decodeClock(entries(1_000))?.size).toBe(1_000);
    expect(decodeClock(entries(1_001))).toBeNull();
  });

  it("must obey a lower limit of its counters, where one is given", () => {
    expect(decodeClock(base64(1, 5), 5)).toEqual(new Map([[1, 5]]));
    expect(decodeClock(base64(1, 6), 5)).toBeNull();
  });
});

describe("the envelope", () => {
  const header: Header = {
    ...{ control: false, keyId: 7, sender: 0x0102, incarnation: 0x03040506, bootId: "0708090a0b0c0d0e" },
    packetSeq: 0x0f10_11121314,
  };
  const pseudos: Uint8Array[] = [];
  const authenticator: Authenticator = {
    tag: (_header, _bytes, pseudo) => {
      pseudos.push(pseudo.slice());
      return new Uint8Array(16).fill(0xee);
    },
    verify: (_header, _bytes, pseudo, tag) => {
      pseudos.push(pseudo.slice());
      return tag.every((byte) => byte === 0xee) && tag.length === 16 ? "ok" : "bad_tag";
    },
  };
  const body = Uint8Array.of(0x61, 0x62);
  const seal = (to: Recipient | null, of = header) => sealDatagram(of, body, authenticator, to);
  const BOOT = "f0e1d2c3b4a59687";
  const HEAD = "0102030405060708090a0b0c0d0e0f1011121314";

  test.each<[string, Recipient | null, string, string]>([
    ["group", null, "4554020007 00", "00000000000000000000"],
    // The hint is the low byte of the id, mixed with the first of the boot id.
    ["node", { id: 0x1234, bootId: null }, "4554020407 34", "12340000000000000000"],
    ["process", { id: 0x1234, bootId: BOOT }, "4554020807 c4", `1234${BOOT}`],
  ])("to a %s must be these bytes, and prove its receiver", (audience, to, start, pseudo) => {
    const datagram = seal(to);
    expect(Buffer.from(datagram).toString("hex")).toBe(`${start.replace(" ", "")}${HEAD}6162${"ee".repeat(16)}`);
    expect(Buffer.from(pseudos.at(-1) ?? []).toString("hex")).toBe(pseudo);
    expect(audienceOf(datagram)).toBe(audience);
    expect(peekHeader(datagram)).toEqual(header);
    expect(peekBody(datagram)).toEqual(body);
    const receiver = { id: 0x1234, bootId: BOOT };
    expect(openDatagram(datagram, authenticator, receiver)).toEqual({ ok: true, header, audience, body });
    expect(Buffer.from(pseudos.at(-1) ?? []).toString("hex")).toBe(pseudo);
  });

  it("must flag the control channel", () => {
    const datagram = seal(null, { ...header, control: true });
    expect(datagram[3]).toBe(0x02);
    expect(peekHeader(datagram)?.control).toBe(true);
  });

  it("must say what is wrong, in this order: length, magic, version, receiver, tag", () => {
    const good = seal({ id: 5, bootId: BOOT });
    const receiver = { id: 5, bootId: BOOT };
    const openWith = (change: (bytes: Uint8Array) => Uint8Array | undefined, to = receiver) => {
      const copy = good.slice();
      return openDatagram(change(copy) ?? copy, authenticator, to);
    };
    const put = (at: number, byte: number) => (bytes: Uint8Array) => bytes.fill(byte, at, at + 1);
    const longest = new Uint8Array(DATAGRAM_BYTES_MAX).fill(0);
    expect(openWith(() => longest)).toEqual({ ok: false, reason: "magic" });
    expect(openWith(() => new Uint8Array(DATAGRAM_BYTES_MAX + 1))).toEqual({
      ...{ ok: false, reason: "oversize", detail: "1201 B" },
    });
    expect(openWith((bytes) => bytes.subarray(0, OVERHEAD_BYTES - 1))).toEqual({
      ...{ ok: false, reason: "truncated", detail: "41 B" },
    });
    for (const at of [0, 1]) expect(openWith(put(at, 0))).toEqual({ ok: false, reason: "magic" });
    expect(openWith(put(2, 9))).toEqual({ ok: false, reason: "version", detail: "version 9" });
    expect(openWith(put(5, 0))).toEqual({ ok: false, reason: "misaddressed" });
    expect(openWith(put(good.length - 1, 0))).toEqual({ ok: false, reason: "bad_tag", detail: "key 7" });
    expect(openWith((bytes) => bytes, { ...receiver, id: 6 })).toEqual({ ok: false, reason: "misaddressed" });
  });

  it("must be taken with an empty body", () => {
    const empty = sealDatagram(header, new Uint8Array(), authenticator);
    expect(empty.length).toBe(OVERHEAD_BYTES);
    expect(openDatagram(empty, authenticator, null)).toMatchObject({ ok: true, body: new Uint8Array() });
  });
});

describe("hashes", () => {
  test.each([0, 1, 54, 55, 56, 63, 64, 65, 119, 120, 1_023, 1_024, 1_025, 5_000])(
    "of %i bytes must be the first 64 bits of SHA-256, of text and of bytes",
    (length) => {
      const text = "aé€😀".repeat(length).slice(0, length);
      const expected = (input: string | Uint8Array) => createHash("sha256").update(input).digest("hex").slice(0, 16);
      const wellFormed = text.toWellFormed();
      expect(sha256Hex64(wellFormed)).toBe(expected(wellFormed));
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 7) & 255);
      expect(sha256Hex64(bytes)).toBe(expected(bytes));
    },
  );
});
