/** What part of a journal somebody wants to see: the same for every format. */
import type { NodeId } from "../../node/wire/ids.ts";
import type { Entry } from "../journal/entry.ts";
import type { Journal } from "../journal/journal.ts";
import { isBackground } from "../journal/message-kinds.ts";

export interface ExportOptions {
  /** Milliseconds since the journal's first line; absent: from the beginning. */
  readonly fromMs?: number;
  /** Absent: to the end. */
  readonly toMs?: number;
  /** Absent: all. */
  readonly nodes?: readonly NodeId[];
  /** False: without heartbeats and probes. Default true. */
  readonly heartbeats?: boolean;
}

/** Wall clock of the journal's first line: what times in pictures count from. 0 for an empty journal. */
export function originOf(journal: Journal): number {
  const first = journal.entries.reduce((least, { time }) => Math.min(least, time), Number.POSITIVE_INFINITY);
  return Number.isFinite(first) ? first : 0;
}

/** In the journal's order; the lab's own lines stay whatever nodes are asked for. */
export function selectEntries(journal: Journal, options: ExportOptions): readonly Entry[] {
  const originMs = originOf(journal);
  const fromMs = originMs + (options.fromMs ?? Number.NEGATIVE_INFINITY);
  const toMs = originMs + (options.toMs ?? Number.POSITIVE_INFINITY);
  const nodes = options.nodes === undefined ? null : new Set(options.nodes);
  return journal.entries.filter(
    (entry) =>
      entry.time >= fromMs &&
      entry.time <= toMs &&
      (nodes === null || entry.node === 0 || nodes.has(entry.node)) &&
      (options.heartbeats !== false || !isBackground(entry.type)),
  );
}
