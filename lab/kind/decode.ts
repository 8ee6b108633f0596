/** What a datagram's content is, in words: as JSON, or by a module of the user. */
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
  const how = messages?.decode ?? "none";
  if (how === "json") return payloads.map((bytes) => decodeJson(bytes) ?? asBytes(bytes));
  if (how === "none") return payloads.map(asBytes);
  const answer = await callModule(resolve(folder, how), payloads, DECODE_MS_MAX, "each").catch(() => []);
  const decoded = FromModule.safeParse(answer);
  return payloads.map((bytes, at) => (decoded.success ? decoded.data[at] : null) ?? asBytes(bytes));
}

function decodeJson(bytes: Uint8Array): Decoded | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const value = JSON.parse(text) as Record<string, unknown> | null;
    const type = [value?.type, value?.message_type, value?.kind, value?.op].find((name) => typeof name === "string");
    return { type: String(type ?? "message").slice(0, 60), summary: text.slice(0, CHARS_MAX) };
  } catch {
    return null;
  }
}

function asBytes(bytes: Uint8Array): Decoded {
  return { type: "datagram", summary: `${bytes.length} bytes` };
}
