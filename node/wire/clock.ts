/**
 * A vector clock on the wire: base64 of LEB128 varints, two for each entry (gap to the previous id, counter), ids ascending.
 *
 * Why not the JSON object of the original: at 100 nodes it alone outgrew a datagram (1,300 B); this takes about 3 B an entry.
 */
import * as z from "zod";
import { MEMBERS_MAX } from "./ids.ts";

/** Node id -> number of that node's last debit. An id that is present with 0 is an account without debits. */
export type Clock = ReadonlyMap<number, number>;

const SEQ_MAX = 2 ** 48;

export function encodeClock(clock: Clock): string {
  const bytes: number[] = [];
  let previous = 0;
  for (const [id, counter] of ascending(clock)) {
    pushVarint(bytes, id - previous);
    pushVarint(bytes, counter);
    previous = id;
  }
  return encodeBase64(bytes);
}

/** Most vectors were filled in order: looking costs less than sorting. */
function ascending(clock: Clock): Iterable<readonly [number, number]> {
  let previous = 0;
  for (const id of clock.keys()) {
    if (id < previous) return [...clock].sort(([a], [b]) => a - b);
    previous = id;
  }
  return clock;
}

/** The clock, or null when the text is not a canonical encoding (order, bounds, length). */
export function decodeClock(text: string, counterMax = SEQ_MAX): Clock | null {
  const bytes = decodeBase64(text);
  if (bytes === null) return null;
  const clock = new Map<number, number>();
  let at = 0;
  let id = 0;
  const next = (): number | null => {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
      const byte = bytes[at];
      if (byte === undefined) return null;
      at += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value <= counterMax ? value : null;
    }
    return null;
  };
  while (at < bytes.length) {
    const gap = next();
    const counter = next();
    if (gap === null || counter === null || gap === 0 || clock.size >= MEMBERS_MAX) return null;
    id += gap;
    if (id > 65_535) return null;
    clock.set(id, counter);
  }
  return clock;
}

/** The zod codec used inside message schemas: a string on the wire, a `Clock` in the program. */
export const ClockField = z.codec(
  z.string().max(2400),
  z.custom<Clock>((value) => value instanceof Map),
  {
    decode: (text, context) => {
      const clock = decodeClock(text);
      if (clock !== null) return clock;
      context.issues.push({ code: "custom", message: "not a vector clock", input: text });
      return z.NEVER;
    },
    encode: (clock) => encodeClock(clock),
  },
);

function pushVarint(bytes: number[], value: number): void {
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/** Value of each letter by its character code, -1 for what is no letter. */
const VALUES = Int8Array.from({ length: 128 }, (_, code) => ALPHABET.indexOf(String.fromCharCode(code)));

/** Unpadded base64 in plain arithmetic: this layer runs in the simulator and the browser too, where Buffer is absent. */
function encodeBase64(bytes: readonly number[]): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const group = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    const letters = Math.min(bytes.length - i, 3) + 1;
    for (let k = 0; k < letters; k++) text += ALPHABET[(group >> (18 - 6 * k)) & 63];
  }
  return text;
}

function decodeBase64(text: string): number[] | null {
  // One letter more holds 6 bits: no byte.
  if (text.length % 4 === 1) return null;
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (let i = 0; i < text.length; i++) {
    const value = VALUES[text.charCodeAt(i)] ?? -1;
    if (value < 0) return null;
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((held >> bits) & 255);
  }
  return bytes;
}
