/**
 * The 42 bytes around every datagram: a 26-byte header in front, a 16-byte authentication tag behind.
 *
 *   offset 0:2 'ET'  2:1 version  3:1 flags  4:1 key id  5:1 reserved  6:2 sender  8:4 incarnation  12:8 boot id  20:6 packet number
 *
 * The tag covers header and body. It comes from an `Authenticator` that is handed in: HMAC-SHA-256 cut to 128 bits in the
 * runtime (RFC 2104, RFC 4868), a cheap one in the simulator. Sources: node/protocol/wire.md#envelope; RFC 9147 for what a replay window needs.
 */
import type { NodeId } from "./ids.ts";

export const PROTOCOL_VERSION = 1;
export const HEADER_BYTES = 26;
export const TAG_BYTES = 16;
export const OVERHEAD_BYTES = HEADER_BYTES + TAG_BYTES;

/** Largest datagram by default, in bytes: fits every path's MTU with room for tunnels. `DS_MAX_DATAGRAM` raises it to 1400. */
export const DATAGRAM_BYTES_MAX = 1200;

const FLAG_CONTROL = 0x02;

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
  /** The 16-byte tag for `bytes` (header and body) under the key that the header names; null: no such key. */
  tag(header: Header, bytes: Uint8Array): Uint8Array | null;
  /** Compares `tag` with the right one in constant time. */
  verify(header: Header, bytes: Uint8Array, tag: Uint8Array): "ok" | "flood" | "unknown_key" | "bad_tag";
}

/** Why a datagram was dropped; each is a counter of the node's state. */
export type DropReason =
  | "oversize"
  | "truncated"
  | "magic"
  | "version"
  /** Its source sent too many that weren't authentic: not looked at. */
  | "flood"
  | "unknown_key"
  | "bad_tag"
  | "replay"
  | "stale_incarnation"
  | "not_json"
  | "schema"
  | "unknown_type"
  | "sender_mismatch"
  | "own";

export type Opened =
  | { ok: true; header: Header; body: Uint8Array }
  | { ok: false; reason: DropReason; detail?: string };

/** Header and body with the tag behind them, ready to send. Throws RangeError when the key is missing (a configuration bug). */
export function sealDatagram(header: Header, body: Uint8Array, authenticator: Authenticator): Uint8Array {
  const datagram = new Uint8Array(OVERHEAD_BYTES + body.length);
  const view = new DataView(datagram.buffer);
  datagram[0] = 0x45;
  datagram[1] = 0x54;
  datagram[2] = PROTOCOL_VERSION;
  datagram[3] = header.control ? FLAG_CONTROL : 0;
  datagram[4] = header.keyId;
  view.setUint16(6, header.sender);
  view.setUint32(8, header.incarnation);
  view.setUint32(12, Number.parseInt(header.bootId.slice(0, 8), 16));
  view.setUint32(16, Number.parseInt(header.bootId.slice(8, 16), 16));
  view.setUint16(20, Math.floor(header.packetSeq / 0x1_0000_0000));
  view.setUint32(22, header.packetSeq % 0x1_0000_0000);
  datagram.set(body, HEADER_BYTES);
  const signed = datagram.subarray(0, HEADER_BYTES + body.length);
  const tag = authenticator.tag(header, signed);
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

/** Checks length, magic, version and tag, in that order. Replay and incarnation are the receiver's next steps. Never throws. */
export function openDatagram(
  datagram: Uint8Array,
  authenticator: Authenticator,
  maxBytes = DATAGRAM_BYTES_MAX,
): Opened {
  if (datagram.length > maxBytes) return { ok: false, reason: "oversize", detail: `${datagram.length} B` };
  if (datagram.length < OVERHEAD_BYTES) return { ok: false, reason: "truncated", detail: `${datagram.length} B` };
  const header = peekHeader(datagram);
  if (header === null) return { ok: false, reason: "magic" };
  if (datagram[2] !== PROTOCOL_VERSION) return { ok: false, reason: "version", detail: `version ${datagram[2]}` };
  const split = datagram.length - TAG_BYTES;
  const signed = datagram.subarray(0, split);
  const verdict = authenticator.verify(header, signed, datagram.subarray(split));
  if (verdict !== "ok") return { ok: false, reason: verdict, detail: `key ${header.keyId}` };
  return { ok: true, header, body: datagram.subarray(HEADER_BYTES, split) };
}

function hex32(value: number): string {
  return value.toString(16).padStart(8, "0");
}
