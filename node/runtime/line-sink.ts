/**
 * Writes journal lines to a file descriptor that may be slow, full or broken. The node goes on in any case: lines are lost and counted,
 * and the node neither ends nor waits.
 */
import { fstatSync, writeSync } from "node:fs";
import { codeOf, messageOf } from "./errors.ts";

const BACKLOG_BYTES_MAX = 4 * 1024 * 1024;
/** How often, a millisecond apart, a full pipe is tried before its line has to wait: a reader that runs empties it in that time. */
const PATIENCE = 5;
const RETRY_MS = 50;
/** How long the end of the process may wait for a reader. */
const FLUSH_MS = 500;

/** Takes one line, its newline included. Never throws. */
export interface LineSink {
  write(line: string): void;
  flush(): void;
  /** Lines that were lost so far. */
  readonly dropped: number;
  /** The last line was written or waits: what is told now arrives. */
  readonly isTaking: boolean;
  /** Why the last line that was lost was lost; empty: none was. */
  readonly trouble: string;
}

/**
 * The process's stdout. A pipe whose reader stands still would hold the node up in the middle of a write, for ever: once Node has made
 * a stream of it, it refuses instead.
 */
export function openStdout(): LineSink {
  const kind = fstatSync(1);
  // The sink notices by itself that its reader is gone.
  if (kind.isFIFO() || kind.isSocket()) process.stdout.on("error", () => {});
  return createFileSink(1);
}

interface SinkState {
  readonly descriptor: number;
  /** Lines that a full pipe refused; the first may be half written. */
  backlog: Buffer[];
  backlogBytes: number;
  dropped: number;
  trouble: string;
  isReaderGone: boolean;
  isTaking: boolean;
  isRetryAwaited: boolean;
  /** A line was cut short: the next one begins on a line of its own. */
  isCut: boolean;
}

/** Lines that a full pipe refuses wait in memory, 4 MiB at most, oldest lost first. What a full disk refuses is lost at once. */
export function createFileSink(descriptor: number): LineSink {
  const sink: SinkState = {
    descriptor,
    backlog: [],
    backlogBytes: 0,
    dropped: 0,
    trouble: "",
    isReaderGone: false,
    isTaking: true,
    isRetryAwaited: false,
    isCut: false,
  };
  return {
    get dropped() {
      return sink.dropped;
    },
    get isTaking() {
      return sink.isTaking;
    },
    get trouble() {
      return sink.trouble;
    },
    write: (line) => writeLine(sink, line),
    flush: () => flush(sink),
  };
}

function writeLine(sink: SinkState, line: string): void {
  if (sink.isReaderGone) {
    lose(sink, 1, sink.trouble);
    return;
  }
  let rest: Buffer = Buffer.from(sink.isCut ? `\n${line}` : line);
  if (sink.backlog.length === 0) rest = writeSome(sink, rest, PATIENCE);
  if (sink.isTaking) sink.isCut = false;
  if (rest.length === 0) return;
  sink.backlog.push(rest);
  sink.backlogBytes += rest.length;
  if (sink.backlogBytes > BACKLOG_BYTES_MAX) forgetOldest(sink);
  awaitRetry(sink);
}

function flush(sink: SinkState): void {
  const untilMs = performance.now() + FLUSH_MS;
  while (sink.backlog.length > 0 && performance.now() < untilMs) drain(sink);
  lose(sink, sink.backlog.length, sink.trouble);
  sink.backlog = [];
  sink.backlogBytes = 0;
}

/** The bytes that have to wait; empty when all were written, or lost. */
function writeSome(sink: SinkState, bytes: Buffer, patience: number): Buffer {
  let rest = bytes;
  for (let attempt = 0; rest.length > 0; ) {
    try {
      rest = rest.subarray(writeSync(sink.descriptor, rest));
    } catch (error) {
      if (codeOf(error) !== "EAGAIN") {
        noteFailure(sink, error, rest.length < bytes.length);
        return Buffer.alloc(0);
      }
      if (++attempt > patience) return rest;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
  sink.isTaking = true;
  return rest;
}

/** The line in hand is lost; what was written of it stays. */
function noteFailure(sink: SinkState, error: unknown, isPartWritten: boolean): void {
  sink.isReaderGone = codeOf(error) === "EPIPE";
  if (isPartWritten) sink.isCut = true;
  sink.isTaking = false;
  lose(sink, 1, sink.isReaderGone ? "nobody reads it" : messageOf(error));
}

function drain(sink: SinkState): void {
  while (sink.backlog.length > 0) {
    const [first = Buffer.alloc(0)] = sink.backlog;
    const rest = writeSome(sink, first, 0);
    sink.backlogBytes -= first.length - rest.length;
    if (rest.length > 0) {
      sink.backlog[0] = rest;
      return;
    }
    sink.backlog.shift();
  }
}

function awaitRetry(sink: SinkState): void {
  if (sink.isRetryAwaited) return;
  sink.isRetryAwaited = true;
  const retry = (): void => {
    sink.isRetryAwaited = false;
    drain(sink);
    if (sink.backlog.length > 0) awaitRetry(sink);
  };
  setTimeout(retry, RETRY_MS).unref();
}

/** A quarter at once: one by one would take longer than writing them. The first one may be half written, and stays. */
function forgetOldest(sink: SinkState): void {
  const forgotten = sink.backlog.splice(1, Math.max(1, Math.floor(sink.backlog.length / 4)));
  for (const line of forgotten) sink.backlogBytes -= line.length;
  lose(sink, forgotten.length, "its reader stands still");
}

function lose(sink: SinkState, lines: number, why: string): void {
  sink.dropped += lines;
  sink.trouble = why;
}
