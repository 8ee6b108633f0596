/**
 * Bytes <-> typed messages. Decoding never throws: what a peer (or a stranger) sends is a value to inspect, not an exception.
 */
import { type Clock, encodeClock } from "./clock.ts";
import type { DropReason } from "./envelope.ts";
import { MESSAGE_TYPES, Message } from "./message.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });
const knownTypes: ReadonlySet<unknown> = new Set(MESSAGE_TYPES);

export type Decoded = { ok: true; message: Message } | { ok: false; reason: DropReason; detail: string };

/**
 * Compact JSON in UTF-8. The caller keeps it within the datagram's byte budget.
 *
 * Not by zod's encoder, which takes two to three times as long: the compiler has checked the fields, and clocks are all that looks
 * different on the wire. A test holds the two against each other.
 */
export function encodeMessage(message: Message): Uint8Array {
  return encoder.encode(JSON.stringify(message, writeClock));
}

function writeClock(_key: string, value: unknown): unknown {
  return value instanceof Map ? encodeClock(value as Clock) : value;
}

export function decodeMessage(body: Uint8Array): Decoded {
  const json = parseJson(body);
  if (json === undefined) return { ok: false, reason: "not_json", detail: `${body.length} B` };
  const type =
    typeof json === "object" && json !== null ? (json as { message_type?: unknown }).message_type : undefined;
  if (typeof type === "string" && !knownTypes.has(type))
    return { ok: false, reason: "unknown_type", detail: type.slice(0, 40) };
  const parsed = Message.safeParse(json);
  if (parsed.success) return { ok: true, message: parsed.data };
  const issue = parsed.error.issues[0];
  return {
    ok: false,
    reason: "schema",
    detail: `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "invalid"}`.slice(0, 160),
  };
}

/** The JSON value of UTF-8 bytes, undefined when they are not JSON. */
export function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(body));
  } catch {
    return undefined;
  }
}
