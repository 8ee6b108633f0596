/**
 * A run in words: one line an event, `time  who  what`, for people and for the golden files.
 */
import type { SimJournalLine } from "./sim-journal.ts";

/** `   1084.7 ms  node 3    Node 3 is READY`; a second or later life is `node 3.2`; node 0 is the lab. */
export function describeLine(line: Pick<SimJournalLine, "time" | "node" | "inc" | "msg">): string {
  const who = line.node === 0 ? "lab" : `node ${line.node}${line.inc > 1 ? `.${line.inc}` : ""}`;
  return `${line.time.toFixed(1).padStart(9)} ms  ${who.padEnd(8)}  ${line.msg}`;
}

/** The long form of a run shows a message once, when it is sent, and when it is lost. */
export function isTold(line: Pick<SimJournalLine, "kind">): boolean {
  return line.kind !== "recv";
}

/** The short form of a run shows faults, each beginning of a leadership, and what went wrong at a node. Call it for every line. */
export function createHeadlines(): (line: SimJournalLine) => boolean {
  const reigns = new Map<number, string | null>();
  return (line) => {
    if (line.node === 0) return line.kind === "fault" || line.seq === 1;
    if (line.kind !== "election")
      return line.level === "error" || line.exit !== undefined || (line.kind === "state" && line.level === "warn");
    if (line.role === undefined) return false;
    const before = reigns.get(line.node) ?? null;
    const reign = line.role === "COORDINATOR" ? `${line.inc} ${line.term} ${line.elected}` : null;
    reigns.set(line.node, reign);
    return reign !== null && reign !== before;
  };
}
