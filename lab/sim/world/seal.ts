/**
 * The simulator's datagram tags: a checksum in place of HMAC, so that the real envelope is packed and opened at every hop without
 * paying for cryptography. It proves integrity against the model's mistakes, nothing against an attacker.
 */
import type { PeerKeys } from "../../../node/runtime/outgoing.ts";
import type { Authenticator } from "../../../node/wire/envelope.ts";

export const SIM_KEYS: PeerKeys = {
  primaryKeyId: 1,
  tag: (_header, bytes, pseudo) => checksum(bytes, pseudo),
  verify: (_header, bytes, pseudo, tag) => verdictOf(checksum(bytes, pseudo), tag),
};

/** The same for the control channel of the lab with this token: who has another one isn't obeyed. */
export function simControlKey(token: string | null): Authenticator {
  const key = new TextEncoder().encode(token ?? "");
  return {
    tag: (_header, bytes) => checksum(key, bytes),
    verify: (_header, bytes, _pseudo, tag) => verdictOf(checksum(key, bytes), tag),
  };
}

function verdictOf(expected: Uint8Array, tag: Uint8Array): "ok" | "bad_tag" {
  for (let i = 0; i < expected.length; i++) if (tag[i] !== expected[i]) return "bad_tag";
  return "ok";
}

/** FNV-1a in two lanes over both parts, four bytes at a time, repeated to 16 bytes. */
export function checksum(first: Uint8Array, second: Uint8Array): Uint8Array {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (let part = first, i = 0; ; ) {
    for (; i + 3 < part.length; i += 4) {
      const word =
        (part[i] as number) |
        ((part[i + 1] as number) << 8) |
        ((part[i + 2] as number) << 16) |
        ((part[i + 3] as number) << 24);
      a = Math.imul(a ^ word, 0x01000193);
      b = Math.imul(b ^ word, 0x85ebca6b);
    }
    for (; i < part.length; i++) {
      a = Math.imul(a ^ (part[i] as number), 0x01000193);
      b = Math.imul(b ^ (part[i] as number), 0x85ebca6b);
    }
    if (part === second) break;
    part = second;
    i = 0;
  }
  const tag = new Uint8Array(16);
  for (let i = 0; i < 16; i++) tag[i] = (i < 8 ? (i < 4 ? a : b) : i < 12 ? ~a : a ^ b) >>> (8 * (i & 3));
  return tag;
}
