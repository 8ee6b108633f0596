/**
 * The simulator's datagram tags: a checksum in place of HMAC, so that the real envelope is packed and opened at every hop without
 * paying for cryptography. It proves integrity against the model's mistakes, nothing against an attacker.
 */
import type { PeerKeys } from "../../../node/runtime/outgoing.ts";
import type { Authenticator } from "../../../node/wire/envelope.ts";

export const SIM_KEYS: PeerKeys = {
  primaryKeyId: 1,
  tag: (_header, bytes, pseudo) => checksum(bytes, pseudo),
  verify: (_header, bytes, pseudo, tag) => {
    const expected = checksum(bytes, pseudo);
    return expected.every((byte, index) => tag[index] === byte) ? "ok" : "bad_tag";
  },
};

/** The same for the control channel of the lab with this token: who has another one isn't obeyed. */
export function simControlKey(token: string | null): Authenticator {
  const key = new TextEncoder().encode(token ?? "");
  return {
    tag: (_header, bytes) => checksum(key, bytes),
    verify: (_header, bytes, _pseudo, tag) =>
      checksum(key, bytes).every((byte, index) => tag[index] === byte) ? "ok" : "bad_tag",
  };
}

/** FNV-1a in two lanes over all parts, repeated to 16 bytes. */
export function checksum(...parts: readonly Uint8Array[]): Uint8Array {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (const part of parts) {
    for (let i = 0; i < part.length; i++) {
      const byte = part[i] as number;
      a = Math.imul(a ^ byte, 0x01000193);
      b = Math.imul(b ^ byte, 0x85ebca6b);
    }
  }
  const tag = new Uint8Array(16);
  const view = new DataView(tag.buffer);
  view.setInt32(0, a);
  view.setInt32(4, b);
  view.setInt32(8, ~a);
  view.setInt32(12, a ^ b);
  return tag;
}
