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
  return encoder.encode(JSON.stringify(withWrittenClocks(message)));
}

/** Copies only what has a clock in it: handed to JSON as a replacer, this would be called for each field, and cost as much again. */
function withWrittenClocks(value: object): unknown {
  if (value instanceof Map) return encodeClock(value as Clock);
  const parts = value as Readonly<Record<string, unknown>>;
  let copy: Record<string, unknown> | null = null;
  for (const key in parts) {
    const part = parts[key];
    if (typeof part !== "object" || part === null) continue;
    const written = withWrittenClocks(part);
    if (written === part) continue;
    copy ??= (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>;
    copy[key] = written;
  }
  return copy ?? value;
}

/** The messages of a datagram's body, in order: one object, or an array of several that left together (`joinBodies`). */
export function decodeBody(body: Uint8Array): readonly Decoded[] {
  const json = parseJson(body);
  if (json === undefined) return [{ ok: false, reason: "not_json", detail: `${body.length} B` }];
  if (!Array.isArray(json)) return [decodeValue(json)];
  return json.length === 0 ? [{ ok: false, reason: "schema", detail: "an empty bundle" }] : json.map(decodeValue);
}

/** A body of exactly one message. */
export function decodeMessage(body: Uint8Array): Decoded {
  const [first, ...others] = decodeBody(body);
  if (first !== undefined && others.length === 0) return first;
  return { ok: false, reason: "schema", detail: `a bundle of ${others.length + 1}` };
}

/** One body for several encoded messages: a JSON array. One stays as it is. */
export function joinBodies(bodies: readonly Uint8Array[]): Uint8Array {
  const [only] = bodies;
  if (only !== undefined && bodies.length === 1) return only;
  const joined = new Uint8Array(joinedBytes(bodies));
  let at = 0;
  for (const body of bodies) {
    joined[at] = at === 0 ? OPENING : COMMA;
    joined.set(body, at + 1);
    at += 1 + body.length;
  }
  joined[at] = CLOSING;
  return joined;
}

/** Length of `joinBodies` of two or more. */
export function joinedBytes(bodies: readonly Uint8Array[]): number {
  return bodies.reduce((sum, body) => sum + body.length + 1, 1);
}

const [OPENING, COMMA, CLOSING] = encoder.encode("[,]") as unknown as [number, number, number];

function decodeValue(json: unknown): Decoded {
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
