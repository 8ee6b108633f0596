/**
 * The simulator's datagram tags: a checksum in place of HMAC, so that the real envelope is packed and opened at every hop without
 * paying for cryptography. It proves integrity against the model's mistakes, nothing against an attacker.
 */
import type { PeerKeys } from "../../../node/runtime/outgoing.ts";
import type { Authenticator } from "../../../node/wire/envelope.ts";

export const SIM_KEYS: PeerKeys = {
  primaryKeyId: 1,
  tag: (_header, bytes) => checksum(bytes),
  verify: (_header, bytes, tag) => {
    const expected = checksum(bytes);
    return expected.every((byte, index) => tag[index] === byte) ? "ok" : "bad_tag";
  },
};

/** The same for the control channel of the lab with this token: who has another one isn't obeyed. */
export function simControlKey(token: string | null): Authenticator {
  const key = new DataView(checksum(new TextEncoder().encode(token ?? "")).buffer).getInt32(0);
  return {
    tag: (_header, bytes) => checksum(bytes, key),
    verify: (_header, bytes, tag) =>
      checksum(bytes, key).every((byte, index) => tag[index] === byte) ? "ok" : "bad_tag",
  };
}

/** FNV-1a in two lanes, repeated to 16 bytes. */
export function checksum(bytes: Uint8Array, key = 0): Uint8Array {
  let a = 0x811c9dc5 ^ key;
  let b = 0x9747b28c;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    a = Math.imul(a ^ byte, 0x01000193);
    b = Math.imul(b ^ byte, 0x85ebca6b);
  }
  const tag = new Uint8Array(16);
  const view = new DataView(tag.buffer);
  view.setInt32(0, a);
  view.setInt32(4, b);
  view.setInt32(8, ~a);
  view.setInt32(12, a ^ b);
  return tag;
}
