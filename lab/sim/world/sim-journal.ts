/**
 * The journal of a simulated run: the same lines that real nodes print, in the order in which they happened, and a fingerprint of
 * the whole run (lines and datagrams) that two runs of one seed must share.
 */
import { hex32 } from "../../../node/wire/hex.ts";
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

const LEVELS: Readonly<Record<JournalLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

export class SimJournal {
  readonly lines: SimJournalLine[] = [];
  /** Of the last line, by node and incarnation. */
  private readonly seqs = new Map<number, number>();
  private a = 0x811c9dc5;
  private b = 0x9747b28c;

  private readonly standard: JournalDetail;
  private readonly details = new Map<number, JournalDetail>();
  private readonly onLine: ((line: SimJournalLine) => void) | null;

  /** Whether somebody wants the fingerprint: making it costs more than writing the line. */
  private readonly isMixed: boolean;

  constructor(options: {
    readonly wire: boolean;
    readonly onLine: ((line: SimJournalLine) => void) | null;
    readonly fingerprint: boolean;
  }) {
    this.standard = { level: "debug", wire: options.wire };
    this.onLine = options.onLine;
    this.isMixed = options.fingerprint;
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
    if (LEVELS[event.level] < LEVELS[this.detailOf(node).level]) return;
    const name = node * 2 ** 33 + inc;
    const seq = (this.seqs.get(name) ?? 0) + 1;
    this.seqs.set(name, seq);
    const head = { node, inc, seq, time: timeMs, mono: monoMs };
    let line: SimJournalLine;
    if ("seq" in event) {
      // As in a real node's line: the number of a record isn't the number of its line.
      const { seq: recordSeq, ...fields } = event;
      line = recordSeq === undefined ? { ...head, ...fields } : { ...head, ...fields, record_seq: recordSeq };
    } else line = { ...head, ...event } as SimJournalLine;
    this.lines.push(line);
    if (this.isMixed) this.mix(line);
    this.onLine?.(line);
  }

  /** Every datagram counts for the fingerprint, written down or not. */
  mixSent(node: number, inc: number, timeMs: number, to: number | null, type: string, bytes: number): void {
    if (!this.isMixed) return;
    this.mixNumber(node);
    this.mixNumber(inc);
    this.mixNumber(timeMs);
    this.mixNumber(to ?? -1);
    this.mixText(type);
    this.mixNumber(bytes);
  }

  /** Of all lines and datagrams so far; null: nobody wanted it when the run began. */
  fingerprint(): string | null {
    if (!this.isMixed) return null;
    return hex32(this.a) + hex32(this.b);
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

  /** A line's fields with their names, in their order. Making JSON of each line would take longer than all the checks. */
  private mix(value: unknown): void {
    if (typeof value === "string") this.mixText(value);
    else if (typeof value === "number") this.mixNumber(value);
    else if (typeof value !== "object" || value === null) this.mixText(String(value));
    else {
      const parts = value as Readonly<Record<string, unknown>>;
      for (const name in parts) {
        this.mixText(name);
        this.mix(parts[name]);
      }
    }
  }

  private mixText(text: string): void {
    for (let i = 0; i < text.length; i++) this.mixWord(text.charCodeAt(i));
  }

  /** Instants have fractions of 1/1024. */
  private mixNumber(value: number): void {
    const whole = Math.floor(value);
    this.mixWord(whole | 0);
    this.mixWord(Math.floor(whole / 2 ** 32) | 0);
    this.mixWord(((value - whole) * 2 ** 20) | 0);
  }

  private mixWord(word: number): void {
    this.a = Math.imul(this.a ^ word, 0x01000193);
    this.b = Math.imul(this.b ^ word, 0x85ebca6b);
  }
}
