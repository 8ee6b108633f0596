/**
 * One reader's stream: hello, the past, then whatever is new, as fast as the reader takes it and never faster.
 *
 * A reader that falls behind the cluster is told how much it missed and goes on with the present: snapshots always get through, because
 * only the newest is ever sent. One that takes nothing at all is cut off.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Feed } from "./feed.ts";
import { DASH_PROTOCOL, type Hello, type StreamMessage, type StreamRequest } from "./protocol.ts";

/** The reader of the lines. `write` says false when the reader has enough for now. */
export interface Sink {
  write(text: string): boolean;
  /** Resolves when it takes more; rejects when it was closed. */
  drained(): Promise<void>;
}

export interface StreamSetup {
  readonly server: string;
  readonly mayCommand: boolean;
  readonly resume: StreamRequest["resume"];
  readonly signal: AbortSignal;
  /** Lines that a live reader may be behind before some are left out. */
  readonly lagMax?: number;
  readonly beatMs?: number;
}

const BATCH = 500;
const LAG_MAX = 5_000;
const BEAT_MS = 5_000;
/** A reader that takes nothing for so long has gone. */
const STUCK_MS = 30_000;

/** Resolves when the feed ended and all was said, or `signal` ended it. @throws what the sink throws when it is closed or stuck */
export async function writeStream(feed: Feed, sink: Sink, setup: StreamSetup): Promise<void> {
  const { signal } = setup;
  const isKnown = setup.resume?.server === setup.server && setup.resume.next <= feed.end;
  let next = isKnown ? Math.max(feed.base, setup.resume?.next ?? 0) : feed.base;
  const pastEnd = feed.end;
  let saying = feed.sayingsBase;
  let snapshots = 0;
  const send = async (message: StreamMessage): Promise<void> => {
    if (sink.write(`${JSON.stringify(message)}\n`)) return;
    const timeout = new AbortController();
    const stuck = sleep(STUCK_MS, undefined, { signal: timeout.signal, ref: false }).then(() => {
      throw new Error("the reader takes nothing");
    });
    try {
      await Promise.race([sink.drained(), stuck]);
    } finally {
      timeout.abort();
      stuck.catch(() => {});
    }
  };

  await send(describeFeed(feed, setup, pastEnd - next));
  while (!signal.aborted) {
    const changed = feed.changed();
    const snapshot = feed.snapshots === snapshots ? null : feed.snapshot;
    snapshots = feed.snapshots;
    if (snapshot !== null) await send(snapshot);

    const skipTo = whereToGoOn(feed, next, pastEnd, setup.lagMax ?? LAG_MAX);
    if (skipTo > next) {
      await send({ type: "skipped", entries: skipTo - next });
      next = skipTo;
    }
    const isPast = next < pastEnd;
    const entries = feed.read(next, isPast ? Math.min(BATCH, pastEnd - next) : BATCH);
    if (entries.length > 0) {
      next += entries.length;
      await send({ type: "entries", entries, isPast, next });
      continue;
    }
    const sayings = feed.sayingsFrom(saying);
    saying = Math.max(saying, feed.sayingsBase) + sayings.length;
    for (const item of sayings) await send(item);
    // Whatever came while this was being sent comes before it is over.
    if (feed.isEnded && feed.sayingsFrom(saying).length === 0) return;
    if (sayings.length > 0 || feed.end > next || feed.snapshots > snapshots) continue;
    if (await isQuiet(changed, signal, setup.beatMs ?? BEAT_MS)) {
      await send({ type: "beat", atMs: feed.options.nowMs() });
    }
  }
}

function describeFeed(feed: Feed, setup: StreamSetup, past: number): Hello {
  const { mode, facts, gaps = [], nowMs } = feed.options;
  const { server, mayCommand } = setup;
  return { type: "hello", protocol: DASH_PROTOCOL, server, mode, facts, nowMs: nowMs(), gaps, past, mayCommand };
}

/** The past is read as a whole, however long that takes; what is new is given up when there is too much of it. */
function whereToGoOn(feed: Feed, next: number, pastEnd: number, lagMax: number): number {
  const isBehind = next >= pastEnd && feed.end - next > lagMax;
  return Math.max(feed.base, isBehind ? feed.end - Math.floor(lagMax / 10) : next);
}

/** True: nothing happened for `beatMs`. */
async function isQuiet(changed: Promise<void>, signal: AbortSignal, beatMs: number): Promise<boolean> {
  const enough = new AbortController();
  const timer = sleep(beatMs, true, { signal: AbortSignal.any([signal, enough.signal]) }).catch(() => false);
  const quiet = await Promise.race([changed.then(() => false), timer]);
  enough.abort();
  return quiet;
}
