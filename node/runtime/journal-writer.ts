/**
 * The journal: one JSON line (pino) per event on stdout, or plain sentences on a terminal as the original printed them.
 *
 * Idea: every line is written before the step that made it ends, synchronously, so that the last words of a node that is killed
 * are there. A stdout that nobody reads any more must not kill the node, and one that is full must not freeze it for long.
 */
import { mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { type Logger, pino } from "pino";
import type { JournalEvent, JournalLevel } from "../wire/journal.ts";
import { createFileSink, type LineSink } from "./line-sink.ts";

/** Docker splits longer lines. */
const LINE_BYTES_MAX = 15_000;
const LEVELS: Readonly<Record<JournalLevel, number>> = { debug: 20, info: 30, warn: 40, error: 50 };

export interface Journal {
  write(event: JournalEvent): void;
  /** The shell's own sentences: `local` events. */
  note(level: JournalLevel, msg: string, fields?: Record<string, unknown>): void;
  /** The incarnation is known only once the store is open. */
  begin(incarnation: number): void;
  /** Tries once more to write what could not be written. */
  flush(): void;
  /** Lines that were lost, because nobody reads them or the disk is full. */
  dropped(): number;
}

export interface JournalOptions {
  readonly node: number;
  readonly run: string | null;
  readonly level: JournalLevel;
  readonly sink: LineSink;
  /** Sentences instead of JSON. */
  readonly isPlain: boolean;
}

export function createJournal(options: JournalOptions): Journal {
  const { sink } = options;
  const threshold = LEVELS[options.level];
  let incarnation = 0;
  let seq = 0;
  /** How many of the lost lines the journal has reported. */
  let told = 0;
  const logger = options.isPlain ? null : createLogger(options, sink);

  const write = (event: JournalEvent): void => {
    if (LEVELS[event.level] < threshold) return;
    writeLine(event);
    // The sink takes lines again: their reader must know of the gap.
    const lost = sink.dropped - told;
    if (lost === 0 || !sink.isTaking) return;
    told = sink.dropped;
    const msg = `${lost} lines of this journal were lost: ${sink.trouble}`;
    writeLine({ kind: "local", level: "warn", msg, lost });
  };
  const writeLine = (event: JournalEvent): void => {
    seq += 1;
    if (logger === null) {
      sink.write(`[${timeOfDay(new Date())}] ${event.msg}\n`);
      return;
    }
    const { msg, level, kind, seq: recordSeq, ...fields } = event;
    const line = {
      node: options.node,
      inc: incarnation,
      seq,
      time: Date.now(),
      mono: Math.round(performance.now()),
      kind,
    };
    // Who, when and which line come first and can't be overridden; the number of a record isn't the number of its line.
    const rest = recordSeq === undefined ? fields : { ...fields, record_seq: recordSeq };
    logger[level](Object.assign({ ...line }, rest, line), msg);
  };

  return {
    write,
    note: (level, msg, fields = {}) => write({ kind: "local", level, msg, ...fields }),
    begin(next) {
      incarnation = next;
      seq = 0;
    },
    flush: () => sink.flush(),
    dropped: () => sink.dropped,
  };
}

function createLogger(options: JournalOptions, sink: LineSink): Logger {
  return pino(
    {
      level: options.level,
      base: options.run === null ? null : { run: options.run },
      timestamp: false,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => sink.write(bound(line)) },
  );
}

/** Shortens what is too long by dropping its big fields: the sentence and the identity stay. */
function bound(line: string): string {
  if (line.length < LINE_BYTES_MAX / 3 || Buffer.byteLength(line) < LINE_BYTES_MAX) return line;
  const fields = JSON.parse(line) as Record<string, unknown>;
  for (const [name, value] of Object.entries(fields)) {
    const size = JSON.stringify(value)?.length ?? 0;
    if (name === "msg" && typeof value === "string") fields.msg = value.slice(0, 2_000);
    else if (size > 400) fields[name] = `(${size} characters left out)`;
  }
  return `${JSON.stringify(fields)}\n`;
}

/** `--quiet`: the original's log file, with its opening line. Throws when it can't be made. */
export function openLogFile(path: string, node: number): LineSink {
  mkdirSync(dirname(path), { recursive: true });
  const sink = createFileSink(openSync(path, "a"));
  const now = new Date();
  sink.write(`=== Node ${node} STARTED at ${now.toISOString().slice(0, 10)} ${timeOfDay(now)} ===\n`);
  return sink;
}

function timeOfDay(instant: Date): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${two(instant.getHours())}:${two(instant.getMinutes())}:${two(instant.getSeconds())}`;
}
