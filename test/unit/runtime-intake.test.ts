import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createIntake, type Drop, type KnownPeer } from "../../node/runtime/intake.ts";
import { createKeyring, type Keyring, OPEN_KEYS } from "../../node/runtime/keyring.ts";
import { createReplayWindows, WINDOW_PACKETS } from "../../node/runtime/replay-window.ts";
import { createSourceGate } from "../../node/runtime/source-gate.ts";
import { encodeMessage } from "../../node/wire/codec.ts";
import { type Header, type Recipient, sealDatagram } from "../../node/wire/envelope.ts";
import type { Message } from "../../node/wire/message.ts";

const leave = (sender: number): Message => ({
  message_type: "LEAVE",
  sender_id: sender,
  sender_priority: sender,
  vector_clock: null,
  payload: { msg_id: "2-1.1" },
  timestamp: 0,
});
const join = (sender: number): Message => ({
  message_type: "JOIN",
  sender_id: sender,
  sender_priority: sender,
  vector_clock: null,
  payload: {
    msg_id: "2-1.1",
    boot_id: "00000000000000bb",
    nonce: "0000000000000001",
    proto: { min: 2, max: 2 },
    account: null,
    have_hash: "0000000000000000",
  },
  timestamp: 0,
});
const header = (changes: Partial<Header> = {}): Header => ({
  control: false,
  keyId: 0,
  sender: 2,
  incarnation: 5,
  bootId: "00000000000000bb",
  packetSeq: 1,
  ...changes,
});

const SELF = { id: 1, bootId: "00000000000000aa" };
const HOME = "10.0.0.2:6002";
const AWAITED = "00000000000000ee";
const pong = (nonce: string): Message => ({
  ...leave(2),
  message_type: "PONG",
  payload: { nonce, target: 2, ok: true, rumours: [] },
});

function setUp(keyring: Keyring = createKeyring(OPEN_KEYS), nowMs: () => number = () => 0) {
  const drops: Drop[] = [];
  const far: number[] = [];
  /** The core's knowledge; a test may change it. */
  const peers = new Map<number, KnownPeer>([
    [2, { incarnation: 5, bootId: "00000000000000bb", address: HOME, alias: null, isProven: true }],
  ]);
  const intake = createIntake({
    keyring,
    self: SELF,
    datagramBytesMax: 1200,
    peerOf: (sender) => peers.get(sender),
    isAwaited: (from, nonce) => from.sender === 2 && nonce === AWAITED,
    onDropped: ({ sender }, reason) => {
      if (reason === "far") far.push(sender);
    },
    onDrop: (drop) => drops.push(drop),
    nowMs,
  });
  const seal = (message: Message, changes: Partial<Header> = {}, to: Recipient | null = null): Uint8Array =>
    sealDatagram(header(changes), encodeMessage(message), keyring, to);
  /** As the shell does: the core sees the messages, then the intake hears whether it has admitted their sender. */
  const take = (datagram: Uint8Array, address = HOME): number => {
    const accepted = intake.accept(datagram, address);
    if (accepted[0] !== undefined) intake.settle(accepted[0]);
    return accepted.length;
  };
  const reasons = (): string[] => drops.splice(0).map((drop) => drop.reason);
  return { intake, take, seal, drops, reasons, far, peers, keyring };
}

describe("intake", () => {
  test("must pass an authentic message with its origin", () => {
    const { intake, keyring } = setUp();
    const [accepted] = intake.accept(sealDatagram(header(), encodeMessage(leave(2)), keyring), "10.0.0.2:6002");
    expect(accepted?.from).toEqual({
      sender: 2,
      incarnation: 5,
      bootId: "00000000000000bb",
      address: "10.0.0.2:6002",
    });
    expect(accepted?.message.message_type).toBe("LEAVE");
  });

  test("must take each packet number of a boot once, whichever socket brings it", () => {
    const { take, seal, reasons } = setUp();
    const datagram = seal(leave(2));
    expect([take(datagram), take(datagram)]).toEqual([1, 0]);
    expect(reasons()).toEqual(["replay"]);
  });

  test("must take what is for this process from it alone, and tell what is for another one from a forgery", () => {
    const { take, seal, reasons } = setUp();
    const others = [
      { id: 3, bootId: SELF.bootId },
      { id: 1, bootId: "11000000000000aa" },
      { id: 3, bootId: null },
    ];
    for (const [n, to] of others.entries()) expect(take(seal(pong(AWAITED), { packetSeq: n + 1 }, to))).toBe(0);
    expect(reasons()).toEqual(others.map(() => "misaddressed"));
    // The hint is the same by chance: the tag isn't.
    expect(take(seal(pong(AWAITED), { packetSeq: 4 }, { id: 1, bootId: "0000000000000001" }))).toBe(0);
    expect(take(seal(pong(AWAITED), { packetSeq: 4 }, { id: 257, bootId: SELF.bootId }))).toBe(0);
    expect(reasons()).toEqual(["bad_tag", "bad_tag"]);
    expect(take(seal(pong(AWAITED), { packetSeq: 4 }, SELF))).toBe(1);
  });

  test("must not take what was sent to one receiver as a message to all", () => {
    const { take, seal, reasons } = setUp();
    const datagram = seal(leave(2), {}, SELF);
    datagram[3] = 0;
    datagram[5] = 0;
    expect(take(datagram)).toBe(0);
    expect(reasons()).toEqual(["bad_tag"]);
  });

  test("must take from the group what is for all, and of a process that is not known introductions alone", () => {
    const { take, seal, reasons } = setUp();
    const ping: Message = { ...leave(2), message_type: "PING", payload: { nonce: AWAITED, rumours: [] } };
    const node = { id: 1, bootId: null };
    const cases: [Message, Recipient | null, number][] = [
      [leave(2), null, 1],
      [join(2), null, 1],
      [pong(AWAITED), null, 0],
      [ping, null, 0],
      [ping, node, 1],
      [join(2), node, 1],
      [leave(2), node, 0],
      [pong(AWAITED), node, 0],
      [pong(AWAITED), SELF, 1],
    ];
    for (const [n, [message, to, taken]] of cases.entries())
      expect(take(seal(message, { packetSeq: n + 1 }, to)), message.message_type).toBe(taken);
    expect(reasons()).toEqual(["audience", "audience", "audience", "audience"]);
  });

  test("must not let one datagram of a member put a peer's numbers out of reach", () => {
    const { take, seal, reasons, far } = setUp();
    expect(take(seal(leave(2), { packetSeq: 10 }))).toBe(1);
    // Somebody with the key speaks in the peer's name.
    expect(take(seal(pong(AWAITED.replace("e", "f")), { packetSeq: 2 ** 47 }, SELF), "10.0.0.9:1")).toBe(0);
    expect(reasons()).toEqual(["out_of_window"]);
    expect(far).toEqual([2]);
    expect(take(seal(leave(2), { packetSeq: 11 }))).toBe(1);
    expect(take(seal(leave(2), { packetSeq: 10 + WINDOW_PACKETS }, null), "10.0.0.9:1")).toBe(1);
    expect(take(seal(leave(2), { packetSeq: 12 }))).toBe(1);
  });

  test("must hear a peer again whose numbers are far away, once it has answered a question", () => {
    for (const [before, now] of [
      [10, 10_000_000],
      [10_000_000, 10],
    ] as const) {
      const { take, seal, reasons, far } = setUp();
      expect(take(seal(leave(2), { packetSeq: before }))).toBe(1);
      expect(take(seal(leave(2), { packetSeq: now }))).toBe(0);
      expect(far).toEqual([2]);
      expect(take(seal(pong("00000000000000ff"), { packetSeq: now + 1 }, SELF))).toBe(0);
      expect(take(seal(pong(AWAITED), { packetSeq: now + 2 }, SELF))).toBe(1);
      expect(reasons()).toEqual(["out_of_window", "out_of_window"]);
      // Nothing is taken twice, nor what was made before the answer.
      for (const seq of [now, now + 1, now + 2]) expect(take(seal(leave(2), { packetSeq: seq }))).toBe(0);
      expect(reasons()).toEqual(["replay", "replay", "replay"]);
      expect(take(seal(leave(2), { packetSeq: now + 3 }))).toBe(1);
    }
  });

  test("must not move a window for a process that the core hasn't admitted", () => {
    const { take, seal, peers } = setUp();
    const newcomer = { sender: 3, bootId: "00000000000000cc", packetSeq: 2 ** 40 };
    expect(take(seal(join(3), newcomer))).toBe(1);
    const known = { incarnation: 5, bootId: newcomer.bootId, address: HOME, alias: null, isProven: false };
    peers.set(3, known);
    expect(take(seal(join(3), { ...newcomer, packetSeq: 1 }))).toBe(1);
    expect(take(seal(join(3), { ...newcomer, packetSeq: 1 }))).toBe(0);
  });

  test("must drop, by reason, what isn't right", () => {
    const { intake, drops, keyring } = setUp();
    const good = sealDatagram(header({ packetSeq: 9 }), encodeMessage(leave(2)), keyring);
    const altered = (at: number): Uint8Array => {
      const copy = Uint8Array.from(good);
      copy[at] = (copy[at] ?? 0) ^ 1;
      return copy;
    };
    const stranger = createKeyring([{ id: 0, secret: new Uint8Array(32) }]);
    const seal = (changes: Partial<Header>, body: Uint8Array, ring: Keyring = keyring): Uint8Array =>
      sealDatagram(header(changes), body, ring);
    const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
    const cases: [Uint8Array, string][] = [
      [new Uint8Array(1201), "oversize"],
      // The largest that is allowed is looked at.
      [new Uint8Array(1200), "magic"],
      [new Uint8Array(10), "truncated"],
      [altered(0), "magic"],
      [altered(2), "version"],
      [altered(4), "unknown_key"],
      [altered(30), "bad_tag"],
      [altered(good.length - 1), "bad_tag"],
      [seal({ packetSeq: 2 }, encodeMessage(leave(2)), stranger), "bad_tag"],
      [seal({ packetSeq: 3, incarnation: 4 }, encodeMessage(leave(2))), "stale_incarnation"],
      [seal({ packetSeq: 4 }, new TextEncoder().encode("{")), "not_json"],
      [seal({ packetSeq: 5 }, json({ message_type: "LEAVE" })), "schema"],
      [seal({ packetSeq: 6 }, json({ message_type: "DANCE" })), "unknown_type"],
      [seal({ packetSeq: 7 }, encodeMessage(leave(3))), "sender_mismatch"],
      [seal({ sender: 1, bootId: "00000000000000aa" }, encodeMessage(leave(1))), "own"],
    ];
    for (const [datagram] of cases) expect(intake.accept(datagram, "10.0.0.9:1")).toEqual([]);
    expect(drops.map((drop) => drop.reason)).toEqual(cases.map(([, reason]) => reason));
  });

  test("must let a JOIN of an older incarnation through: it is told which one to use", () => {
    const { intake, keyring } = setUp();
    const datagram = sealDatagram(header({ incarnation: 1 }), encodeMessage(join(2)), keyring);
    expect(intake.accept(datagram, "10.0.0.2:6002")[0]?.from.incarnation).toBe(1);
  });

  test("must let a PONG of an older incarnation through: a rival may answer what it was asked", () => {
    const { intake, keyring } = setUp();
    const datagram = sealDatagram(header({ incarnation: 1 }), encodeMessage(pong(AWAITED)), keyring, SELF);
    expect(intake.accept(datagram, "10.0.0.9:6002")[0]?.message.message_type).toBe("PONG");
  });

  test("must not move the replay window for a forged packet number", () => {
    const { intake, keyring } = setUp();
    const forged = sealDatagram(header({ packetSeq: 2 ** 40 }), encodeMessage(leave(2)), keyring);
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    expect(intake.accept(forged, "10.0.0.9:1")).toEqual([]);
    expect(intake.accept(sealDatagram(header(), encodeMessage(leave(2)), keyring), "10.0.0.2:6002")).toHaveLength(1);
  });

  test("must stop looking at the tags of a source that failed too often, and go on hearing everybody else", () => {
    let nowMs = 0;
    const { intake, take, reasons, keyring } = setUp(undefined, () => nowMs);
    const stranger = createKeyring([{ id: 0, secret: new Uint8Array(32) }]);
    const boot = (i: number): string => i.toString(16).padStart(16, "0");
    const forge = (i: number): Uint8Array =>
      sealDatagram(header({ bootId: boot(i) }), encodeMessage(leave(2)), stranger);
    const honest = (seq: number): Uint8Array =>
      sealDatagram(header({ packetSeq: seq }), encodeMessage(leave(2)), keyring);
    expect(take(honest(1))).toBe(1);
    for (let i = 1; i <= 200; i++) intake.accept(forge(i), "10.0.0.9:1");
    expect(reasons().filter((reason) => reason === "bad_tag")).toHaveLength(50);
    // A peer is heard, from its own address even while somebody forges that, and so is a newcomer.
    for (let i = 1; i <= 200; i++) intake.accept(forge(i), "10.0.0.2:6002");
    expect(take(honest(2))).toBe(1);
    const newcomer = header({ sender: 3, bootId: boot(3) });
    expect(intake.accept(sealDatagram(newcomer, encodeMessage(leave(3)), keyring), "10.0.0.3:6003")).toHaveLength(1);
    // Recordings from elsewhere count like forgeries.
    reasons();
    for (let i = 0; i < 200; i++) take(honest(2), "10.0.0.8:1");
    expect(reasons().filter((reason) => reason === "replay")).toHaveLength(50);
    nowMs += 1_000;
    intake.accept(forge(1), "10.0.0.9:1");
    expect(reasons()).toEqual(["bad_tag"]);
  });

  test("must bound what all sources together cost, and what it remembers of them", () => {
    const gate = createSourceGate(() => 0);
    let admitted = 0;
    for (let i = 0; i < 20_000; i++) {
      if (!gate.admits(`10.0.${i >> 8}.${i & 255}:1`)) continue;
      gate.failed(`10.0.${i >> 8}.${i & 255}:1`);
      admitted += 1;
    }
    expect(admitted).toBe(5_000);
    expect(gate.size).toBe(2_000);
  });

  test("must never throw, whatever bytes arrive", () => {
    const { intake } = setUp();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1300 }), (bytes) => intake.accept(bytes, "10.0.0.9:1").length === 0),
    );
  });
});

describe("keyring", () => {
  const oldKey = { id: 1, secret: Buffer.alloc(32, 1) };
  const newKey = { id: 2, secret: Buffer.alloc(32, 2) };
  const body = encodeMessage(leave(2));
  const pseudo = new Uint8Array(10);

  test("must verify with every key and seal with the first", () => {
    const before = createKeyring([oldKey]);
    const during = createKeyring([newKey, oldKey]);
    const sealed = (ring: Keyring): Uint8Array => sealDatagram(header({ keyId: ring.primaryKeyId }), body, ring);
    expect(setUp(during).intake.accept(sealed(before), "a:1")).toHaveLength(1);
    expect(during.primaryKeyId).toBe(2);
    const { intake, drops } = setUp(before);
    expect(intake.accept(sealed(during), "a:1")).toEqual([]);
    expect(drops[0]?.reason).toBe("unknown_key");
    before.replaceKeys([oldKey, newKey]);
    expect(intake.accept(sealed(during), "a:1")).toHaveLength(1);
  });

  test("must keep derived keys of verified boots only, and a bounded number of them", () => {
    const ring = createKeyring([oldKey]);
    const bytes = new Uint8Array(30);
    const boot = (i: number): Header => header({ keyId: 1, bootId: i.toString(16).padStart(16, "0") });
    for (let i = 0; i < 2000; i++) ring.verify(boot(i), bytes, pseudo, new Uint8Array(16));
    expect(ring.derivedCount).toBe(0);
    for (let i = 0; i < 3000; i++) ring.tag(boot(i), bytes, pseudo);
    expect(ring.derivedCount).toBe(2_000);
  });

  test("must not accept a tag of one boot under another", () => {
    const ring = createKeyring([oldKey]);
    const bytes = new Uint8Array(30);
    const tag = ring.tag(header({ keyId: 1 }), bytes, pseudo);
    expect(ring.verify(header({ keyId: 1, bootId: "00000000000000cc" }), bytes, pseudo, tag ?? bytes)).toBe("bad_tag");
  });
});

describe("replay windows", () => {
  test("must accept each number exactly once, in any order within the window", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 200_000 }), { maxLength: 300 }), (numbers) => {
        const windows = createReplayWindows();
        const seen = new Set<number>();
        let highest: number | null = null;
        for (const number of numbers) {
          const isFar: boolean = highest !== null && Math.abs(number - highest) >= WINDOW_PACKETS;
          const expected = isFar ? "far" : seen.has(number) ? "seen" : "fresh";
          if (windows.judge(2, "b", number) !== expected) return false;
          if (expected !== "fresh") continue;
          windows.mark(2, "b", number);
          seen.add(number);
          highest = Math.max(highest ?? 0, number);
        }
        return true;
      }),
    );
  });

  test("must be one for each sender, of its last process", () => {
    const windows = createReplayWindows();
    windows.mark(2, "first", 1);
    expect(windows.judge(2, "first", 1)).toBe("seen");
    expect(windows.judge(2, "second", 1)).toBe("fresh");
    windows.mark(2, "second", 1);
    expect(windows.judge(2, "second", 1)).toBe("seen");
    expect(windows.judge(3, "second", 1)).toBe("fresh");
    expect(windows.judge(2, "second", 0)).toBe("seen");
  });
});
