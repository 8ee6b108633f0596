/**
 * The journal of a simulated run: the same lines that real nodes print, in the order in which they happened, and a fingerprint of
 * the whole run (lines and datagrams) that two runs of one seed must share.
 */
import type { JournalEvent, JournalLevel } from "../../../node/wire/journal.ts";
import { describeLine, isTold } from "./transcript.ts";

/** A line as `JournalLine` describes it; `time` is virtual, milliseconds since the start of the run. */
export interface SimJournalLine extends JournalEvent {
  readonly node: number;
  readonly inc: number;
  readonly seq: number;
  readonly time: number;
  readonly mono: number;
}

/** How much a node writes down: its `DS_LOG_LEVEL` and `DS_JOURNAL`. */
export interface JournalDetail {
  readonly level: JournalLevel;
  readonly wire: boolean;
}

const LEVELS: readonly JournalLevel[] = ["debug", "info", "warn", "error"];

export class SimJournal {
  readonly lines: SimJournalLine[] = [];
  private readonly seqs = new Map<string, number>();
  private a = 0x811c9dc5;
  private b = 0x9747b28c;

  private readonly standard: JournalDetail;
  private readonly details = new Map<number, JournalDetail>();
  private readonly onLine: ((line: SimJournalLine) => void) | null;

  /** Nobody asks for the fingerprint of a session: making it would cost as much as writing the line. */
  private readonly isMixed: boolean;

  constructor(options: {
    readonly wire: boolean;
    readonly onLine: ((line: SimJournalLine) => void) | null;
    /** Default: yes. */
    readonly fingerprint?: boolean;
  }) {
    this.standard = { level: "debug", wire: options.wire };
    this.onLine = options.onLine;
    this.isMixed = options.fingerprint ?? true;
  }

  /** What one node writes, other than the rest. */
  detail(node: number, detail: JournalDetail): void {
    this.details.set(node, detail);
  }

  /** Whether a node writes down every datagram. */
  isWired(node: number): boolean {
    return this.detailOf(node).wire;
  }

  /** Node 0 is the lab: faults and commands. */
  write(node: number, inc: number, timeMs: number, monoMs: number, event: JournalEvent): void {
    if (LEVELS.indexOf(event.level) < LEVELS.indexOf(this.detailOf(node).level)) return;
    const name = `${node}.${inc}`;
    const seq = (this.seqs.get(name) ?? 0) + 1;
    this.seqs.set(name, seq);
    // As in a real node's line: the number of a record isn't the number of its line.
    const { seq: recordSeq, ...fields } = event;
    const record = recordSeq === undefined ? {} : { record_seq: recordSeq };
    const line = { node, inc, seq, time: timeMs, mono: monoMs, ...fields, ...record } as SimJournalLine;
    this.lines.push(line);
    if (this.isMixed) this.mix(JSON.stringify(line));
    this.onLine?.(line);
  }

  /** Every datagram counts for the fingerprint, written down or not. */
  mixSent(describe: () => string): void {
    if (this.isMixed) this.mix(describe());
  }

  fingerprint(): string {
    return (this.a >>> 0).toString(16).padStart(8, "0") + (this.b >>> 0).toString(16).padStart(8, "0");
  }

  /** For people: one line an event, the newest `count`. */
  transcript(count = 200): string {
    return this.lines
      .slice(-count * 2)
      .filter(isTold)
      .slice(-count)
      .map(describeLine)
      .join("\n");
  }

  private detailOf(node: number): JournalDetail {
    return this.details.get(node) ?? this.standard;
  }

  private mix(text: string): void {
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      this.a = Math.imul(this.a ^ code, 0x01000193);
      this.b = Math.imul(this.b ^ code, 0x85ebca6b);
    }
  }
}
