/**
 * One line of a journal as the lab reads it, whichever runtime it came from: a node's own (node/wire/journal.ts) or, with node 0, what
 * the lab did to the nodes (lab-entry.ts).
 */
import { JournalLine } from "../../node/wire/journal.ts";

export interface Entry {
  readonly run?: string | undefined;
  /** 0: the lab. */
  readonly node: number;
  /** Incarnation of the node that wrote it; 0: before its store was open. */
  readonly inc: number;
  /** 1, 2, 3, … within (node, inc). */
  readonly seq: number;
  /** Wall clock, milliseconds since 1970. In virtual time: since the simulator's epoch. */
  readonly time: number;
  /** Milliseconds since the node's start. */
  readonly mono: number;
  readonly kind: JournalLine["kind"];
  readonly level: JournalLine["level"];
  readonly msg: string;
  /** Message type, where the event is about a message. */
  readonly type?: string;
  /** Of a `send` or `recv`: the message's own name, the same at both ends. Of a trade: its trade id. */
  readonly id?: string;
  readonly from?: number;
  readonly to?: number;
  readonly vc?: Readonly<Record<string, number>>;
  readonly role?: string;
  readonly term?: number;
  readonly elected?: boolean;
  readonly coordinator?: number | null;
  readonly balance?: number;
  /** Of `member`: whom it is about, its new state there, its incarnation. */
  readonly peer?: number;
  readonly state?: string;
  readonly peer_inc?: number;
  /** Of trades. */
  readonly amount?: number;
  readonly record_seq?: number;
  readonly outcome?: string;
  readonly [field: string]: unknown;
}

/** Null: no line of a journal (a crash's last words, a sentence of a plain log, half a line). */
export function parseEntry(text: string): Entry | null {
  if (!text.startsWith("{")) return null;
  try {
    const parsed = JournalLine.safeParse(JSON.parse(text));
    return parsed.success ? (parsed.data as Entry) : null;
  } catch {
    return null;
  }
}

/** The line as it stands in a file. */
export function formatEntry(entry: Entry): string {
  return JSON.stringify(entry);
}

/** Names one process of one node: `3.2` is node 3's second. */
export function processOf(entry: Entry): string {
  return `${entry.node}.${entry.inc}`;
}

/** False: it was written in a former run of a lab with the same name. @param run null: the lab has no id for its run */
export function isOfRun(entry: Entry, run: string | null): boolean {
  return run === null || entry.run === undefined || entry.run === run;
}
