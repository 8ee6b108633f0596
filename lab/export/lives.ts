/** When each node's processes lived, and how they ended: from their own lines and from what the lab did to them. */
import type { NodeId } from "../../node/wire/ids.ts";
import type { Entry } from "../journal/entry.ts";
import { readLabAction } from "../journal/lab-entry.ts";

/** Milliseconds since the journal's first line. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Life extends Span {
  readonly node: NodeId;
  readonly inc: number;
  /** `replaced`: the same process went on under another incarnation, or nobody wrote down why it ended; `open`: it lives when the journal ends. */
  readonly end: "killed" | "left" | "replaced" | "open";
}

/** By node, then in their order. */
export function findLives(entries: readonly Entry[], originMs: number, endMs: number): readonly Life[] {
  const spans = new Map<string, { node: NodeId; inc: number; fromMs: number; lastMs: number }>();
  const ends: { node: NodeId; atMs: number; end: "killed" | "left" }[] = [];
  for (const entry of entries) {
    const atMs = entry.time - originMs;
    const action = readLabAction(entry);
    if (action?.action === "kill" && !["SIGSTOP", "SIGCONT", "SIGHUP"].includes(action.signal)) {
      const end = action.signal === "SIGKILL" ? "killed" : "left";
      for (const node of action.nodes) ends.push({ node, atMs, end });
    } else if (action?.action === "stop" || action?.action === "leave" || action?.action === "remove")
      for (const node of action.nodes) ends.push({ node, atMs, end: "left" });
    // What is written before the store is open belongs to the life that follows.
    if (entry.node === 0 || entry.inc === 0) continue;
    const span = spans.get(`${entry.node}.${entry.inc}`);
    if (span === undefined)
      spans.set(`${entry.node}.${entry.inc}`, { node: entry.node, inc: entry.inc, fromMs: atMs, lastMs: atMs });
    else {
      span.fromMs = Math.min(span.fromMs, atMs);
      span.lastMs = Math.max(span.lastMs, atMs);
    }
  }
  const sorted = [...spans.values()].sort((a, b) => a.node - b.node || a.inc - b.inc);
  return sorted.map(({ node, inc, fromMs, lastMs }, i) => {
    const next = sorted[i + 1]?.node === node ? sorted[i + 1] : undefined;
    const untilMs = next?.fromMs ?? Number.POSITIVE_INFINITY;
    const ended = ends.find((end) => end.node === node && end.atMs >= fromMs && end.atMs <= untilMs);
    if (ended !== undefined)
      return { node, inc, fromMs, toMs: Math.min(untilMs, Math.max(ended.atMs, lastMs)), end: ended.end };
    if (next !== undefined)
      return { node, inc, fromMs, toMs: Math.max(lastMs, Math.min(untilMs, lastMs)), end: "replaced" };
    return { node, inc, fromMs, toMs: endMs, end: "open" };
  });
}
