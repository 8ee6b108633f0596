/**
 * The journal of a simulated run: the same lines that real nodes print, in the order in which they happened, and a fingerprint of
 * the whole run (lines and datagrams) that two runs of one seed must share.
 */
import type { JournalEvent } from "../../node/wire/journal.ts";
import type { Message } from "../../node/wire/message.ts";
import { describeLine, describeMessage } from "./transcript.ts";

/** A line as `JournalLine` describes it; `time` is virtual, milliseconds since the start of the run. */
export interface SimJournalLine extends JournalEvent {
  readonly node: number;
  readonly inc: number;
  readonly seq: number;
  readonly time: number;
  readonly mono: number;
}

export class SimJournal {
  readonly lines: SimJournalLine[] = [];
  private readonly seqs = new Map<string, number>();
  private a = 0x811c9dc5;
  private b = 0x9747b28c;

  private readonly wire: boolean;
  private readonly onLine: ((line: SimJournalLine) => void) | null;

  constructor(options: { readonly wire: boolean; readonly onLine: ((line: SimJournalLine) => void) | null }) {
    this.wire = options.wire;
    this.onLine = options.onLine;
  }

  /** Node 0 is the lab: faults and commands. */
  write(node: number, inc: number, timeMs: number, monoMs: number, event: JournalEvent): void {
    const name = `${node}.${inc}`;
    const seq = (this.seqs.get(name) ?? 0) + 1;
    this.seqs.set(name, seq);
    const line = { node, inc, seq, time: timeMs, mono: monoMs, ...event };
    this.lines.push(line);
    this.mix(JSON.stringify(line));
    this.onLine?.(line);
  }

  /** Every datagram counts for the fingerprint; it becomes a line at journal level `wire` only. */
  sent(node: number, inc: number, timeMs: number, message: Message, to: number | null, bytes: number): void {
    this.mix(`${node}.${inc}@${timeMs}>${to ?? "*"} ${message.message_type} ${bytes}`);
    if (!this.wire) return;
    const target = to === null ? {} : { to };
    this.write(node, inc, timeMs, timeMs, {
      kind: "send",
      level: "debug",
      msg: `-> ${to === null ? "all" : `node ${to}`}  ${describeMessage(message)}`,
      type: message.message_type,
      ...target,
    });
  }

  fingerprint(): string {
    return (this.a >>> 0).toString(16).padStart(8, "0") + (this.b >>> 0).toString(16).padStart(8, "0");
  }

  /** For people: one line an event, the newest `count`. */
  transcript(count = 200): string {
    return this.lines.slice(-count).map(describeLine).join("\n");
  }

  private mix(text: string): void {
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      this.a = Math.imul(this.a ^ code, 0x01000193);
      this.b = Math.imul(this.b ^ code, 0x85ebca6b);
    }
  }
}
