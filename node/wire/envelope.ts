/**
 * The 42 bytes around every datagram: a 26-byte header in front, a 16-byte authentication tag behind.
 *
 *   offset 0:2 'ET'  2:1 version  3:1 flags  4:1 key id  5:1 hint  6:2 sender  8:4 incarnation  12:8 boot id  20:6 packet number
 *
 * The tag covers header, body, and a pseudo-header that doesn't travel (as in RFC 768): the receiver's id and boot id. So a datagram to
 * one process is worthless to every other, and to its successor after a restart, whose replay windows are empty. The tag comes from an
 * `Authenticator` that is handed in: HMAC-SHA-256 cut to 128 bits in the runtime (RFC 2104, RFC 4868), a cheap one in the simulator. Sources: node/protocol/wire.md#envelope; RFC 9147 for what a replay window needs.
 */
import { hex32, hexByte } from "./hex.ts";
import type { NodeId } from "./ids.ts";

export const PROTOCOL_VERSION = 2;
export const HEADER_BYTES = 26;
export const TAG_BYTES = 16;
export const OVERHEAD_BYTES = HEADER_BYTES + TAG_BYTES;

/** Largest datagram by default, in bytes: fits every path's MTU with room for tunnels. `DS_MAX_DATAGRAM` raises it to 1400. */
export const DATAGRAM_BYTES_MAX = 1200;

const FLAG_CONTROL = 0x02;
const FLAG_NODE = 0x04;
const FLAG_PROCESS = 0x08;
/** Receiver's id in 2 bytes, its boot id in 8. */
const PSEUDO_BYTES = 10;
const TO_GROUP = new Uint8Array(PSEUDO_BYTES);

/** Whom a datagram is for: everybody, a node whichever process of it runs, or one process. */
export type Audience = "group" | "node" | "process";

/** A process, or with `bootId` null whichever process of the node runs. */
export interface Recipient {
  readonly id: NodeId;
  readonly bootId: string | null;
}

export interface Header {
  /** A request or reply of the control channel, authenticated by the control token instead of the cluster key. */
  readonly control: boolean;
  readonly keyId: number;
  /** 0: not a node (the lab's control client). */
  readonly sender: NodeId | 0;
  readonly incarnation: number;
  /** 16 hex digits, drawn at random at each boot. */
  readonly bootId: string;
  /** Number of the datagram within its boot: 1, 2, 3, …; never reused. 48 bits. */
  readonly packetSeq: number;
}

export interface Authenticator {
  /** The 16-byte tag for `bytes` (header and body) and `pseudo` under the key that the header names; null: no such key. */
  tag(header: Header, bytes: Uint8Array, pseudo: Uint8Array): Uint8Array | null;
  /** Compares `tag` with the right one in constant time. */
  verify(
    header: Header,
    bytes: Uint8Array,
    pseudo: Uint8Array,
    tag: Uint8Array,
  ): "ok" | "flood" | "unknown_key" | "bad_tag";
}

/** Why a datagram was dropped; each is a counter of the node's state. */
export type DropReason =
  | "oversize"
  | "truncated"
  | "magic"
  | "version"
  /** For another process; most likely for this node's last one. */
  | "misaddressed"
  /** Its source sent too many that weren't authentic: not looked at. */
  | "flood"
  | "unknown_key"
  | "bad_tag"
  /** Its packet number was seen before. */
  | "replay"
  /** Its packet number is too far from those that were seen: the sender is asked where it is. */
  | "out_of_window"
  | "stale_incarnation"
  | "not_json"
  | "schema"
  | "unknown_type"
  /** A type that mustn't come to such an audience. */
  | "audience"
  | "sender_mismatch"
  | "own";

export type Opened =
  | { ok: true; header: Header; audience: Audience; body: Uint8Array }
  | { ok: false; reason: DropReason; detail?: string };

/**
 * Header and body with the tag behind them, ready to send to `to`; null: to the group, and with the same bytes to any of its members.
 * Throws RangeError when the key is missing (a configuration bug).
 */
export function sealDatagram(
  header: Header,
  body: Uint8Array,
  authenticator: Authenticator,
  to: Recipient | null = null,
): Uint8Array {
  const datagram = new Uint8Array(OVERHEAD_BYTES + body.length);
  datagram[0] = 0x45;
  datagram[1] = 0x54;
  datagram[2] = PROTOCOL_VERSION;
  datagram[3] = (header.control ? FLAG_CONTROL : 0) | flagOf(to);
  datagram[4] = header.keyId;
  datagram[5] = to === null ? 0 : hintOf(to);
  writeUint16(datagram, 6, header.sender);
  writeUint32(datagram, 8, header.incarnation);
  writeBootId(datagram, 12, header.bootId);
  writeUint16(datagram, 20, Math.floor(header.packetSeq / 0x1_0000_0000));
  writeUint32(datagram, 22, header.packetSeq % 0x1_0000_0000);
  datagram.set(body, HEADER_BYTES);
  const signed = datagram.subarray(0, HEADER_BYTES + body.length);
  const tag = authenticator.tag(header, signed, pseudoHeader(to));
  if (tag === null) throw new RangeError(`no key ${header.keyId} to seal a datagram with`);
  datagram.set(tag, HEADER_BYTES + body.length);
  return datagram;
}

/** Is this for the control channel? A glance at two fields, for sorting; proves nothing. */
export function isControlDatagram(datagram: Uint8Array): boolean {
  return datagram[0] === 0x45 && datagram[1] === 0x54 && ((datagram[3] ?? 0) & FLAG_CONTROL) !== 0;
}

/** The header of something that looks like one of our datagrams, before any authentication (for fault injection and routing only). */
export function peekHeader(datagram: Uint8Array): Header | null {
  if (datagram.length < OVERHEAD_BYTES || datagram[0] !== 0x45 || datagram[1] !== 0x54) return null;
  return {
    control: ((datagram[3] ?? 0) & FLAG_CONTROL) !== 0,
    keyId: datagram[4] ?? 0,
    sender: readUint16(datagram, 6),
    incarnation: readUint32(datagram, 8),
    bootId: hex32(readUint32(datagram, 12)) + hex32(readUint32(datagram, 16)),
    packetSeq: readUint16(datagram, 20) * 0x1_0000_0000 + readUint32(datagram, 22),
  };
}

/**
 * Checks length, magic, version, receiver and tag, in that order. Replay and incarnation are the receiver's next steps. Never throws.
 * `receiver`: null on the control channel, which names its receiver in the request. `header`: what `peekHeader` gave, if the caller has it.
 */
export function openDatagram(
  datagram: Uint8Array,
  authenticator: Authenticator,
  receiver: (Recipient & { readonly bootId: string }) | null,
  maxBytes = DATAGRAM_BYTES_MAX,
  header = peekHeader(datagram),
): Opened {
  if (datagram.length > maxBytes) return { ok: false, reason: "oversize", detail: `${datagram.length} B` };
  if (datagram.length < OVERHEAD_BYTES) return { ok: false, reason: "truncated", detail: `${datagram.length} B` };
  if (header === null) return { ok: false, reason: "magic" };
  if (datagram[2] !== PROTOCOL_VERSION) return { ok: false, reason: "version", detail: `version ${datagram[2]}` };
  const audience = audienceOf(datagram);
  const to = receiver === null || audience === "group" ? null : addressee(receiver, audience);
  if (to !== null && datagram[5] !== hintOf(to)) return { ok: false, reason: "misaddressed" };
  const split = datagram.length - TAG_BYTES;
  const signed = datagram.subarray(0, split);
  const verdict = authenticator.verify(header, signed, pseudoHeader(to), datagram.subarray(split));
  if (verdict !== "ok") return { ok: false, reason: verdict, detail: `key ${header.keyId}` };
  return { ok: true, header, audience, body: datagram.subarray(HEADER_BYTES, split) };
}

/** The body, whatever the tag is worth: for the lab's instruments, which stand beside the network. */
export function peekBody(datagram: Uint8Array): Uint8Array {
  return datagram.subarray(HEADER_BYTES, datagram.length - TAG_BYTES);
}

/** As the datagram says; unproven before its tag was checked. */
export function audienceOf(datagram: Uint8Array): Audience {
  const flags = datagram[3] ?? 0;
  if ((flags & FLAG_PROCESS) !== 0) return "process";
  return (flags & FLAG_NODE) !== 0 ? "node" : "group";
}

function addressee({ id, bootId }: Recipient, audience: Audience): Recipient {
  return { id, bootId: audience === "process" ? bootId : null };
}

function flagOf(to: Recipient | null): number {
  if (to === null) return 0;
  return to.bootId === null ? FLAG_NODE : FLAG_PROCESS;
}

/**
 * One byte in the clear of what the pseudo-header has: nearly all that is for another process is recognised without a tag, and not
 * taken for a forgery. It proves nothing.
 */
function hintOf({ id, bootId }: Recipient): number {
  return (id & 0xff) ^ (bootId === null ? 0 : hexByte(bootId, 0));
}

function pseudoHeader(to: Recipient | null): Uint8Array {
  if (to === null) return TO_GROUP;
  const pseudo = new Uint8Array(PSEUDO_BYTES);
  writeUint16(pseudo, 0, to.id);
  if (to.bootId !== null) writeBootId(pseudo, 2, to.bootId);
  return pseudo;
}

function writeBootId(bytes: Uint8Array, at: number, bootId: string): void {
  for (let i = 0; i < 8; i++) bytes[at + i] = hexByte(bootId, 2 * i);
}

// Not by a DataView: it would have to be made for each datagram, and moves small arrays out of the fast heap.

function writeUint16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  writeUint16(bytes, at, value >>> 16);
  writeUint16(bytes, at + 2, value);
}

function readUint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function readUint32(bytes: Uint8Array, at: number): number {
  return readUint16(bytes, at) * 0x1_0000 + readUint16(bytes, at + 2);
}
