/** A message in words, for journals, transcripts and pictures: its type and those fields of its payload that say something to a person. */
import type { Message } from "./message.ts";

/** Fields that only machines compare. */
const OPAQUE: ReadonlySet<string> = new Set([
  "msg_id",
  "nonce",
  "boot_id",
  "proto",
  "have_hash",
  "ledger_hash",
  "voters_hash",
  "prev_hash",
  "hb_seq",
  "your_addr",
]);

/** `TRADE_REQUEST target_id=2 amount=5 trade_type=sell trade_id=1-2-1.1 to_inc=1` */
export function describeMessage(message: Message): string {
  const fields = Object.entries(message.payload).filter(([name]) => !OPAQUE.has(name));
  return [message.message_type, ...fields.map(([name, value]) => `${name}=${describeValue(value)}`)].join(" ");
}

function describeValue(value: unknown): string {
  if (value === null) return "none";
  if (value instanceof Map) return `[${[...value].map(([id, seq]) => `${id}:${seq}`).join(" ")}]`;
  if (Array.isArray(value)) return `[${value.map(describeValue).join(", ")}]`;
  if (typeof value !== "object") return String(value);
  const fields = Object.entries(value).filter(([name]) => !OPAQUE.has(name));
  return `{${fields.map(([name, field]) => `${name}=${describeValue(field)}`).join(" ")}}`;
}
