/**
 * The 42 bytes around every datagram: a 26-byte header in front, a 16-byte authentication tag behind.
 *
 *   offset 0:2 'ET'  2:1 version  3:1 flags  4:1 key id  5:1 hint  6:2 sender  8:4 incarnation  12:8 boot id  20:6 packet number
 *
 * The tag covers header, body, and a pseudo-header that doesn't travel (as in RFC 768): the receiver's id and boot id. So a datagram to
 * one process is worthless to every other, and to its successor after a restart, whose replay windows are empty. The tag comes from an
 * `Authenticator` that is handed in: HMAC-SHA-256 cut to 128 bits in the runtime (RFC 2104, RFC 4868), a cheap one in the simulator. Sources: node/protocol/wire.md#envelope; RFC 9147 for what a replay window needs.
 */
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
  const view = new DataView(datagram.buffer);
  datagram[0] = 0x45;
  datagram[1] = 0x54;
  datagram[2] = PROTOCOL_VERSION;
  datagram[3] = (header.control ? FLAG_CONTROL : 0) | flagOf(to);
  datagram[4] = header.keyId;
  datagram[5] = to === null ? 0 : hintOf(to);
  view.setUint16(6, header.sender);
  view.setUint32(8, header.incarnation);
  writeBootId(view, 12, header.bootId);
  view.setUint16(20, Math.floor(header.packetSeq / 0x1_0000_0000));
  view.setUint32(22, header.packetSeq % 0x1_0000_0000);
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
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  return {
    control: ((datagram[3] ?? 0) & FLAG_CONTROL) !== 0,
    keyId: datagram[4] ?? 0,
    sender: view.getUint16(6),
    incarnation: view.getUint32(8),
    bootId: hex32(view.getUint32(12)) + hex32(view.getUint32(16)),
    packetSeq: view.getUint16(20) * 0x1_0000_0000 + view.getUint32(22),
  };
}

/**
 * Checks length, magic, version, receiver and tag, in that order. Replay and incarnation are the receiver's next steps. Never throws.
 * `receiver`: null on the control channel, which names its receiver in the request.
 */
export function openDatagram(
  datagram: Uint8Array,
  authenticator: Authenticator,
  receiver: (Recipient & { readonly bootId: string }) | null,
  maxBytes = DATAGRAM_BYTES_MAX,
): Opened {
  if (datagram.length > maxBytes) return { ok: false, reason: "oversize", detail: `${datagram.length} B` };
  if (datagram.length < OVERHEAD_BYTES) return { ok: false, reason: "truncated", detail: `${datagram.length} B` };
  const header = peekHeader(datagram);
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
  return (id & 0xff) ^ (bootId === null ? 0 : Number.parseInt(bootId.slice(0, 2), 16));
}

function pseudoHeader(to: Recipient | null): Uint8Array {
  const pseudo = new Uint8Array(PSEUDO_BYTES);
  if (to === null) return pseudo;
  const view = new DataView(pseudo.buffer);
  view.setUint16(0, to.id);
  if (to.bootId !== null) writeBootId(view, 2, to.bootId);
  return pseudo;
}

function writeBootId(view: DataView, at: number, bootId: string): void {
  view.setUint32(at, Number.parseInt(bootId.slice(0, 8), 16));
  view.setUint32(at + 4, Number.parseInt(bootId.slice(8, 16), 16));
}

function hex32(value: number): string {
  return value.toString(16).padStart(8, "0");
}
