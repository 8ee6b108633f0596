/**
 * A multicast reaches many simulated nodes as one object, so it is decoded and checked once for all of them. They share what comes out, as
 * they could not on a real network; it is frozen, so that a core that writes into it fails at once.
 */
import { type Decoded, decodeBody } from "../../../node/wire/codec.ts";
import { audienceOf } from "../../../node/wire/envelope.ts";

const decoded = new WeakMap<Uint8Array, readonly Decoded[]>();

export function decodeOnce(body: Uint8Array, datagram: Uint8Array): readonly Decoded[] {
  if (audienceOf(datagram) !== "group") return decodeBody(body);
  const known = decoded.get(datagram);
  if (known !== undefined) return known;
  const messages = decodeBody(body);
  freeze(messages);
  decoded.set(datagram, messages);
  return messages;
}

function freeze(value: unknown): void {
  if (typeof value !== "object" || value === null || value instanceof Map) return;
  Object.freeze(value);
  const parts = value as Readonly<Record<string, unknown>>;
  for (const key in parts) freeze(parts[key]);
}
