/**
 * A run in words: one line an event, `time  who  what`, for people and for the golden files.
 */
import type { SimJournalLine } from "./sim-journal.ts";

/** `   1084.7 ms  node 3    Node 3 is READY`; a second or later life is `node 3.2`; node 0 is the lab. */
export function describeLine(line: Pick<SimJournalLine, "time" | "node" | "inc" | "msg">): string {
  const who = line.node === 0 ? "lab" : `node ${line.node}${line.inc > 1 ? `.${line.inc}` : ""}`;
  return `${line.time.toFixed(1).padStart(9)} ms  ${who.padEnd(8)}  ${line.msg}`;
}

/** What the long form of a run shows: a message once, when it is sent, and when it is lost. */
export function isTold(line: Pick<SimJournalLine, "kind">): boolean {
  return line.kind !== "recv";
}

/** What the short form of a run shows: faults, who began to lead, and what went wrong at a node. */
export function isHeadline(line: SimJournalLine): boolean {
  if (line.node === 0) return line.kind === "fault" || line.seq === 1;
  if (line.kind === "election") return line.msg.startsWith("I am now the COORDINATOR");
  return line.level === "error" || line.exit !== undefined || (line.kind === "state" && line.level === "warn");
}
