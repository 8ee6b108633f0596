/** What a datagram's content is, in words: as JSON or MessagePack (https://msgpack.org), or by a module of the user. */
import { resolve } from "node:path";
import * as z from "zod";
import { callModule } from "./call-module.ts";
import type { Program } from "./program-spec.ts";
import type { Decoded } from "./tap.ts";

const DECODE_MS_MAX = 10_000;
const CHARS_MAX = 300;

const FromModule = z.array(z.object({ type: z.string().max(60), summary: z.string().default("") }).nullable());

/** One for each payload. A payload that can't be decoded is told by its size; a module that fails decodes none. */
export async function decodeAll(
  payloads: readonly Uint8Array[],
  { messages, folder }: Program,
): Promise<readonly Decoded[]> {
  const how: string = messages?.decode ?? "none";
  const read = await READERS[how]?.();
  if (read !== undefined) return payloads.map((bytes) => describe(bytes, read) ?? asBytes(bytes));
  if (how === "none") return payloads.map(asBytes);
  const answer = await callModule(resolve(folder, how), payloads, DECODE_MS_MAX, "each").catch(() => []);
  const decoded = FromModule.safeParse(answer);
  return payloads.map((bytes, at) => (decoded.success ? decoded.data[at] : null) ?? asBytes(bytes));
}

const readJson = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));

/** The package is loaded with the first lab that speaks it. */
async function openMsgpack(): Promise<Read> {
  const { decode } = await import("@msgpack/msgpack");
  return (bytes) => decode(bytes, { useBigInt64: true });
}

type Read = (bytes: Uint8Array) => unknown;
const READERS: Readonly<Record<string, () => Promise<Read>>> = {
  json: () => Promise.resolve(readJson),
  msgpack: openMsgpack,
};
/** JSON knows neither of them. */
const writable = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? String(value) : value instanceof Uint8Array ? `${value.length} bytes` : value;

function describe(bytes: Uint8Array, read: (bytes: Uint8Array) => unknown): Decoded | null {
  try {
    const value = read(bytes) as Record<string, unknown> | null;
    const type = [value?.type, value?.message_type, value?.kind, value?.op].find((name) => typeof name === "string");
    return {
      type: String(type ?? "message").slice(0, 60),
      summary: JSON.stringify(value, writable).slice(0, CHARS_MAX),
    };
  } catch {
    return null;
  }
}

function asBytes(bytes: Uint8Array): Decoded {
  return { type: "datagram", summary: `${bytes.length} bytes` };
}
