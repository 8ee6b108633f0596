/**
 * The limits of every field of every message (node/protocol/messages.md, node/protocol/limits.md): the least and the most that is taken,
 * and that one step beyond is refused. A peer that sends more is wrong or hostile, and what passes here is stored and added unchecked.
 */
import { describe, expect, it, test } from "vitest";
import { encodeClock } from "../../node/wire/clock.ts";
import { GROUP_TYPES, INTRODUCTION_TYPES, MESSAGE_TYPES, Message, type MessageType } from "../../node/wire/message.ts";
import { TotalsField } from "../../node/wire/totals.ts";

const HEX = "0123456789abcdef";
const CLOCK = encodeClock(new Map([[1, 2]]));
const CLAIM = { coordinator_id: 3, term: 1, elected: true };
const PROTO = { min: 2, max: 2 };
const RUMOUR = { of: 1, state: "ALIVE", inc: 1, rinc: 0, by: 2 };
const GENESIS = { id: 1, epoch: 1, nonce: HEX, initial: 100 };
const RECORD = { trade_id: "1-2-1.1", buyer_id: 2, seller_id: 1, amount: 5, seq: 1, deps: CLOCK, prev_hash: HEX };
const RECORD_ASKED = { ...RECORD, request_id: "r" };
const MEMBER = { id: 1, inc: 1, rinc: 0, state: "ALIVE", addr: "10.0.0.1:6001" };
const PART = { id: 1, seq: 1, hash: HEX, fenced: 0, paid: TotalsField.encode(new Map([[2, 5]])), named: CLOCK };

/** A good message of each type, with all that may be absent. */
const SAMPLES: Readonly<Record<MessageType, Record<string, unknown>>> = {
  HEARTBEAT: {
    ...{ credits: 100, ...CLAIM, rinc: 0, phase: "READY", hb_seq: 1, digest: CLOCK, ledger_hash: HEX, boot_seq: 0 },
    ...{ voters_hash: HEX, proto: PROTO, fences: CLOCK, rumours: [RUMOUR] },
  },
  JOIN: { msg_id: "1-1.1", boot_id: HEX, nonce: HEX, proto: PROTO, account: GENESIS, have_hash: HEX },
  JOIN_RESPONSE: {
    ...{ msg_id: "1-1.1", nonce: HEX, ...CLAIM, known_nodes: CLOCK, clock_state: CLOCK, more: true, account: GENESIS },
    ...{ phase: "READY", proto: PROTO, fences: CLOCK, refused: "FULL", known_inc: 1, known_addr: "10.0.0.1:6001" },
    ...{ your_addr: "10.0.0.1:6001", seen_term: 1 },
  },
  LEAVE: { msg_id: "1-1.1", clock: CLOCK, ledger_hash: HEX },
  ELECTION: { kind: "vote", term: 1, patience: 0 },
  OK: { kind: "vote", granted: true, candidate: 1, round_term: 1, seen_term: 1, ...CLAIM },
  COORDINATOR: { msg_id: "1-1.1", ...CLAIM },
  TRADE_REQUEST: { target_id: 1, amount: 5, trade_type: "buy", trade_id: "1-2-1.1", to_inc: 1, request_id: "r" },
  TRADE_RESPONSE: { trade_id: "1-2-1.1", accepted: false, reason: "no", to_inc: 1 },
  TRADE_CONFIRM: { success: true, ...RECORD_ASKED },
  ACK: { origin: 1, seq: 1 },
  NAK: { ranges: [{ origin: 1, from: 1, to: 2 }] },
  FENCE_REQUEST: { stage: "ask", at: 1, accept_loss: false },
  FENCE_RESPONSE: {
    ...{ at: 1, accept_loss: false, have: 1, next: true, promised: false, phase: "READY", absent: CLOCK },
  },
  HASHES: { rows: [{ id: 1, seq: 0, hash: HEX, fenced: 0 }], answer: false },
  STATE_REQUEST: { have: CLOCK, want: "both", after: 0, up_to: 65_535, snapshot: { of: HEX, from: 0 } },
  STATE_CHUNK: {
    ...{ index: 0, next: 1, last: false, members: [MEMBER], accounts: [GENESIS], records: [RECORD_ASKED] },
    snapshot: { of: HEX, total: 1, first: 0, parts: [PART] },
  },
  PING: { nonce: HEX, rumours: [RUMOUR] },
  PING_REQ: { nonce: HEX, target: 1, target_addr: "10.0.0.1:6001" },
  PONG: { nonce: HEX, target: 1, ok: true, rumours: [RUMOUR] },
};

const OPTIONAL: Readonly<Partial<Record<MessageType, readonly string[]>>> = {
  HEARTBEAT: ["fences"],
  JOIN_RESPONSE: ["more", "fences", "refused", "known_inc", "known_addr", "your_addr", "seen_term"],
  LEAVE: ["clock", "ledger_hash"],
  TRADE_REQUEST: ["request_id"],
  TRADE_RESPONSE: ["reason", "to_inc"],
  TRADE_CONFIRM: ["request_id"],
  FENCE_RESPONSE: ["next"],
  STATE_REQUEST: ["snapshot"],
  STATE_CHUNK: ["snapshot"],
};

type Limits = readonly [least: number, most: number];
const ID: Limits = [1, 65_535];
const ID_OR_NONE: Limits = [0, 65_535];
const INCARNATION: Limits = [0, 2 ** 32 - 1];
const RINC: Limits = [0, 2 ** 31];
const NUMBER: Limits = [0, 2 ** 48];
const NUMBER_OF_DEBIT: Limits = [1, 2 ** 48];
const CREDITS: Limits = [0, 2 ** 40];
const VERSION: Limits = [1, 255];
const NAME: Limits = [1, 48];
const TRADE_NAME: Limits = [1, 64];
const PARTS = 42_000;

const claimOf = (type: string): [string, Limits][] => [
  [`${type} coordinator_id`, ID],
  [`${type} term`, NUMBER],
];
const rumoursOf = (type: string): [string, Limits][] => [
  [`${type} rumours.0.of`, ID],
  [`${type} rumours.0.inc`, INCARNATION],
  [`${type} rumours.0.rinc`, RINC],
  [`${type} rumours.0.by`, ID],
];
const genesisAt = (path: string): [string, Limits][] => [
  [`${path}.id`, ID],
  [`${path}.epoch`, ID_OR_NONE],
  [`${path}.initial`, CREDITS],
];
const recordAt = (path: string): [string, Limits][] => [
  [`${path}buyer_id`, ID],
  [`${path}seller_id`, ID],
  [`${path}amount`, CREDITS],
  [`${path}seq`, NUMBER_OF_DEBIT],
];

const NUMBERS: readonly [string, Limits][] = [
  ["HEARTBEAT credits", [0, 2 ** 52]],
  ...claimOf("HEARTBEAT"),
  ["HEARTBEAT rinc", RINC],
  ["HEARTBEAT hb_seq", [0, Number.MAX_SAFE_INTEGER]],
  ["HEARTBEAT boot_seq", NUMBER],
  ["HEARTBEAT proto.min", VERSION],
  ["HEARTBEAT proto.max", VERSION],
  ...rumoursOf("HEARTBEAT"),
  ...genesisAt("JOIN account"),
  ...claimOf("JOIN_RESPONSE"),
  ["JOIN_RESPONSE known_inc", INCARNATION],
  ["JOIN_RESPONSE seen_term", NUMBER],
  ["ELECTION term", NUMBER],
  ["ELECTION patience", [0, 1_000]],
  ["OK candidate", ID],
  ["OK round_term", NUMBER],
  ["OK seen_term", NUMBER],
  ...claimOf("OK"),
  ...claimOf("COORDINATOR"),
  ["TRADE_REQUEST target_id", ID],
  ["TRADE_REQUEST amount", [1, 2 ** 40]],
  ["TRADE_REQUEST to_inc", INCARNATION],
  ["TRADE_RESPONSE to_inc", INCARNATION],
  ...recordAt("TRADE_CONFIRM "),
  ["ACK origin", ID],
  ["ACK seq", NUMBER],
  ["NAK ranges.0.origin", ID],
  ["NAK ranges.0.from", NUMBER],
  ["NAK ranges.0.to", NUMBER],
  ["FENCE_REQUEST at", NUMBER],
  ["FENCE_RESPONSE at", NUMBER],
  ["FENCE_RESPONSE have", NUMBER],
  ["HASHES rows.0.id", ID],
  ["HASHES rows.0.seq", NUMBER],
  ["HASHES rows.0.fenced", NUMBER],
  ["STATE_REQUEST after", ID_OR_NONE],
  ["STATE_REQUEST up_to", ID],
  ["STATE_REQUEST snapshot.from", [0, PARTS]],
  ["STATE_CHUNK index", [0, 255]],
  ["STATE_CHUNK next", ID_OR_NONE],
  ["STATE_CHUNK members.0.id", ID],
  ["STATE_CHUNK members.0.inc", INCARNATION],
  ["STATE_CHUNK members.0.rinc", RINC],
  ...genesisAt("STATE_CHUNK accounts.0"),
  ...recordAt("STATE_CHUNK records.0."),
  ["STATE_CHUNK snapshot.total", [1, PARTS]],
  ["STATE_CHUNK snapshot.first", [0, PARTS]],
  ["STATE_CHUNK snapshot.parts.0.id", ID],
  ["STATE_CHUNK snapshot.parts.0.seq", NUMBER_OF_DEBIT],
  ["STATE_CHUNK snapshot.parts.0.fenced", NUMBER],
  ...rumoursOf("PING"),
  ["PING_REQ target", ID],
  ["PONG target", ID],
  ...rumoursOf("PONG"),
];

/** Characters of a text, elements of a list. */
const LENGTHS: readonly [string, Limits][] = [
  ["HEARTBEAT rumours", [0, 8]],
  ["JOIN msg_id", NAME],
  ["JOIN_RESPONSE msg_id", NAME],
  ["LEAVE msg_id", NAME],
  ["COORDINATOR msg_id", NAME],
  ["TRADE_REQUEST trade_id", TRADE_NAME],
  ["TRADE_REQUEST request_id", NAME],
  ["TRADE_RESPONSE trade_id", TRADE_NAME],
  ["TRADE_RESPONSE reason", [0, 120]],
  ["TRADE_CONFIRM trade_id", TRADE_NAME],
  ["TRADE_CONFIRM request_id", NAME],
  ["NAK ranges", [1, 16]],
  ["HASHES rows", [0, 16]],
  ["STATE_CHUNK members", [0, 32]],
  ["STATE_CHUNK accounts", [0, 32]],
  ["STATE_CHUNK records", [0, 32]],
  ["STATE_CHUNK records.0.trade_id", TRADE_NAME],
  ["STATE_CHUNK records.0.request_id", NAME],
  ["STATE_CHUNK snapshot.parts", [1, 32]],
  ["PING rumours", [0, 8]],
  ["PONG rumours", [0, 8]],
];

/** 16 hex digits: names, nonces and hashes. */
const FINGERPRINTS = [
  ...["HEARTBEAT ledger_hash", "HEARTBEAT voters_hash", "JOIN boot_id", "JOIN nonce", "JOIN have_hash"],
  ...["JOIN account.nonce", "JOIN_RESPONSE nonce", "LEAVE ledger_hash", "TRADE_CONFIRM prev_hash"],
  ...[
    "HASHES rows.0.hash",
    "STATE_REQUEST snapshot.of",
    "STATE_CHUNK snapshot.of",
    "STATE_CHUNK snapshot.parts.0.hash",
  ],
  ...["PING nonce", "PING_REQ nonce", "PONG nonce"],
];

const ADDRESSES = [
  ...["JOIN_RESPONSE known_addr", "JOIN_RESPONSE your_addr", "STATE_CHUNK members.0.addr", "PING_REQ target_addr"],
];

type Json = Record<string, unknown>;

function message(type: MessageType, payload: unknown = SAMPLES[type]): Json {
  return { message_type: type, sender_id: 1, sender_priority: 1, vector_clock: CLOCK, payload, timestamp: 1 };
}

/** Is the sample taken with `change` made of the value at `HEARTBEAT proto.min`? */
function isTaken(place: string, change: (value: unknown) => unknown): boolean {
  const [type = "", path = ""] = place.split(" ");
  const payload = structuredClone(SAMPLES[type as MessageType]);
  const names = path.split(".");
  const last = names.pop() ?? "";
  const owner = names.reduce<Json>((at, name) => at[name] as Json, payload);
  expect(owner, place).toHaveProperty(last);
  owner[last] = change(owner[last]);
  return Message.safeParse(message(type as MessageType, payload)).success;
}

function ofLength(value: unknown, length: number): unknown {
  return typeof value === "string" ? "x".repeat(length) : Array.from({ length }, () => (value as unknown[])[0]);
}

describe("a message", () => {
  test.each(MESSAGE_TYPES)("%s must be taken as it should be, with and without a vector", (type) => {
    expect(Message.safeParse(message(type)).error).toBeUndefined();
    expect(Message.safeParse({ ...message(type), vector_clock: null }).success).toBe(true);
  });

  test.each(MESSAGE_TYPES)("%s must be refused when any of its fields is missing or of another kind", (type) => {
    for (const field of Object.keys(SAMPLES[type])) {
      const { [field]: _, ...rest } = SAMPLES[type];
      const isOptional = OPTIONAL[type]?.includes(field) ?? false;
      expect(Message.safeParse(message(type, rest)).success, `${type} without ${field}`).toBe(isOptional);
      for (const wrong of [{}, Number.NaN, "?!", -0.5])
        expect(
          isTaken(`${type} ${field}`, () => wrong),
          `${type} ${field} ${wrong}`,
        ).toBe(typeof wrong === "string" && /^(msg_id|trade_id|request_id|reason)$/.test(field));
    }
  });

  it("must be refused from a sender that can't be, and with a time before 1970", () => {
    for (const wrong of [{ sender_id: 0 }, { sender_id: 65_536 }, { sender_priority: 0 }, { timestamp: -1 }])
      expect(Message.safeParse({ ...message("ACK"), ...wrong }).success).toBe(false);
    expect(Message.safeParse({ ...message("ACK"), sender_id: 65_535, timestamp: 0 }).success).toBe(true);
  });

  it("must say yes where only yes can be said", () => {
    expect(isTaken("TRADE_CONFIRM success", () => false)).toBe(false);
    expect(isTaken("JOIN_RESPONSE more", () => false)).toBe(false);
  });

  it("must be for one process alone, unless all may hear it or it asks who is there", () => {
    expect([...GROUP_TYPES].sort()).toEqual(["COORDINATOR", "HEARTBEAT", "JOIN", "LEAVE", "TRADE_CONFIRM"]);
    expect([...INTRODUCTION_TYPES].sort()).toEqual(["JOIN", "PING"]);
  });
});

describe("limits", () => {
  test.each(NUMBERS)("%s must be whole and between %j", (place, [least, most]) => {
    for (const good of [least, most])
      expect(
        isTaken(place, () => good),
        `${good}`,
      ).toBe(true);
    for (const bad of [least - 1, most + 1, least + 0.5])
      expect(
        isTaken(place, () => bad),
        `${bad}`,
      ).toBe(false);
  });

  test.each(LENGTHS)("%s must have a length between %j", (place, [least, most]) => {
    for (const length of [least, most])
      expect(
        isTaken(place, (value) => ofLength(value, length)),
        `${length}`,
      ).toBe(true);
    for (const length of [least - 1, most + 1].filter((wrong) => wrong >= 0))
      expect(
        isTaken(place, (value) => ofLength(value, length)),
        `${length}`,
      ).toBe(false);
  });

  test.each(FINGERPRINTS)("%s must be 16 small hex digits", (place) => {
    expect(isTaken(place, () => "f".repeat(16))).toBe(true);
    for (const bad of ["f".repeat(15), "f".repeat(17), "F".repeat(16), `${"f".repeat(15)}g`, `${"f".repeat(16)}\n`])
      expect(
        isTaken(place, () => bad),
        bad,
      ).toBe(false);
  });

  test.each(ADDRESSES)("%s must be an address with a port", (place) => {
    for (const good of ["1.2.3.4:5", "255.255.255.255:65535"]) expect(isTaken(place, () => good)).toBe(true);
    for (const bad of ["1.2.3.4", "1.2.3:5", "a.b.c.d:5", "1.2.3.4:", "1.2.3.4.5:6", "1234.1.1.1:5", " 1.2.3.4:5"])
      expect(
        isTaken(place, () => bad),
        bad,
      ).toBe(false);
  });

  it("an account's public key must be 64 hex digits, or absent", () => {
    const withKey = (key: string): boolean => isTaken("JOIN account", (account) => ({ ...(account as Json), key }));
    expect(withKey("a".repeat(64))).toBe(true);
    expect(["a".repeat(63), "a".repeat(65), "A".repeat(64)].map(withKey)).toEqual([false, false, false]);
  });
});
