/**
 * Where journal lines go: a file descriptor that may be slow, full or broken, none of which is the node's own trouble. Lines are lost
 * then, and counted; the node neither dies of it nor waits for it.
 */
import { fstatSync, writeSync } from "node:fs";
import { codeOf, messageOf } from "./errors.ts";

const BACKLOG_BYTES_MAX = 4 * 1024 * 1024;
/** How often, a millisecond apart, a full pipe is tried before its line has to wait: a reader that runs empties it in that time. */
const PATIENCE = 5;
const RETRY_MS = 50;

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
  // Its reader is gone: that is for the sink to notice.
  if (kind.isFIFO() || kind.isSocket()) process.stdout.on("error", () => {});
  return createFileSink(1);
}

/** Lines that a full pipe refuses wait in memory, 4 MiB at most, oldest lost first. What a full disk refuses is lost at once. */
export function createFileSink(descriptor: number): LineSink {
  let backlog: Buffer[] = [];
  let backlogBytes = 0;
  let dropped = 0;
  let trouble = "";
  let isReaderGone = false;
  let isTaking = true;
  let isRetryAwaited = false;
  /** A line was cut short: the next one begins on a line of its own. */
  let isCut = false;

  const lose = (lines: number, why: string): void => {
    dropped += lines;
    trouble = why;
  };
  /** The bytes that have to wait; empty when all were written, or lost. */
  const writeSome = (bytes: Buffer, patience: number): Buffer => {
    let rest: Buffer = bytes;
    for (let attempt = 0; rest.length > 0; ) {
      try {
        rest = rest.subarray(writeSync(descriptor, rest));
      } catch (error) {
        const code = codeOf(error);
        if (code !== "EAGAIN") {
          isReaderGone = code === "EPIPE";
          if (rest.length < bytes.length) isCut = true;
          isTaking = false;
          lose(1, isReaderGone ? "nobody reads it" : messageOf(error));
          return Buffer.alloc(0);
        }
        if (++attempt > patience) return rest;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      }
    }
    isTaking = true;
    return rest;
  };
  const drain = (): void => {
    while (backlog.length > 0) {
      const [first = Buffer.alloc(0)] = backlog;
      const rest = writeSome(first, 0);
      backlogBytes -= first.length - rest.length;
      if (rest.length > 0) {
        backlog[0] = rest;
        return;
      }
      backlog.shift();
    }
  };
  /** A quarter at once: one by one would take longer than writing them. The first one may be half written, and stays. */
  const forgetOldest = (): void => {
    const forgotten = backlog.splice(1, Math.max(1, Math.floor(backlog.length / 4)));
    for (const line of forgotten) backlogBytes -= line.length;
    lose(forgotten.length, "whoever reads it stands still");
  };
  const awaitRetry = (): void => {
    if (isRetryAwaited) return;
    isRetryAwaited = true;
    const retry = (): void => {
      isRetryAwaited = false;
      drain();
      if (backlog.length > 0) awaitRetry();
    };
    setTimeout(retry, RETRY_MS).unref();
  };

  return {
    get dropped() {
      return dropped;
    },
    get isTaking() {
      return isTaking;
    },
    get trouble() {
      return trouble;
    },
    write(line) {
      if (isReaderGone) {
        lose(1, trouble);
        return;
      }
      let rest: Buffer = Buffer.from(isCut ? `\n${line}` : line);
      if (backlog.length === 0) rest = writeSome(rest, PATIENCE);
      if (isTaking) isCut = false;
      if (rest.length === 0) return;
      backlog.push(rest);
      backlogBytes += rest.length;
      if (backlogBytes > BACKLOG_BYTES_MAX) forgetOldest();
      awaitRetry();
    },
    flush() {
      const untilMs = performance.now() + 500;
      while (backlog.length > 0 && performance.now() < untilMs) drain();
      lose(backlog.length, trouble);
      backlog = [];
      backlogBytes = 0;
    },
  };
}
