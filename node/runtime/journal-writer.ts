/**
 * The journal: one JSON line (pino) per event on stdout, or plain sentences on a terminal as the original printed them.
 *
 * Idea: every line is written before the step that made it ends, synchronously, so that the last words of a node that is killed
 * are there. A stdout that nobody reads any more must not kill the node, and one that is full must not freeze it for long.
 */
import { mkdirSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { type Logger, pino } from "pino";
import type { JournalEvent, JournalLevel } from "../wire/journal.ts";
import { codeOf } from "./errors.ts";

/** Docker splits longer lines. */
const LINE_BYTES_MAX = 15_000;
const BACKLOG_BYTES_MAX = 4 * 1024 * 1024;
const LEVELS: Readonly<Record<JournalLevel, number>> = { debug: 20, info: 30, warn: 40, error: 50 };

export interface Journal {
  write(event: JournalEvent): void;
  /** The shell's own sentences: `local` events. */
  note(level: JournalLevel, msg: string, fields?: Record<string, unknown>): void;
  /** The incarnation is known only once the store is open. */
  begin(incarnation: number): void;
  /** Tries once more to write what could not be written. */
  flush(): void;
}

export interface JournalOptions {
  readonly node: number;
  readonly run: string | null;
  readonly level: JournalLevel;
  readonly sink: LineSink;
  /** Sentences instead of JSON. */
  readonly isPlain: boolean;
}

/** Takes one line, its newline included. Never throws. */
export interface LineSink {
  write(line: string): void;
  flush(): void;
}

export function createJournal(options: JournalOptions): Journal {
  const { sink } = options;
  const threshold = LEVELS[options.level];
  let incarnation = 0;
  let seq = 0;
  const logger = options.isPlain ? null : createLogger(options, sink);

  const write = (event: JournalEvent): void => {
    if (LEVELS[event.level] < threshold) return;
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

/** A sink on a file descriptor. Lines that a full pipe refuses wait in memory, 4 MiB at most, oldest lost first. */
export function createFileSink(descriptor: number): LineSink {
  let backlog: Buffer[] = [];
  let backlogBytes = 0;
  let isBroken = false;
  let isRetryAwaited = false;

  /** The bytes that could not be written now; empty when all were. */
  const writeSome = (bytes: Buffer): Buffer => {
    let rest: Buffer = bytes;
    for (let attempt = 0; rest.length > 0 && !isBroken; ) {
      try {
        rest = rest.subarray(writeSync(descriptor, rest));
      } catch (error) {
        if (codeOf(error) !== "EAGAIN") {
          // Nobody reads any more (EPIPE), or the disk is full: the node has better things to do than to die of it.
          isBroken = true;
          return Buffer.alloc(0);
        }
        if (++attempt > 5) return rest;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      }
    }
    return rest;
  };
  const drain = (): void => {
    while (backlog.length > 0) {
      const [first = Buffer.alloc(0)] = backlog;
      const rest = writeSome(first);
      backlogBytes -= first.length - rest.length;
      if (rest.length > 0) {
        backlog[0] = rest;
        return;
      }
      backlog.shift();
    }
  };
  const awaitRetry = (): void => {
    if (isRetryAwaited) return;
    isRetryAwaited = true;
    const retry = (): void => {
      isRetryAwaited = false;
      drain();
      if (backlog.length > 0) awaitRetry();
    };
    setTimeout(retry, 50).unref();
  };

  return {
    write(line) {
      if (isBroken) return;
      let rest: Buffer = Buffer.from(line);
      if (backlog.length === 0) rest = writeSome(rest);
      if (rest.length === 0) return;
      backlog.push(rest);
      backlogBytes += rest.length;
      while (backlogBytes > BACKLOG_BYTES_MAX && backlog.length > 1)
        backlogBytes -= backlog.splice(1, 1)[0]?.length ?? 0;
      awaitRetry();
    },
    flush() {
      const untilMs = performance.now() + 500;
      while (backlog.length > 0 && !isBroken && performance.now() < untilMs) drain();
      backlog = [];
      backlogBytes = 0;
    },
  };
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
