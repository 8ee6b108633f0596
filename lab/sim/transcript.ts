/**
 * A run in words: one line an event, `time  who  what`, for people and for the golden files.
 */
import type { Message } from "../../node/wire/message.ts";
import type { SimJournalLine } from "./sim-journal.ts";

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

/** `   1084.7 ms  node 3    Node 3 is READY`; a second or later life is `node 3.2`; node 0 is the lab. */
export function describeLine(line: Pick<SimJournalLine, "time" | "node" | "inc" | "msg">): string {
  const who = line.node === 0 ? "lab" : `node ${line.node}${line.inc > 1 ? `.${line.inc}` : ""}`;
  return `${line.time.toFixed(1).padStart(9)} ms  ${who.padEnd(8)}  ${line.msg}`;
}

/** What the short form of a run shows: faults, who began to lead, and what went wrong at a node. */
export function isHeadline(line: SimJournalLine): boolean {
  if (line.node === 0) return line.kind === "fault" || line.seq === 1;
  if (line.kind === "election") return line.msg.startsWith("I am now the COORDINATOR");
  return line.level === "error" || (line.kind === "state" && (line.level === "warn" || line.msg.startsWith("exit ")));
}

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
