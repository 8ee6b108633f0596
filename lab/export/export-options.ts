/** What part of a journal somebody wants to see: the same for every format. */
import type { NodeId } from "../../node/wire/ids.ts";
import { formatDuration } from "../base/duration.ts";
import { LabError } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";
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

/**
 * Refuses what would make an empty file.
 * @throws LabError("failed") saying what the journal has instead
 */
export function requireSome(journal: Journal, options: ExportOptions, shows: "lines" | "messages" | "trades"): void {
  const selected = selectEntries(journal, options).filter(({ node }) => node !== 0);
  const isTrade = ({ kind, id }: Entry): boolean => (kind === "trade" || kind === "deliver") && id !== undefined;
  if (shows === "trades" ? selected.some(isTrade) : selected.length > 0) return;
  const what = shows === "trades" ? "trade" : "line of a node";
  const { entries, facts } = journal;
  const spanMs = entries.reduce((last, { time }) => Math.max(last, time), 0) - originOf(journal);
  const has =
    entries.length === 0
      ? "the journal is empty"
      : `the journal has ${entries.length} lines of nodes ${facts.nodes.join(",")} in ${formatDuration(spanMs)}`;
  const cure = entries.length === 0 ? NEXT.readAllLogs() : "choose other --nodes, --from or --to, or leave them out";
  throw new LabError("failed", `nothing to export: no ${what} was selected (${has})`, cure);
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
