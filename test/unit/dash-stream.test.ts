// The stream to a reader of the dashboard: everything once and in order while it keeps up, the present and a word about the rest when it
// doesn't, and memory that doesn't depend on it.
import { describe, expect, test } from "vitest";
import { Feed } from "../../lab/dash/feed.ts";
import type { Snapshot, StreamMessage } from "../../lab/dash/protocol.ts";
import { type Sink, type StreamSetup, writeStream } from "../../lab/dash/stream.ts";
import type { Entry } from "../../lab/journal/entry.ts";
import type { RunFacts } from "../../lab/journal/journal.ts";
import { eventually } from "../support/eventually.ts";

const FACTS: RunFacts = {
  ...{ lab: "shop", run: "shop-1", profile: "fast", nodes: [1, 2], voters: [1], seed: 1 },
  runtime: "sim",
  isDetailed: false,
  hasWire: false,
};

function entries(from: number, count: number): Entry[] {
  return Array.from({ length: count }, (_, i) => ({
    ...{ node: 1, inc: 1, seq: from + i, time: from + i, mono: from + i, kind: "local", level: "info", msg: "m" },
  })) as Entry[];
}

function openFeed(entriesMax = 1_000): Feed {
  return new Feed({ mode: "live", facts: FACTS, nowMs: () => 0, entriesMax });
}

function snapshotAt(atMs: number): Snapshot {
  const agreement = { agreed: true, coordinator: 1, term: 1, elected: true, reason: "" };
  return { type: "snapshot", atMs, nodes: [], faults: [], agreement };
}

/** A reader that takes as much as it is told to. */
class Reader implements Sink {
  readonly messages: StreamMessage[] = [];
  room = Number.POSITIVE_INFINITY;
  #more = Promise.withResolvers<void>();

  write(text: string): boolean {
    this.messages.push(JSON.parse(text) as StreamMessage);
    this.room--;
    return this.room > 0;
  }

  drained(): Promise<void> {
    return this.#more.promise;
  }

  take(count: number): void {
    this.room = count;
    const { resolve } = this.#more;
    this.#more = Promise.withResolvers<void>();
    resolve();
  }

  get seqs(): number[] {
    return this.messages.flatMap((message) =>
      message.type === "entries" ? message.entries.map(({ seq }) => seq) : [],
    );
  }
}

function open(feed: Feed, reader: Reader, setup: Partial<StreamSetup> = {}) {
  const stop = new AbortController();
  const done = writeStream(feed, reader, {
    ...{ server: "one", mayCommand: true, resume: null, signal: stop.signal },
    ...setup,
  });
  return { done, stop };
}

describe("a reader that keeps up", () => {
  test("must get hello, the past, the newest snapshot, then what is new, each once and in order", async () => {
    const feed = openFeed();
    feed.append(entries(1, 700));
    feed.show(snapshotAt(1));
    feed.show(snapshotAt(2));
    const reader = new Reader();
    const { done } = open(feed, reader);
    await eventually(() => reader.seqs.length === 700);
    feed.append(entries(701, 3));
    await eventually(() => reader.seqs.length === 703);
    feed.say({ type: "notice", level: "info", code: "other", text: "hm" });
    feed.say({ type: "end", why: "lab-gone", text: "gone" });
    await done;
    expect(reader.messages[0]).toMatchObject({ type: "hello", past: 700, server: "one", facts: { lab: "shop" } });
    expect(reader.seqs).toEqual(Array.from({ length: 703 }, (_, i) => i + 1));
    const isPast = reader.messages.flatMap((message) => (message.type === "entries" ? [message.isPast] : []));
    expect(isPast).toEqual([true, true, false]);
    expect(reader.messages.filter((message) => message.type === "snapshot")).toEqual([snapshotAt(2)]);
    expect(reader.messages.slice(-2).map((message) => message.type)).toEqual(["notice", "end"]);
  });

  test("must go on where its last connection to the same server broke off, and begin from the start with another server", async () => {
    const feed = openFeed();
    feed.append(entries(1, 10));
    feed.say({ type: "end", why: "lab-gone", text: "" });
    const same = new Reader();
    await open(feed, same, { resume: { server: "one", next: 7 } }).done;
    expect(same.seqs).toEqual([8, 9, 10]);
    const other = new Reader();
    await open(feed, other, { resume: { server: "of yesterday", next: 7 } }).done;
    expect(other.seqs).toHaveLength(10);
  });

  test("must hear that the connection lives when nothing happens", async () => {
    const reader = new Reader();
    const { done, stop } = open(openFeed(), reader, { beatMs: 5 });
    await eventually(() => reader.messages.filter((message) => message.type === "beat").length >= 2);
    stop.abort();
    await done;
  });
});

describe("a reader that is slower than the cluster", () => {
  test("must miss entries, be told how many, and still get every newest snapshot", async () => {
    const feed = openFeed(10_000);
    const reader = new Reader();
    reader.room = 1;
    const { done, stop } = open(feed, reader, { lagMax: 100 });
    // It took the hello and nothing else while all this happened.
    feed.append(entries(1, 5_000));
    for (let i = 1; i <= 50; i++) feed.show(snapshotAt(i));
    reader.take(1_000);
    await eventually(() => reader.seqs.at(-1) === 5_000);
    stop.abort();
    await done;
    expect(reader.messages.map((message) => message.type)).toEqual(["hello", "snapshot", "skipped", "entries"]);
    expect(reader.messages[1]).toEqual(snapshotAt(50));
    expect(reader.messages[2]).toEqual({ type: "skipped", entries: 4_990 });
    expect(reader.seqs).toHaveLength(10);
  });

  test("must get all of the past, however slowly it reads, as long as it is kept", async () => {
    const feed = openFeed(10_000);
    feed.append(entries(1, 3_000));
    const reader = new Reader();
    reader.room = 1;
    const { done, stop } = open(feed, reader, { lagMax: 100 });
    while (reader.seqs.length < 3_000) {
      const before = reader.messages.length;
      reader.take(1);
      await eventually(() => reader.messages.length > before);
    }
    stop.abort();
    reader.take(10);
    await done;
    expect(reader.messages.some((message) => message.type === "skipped")).toBe(false);
  });

  test("must cost no memory: the feed keeps a bounded stretch for all readers", () => {
    const feed = openFeed(100);
    for (let i = 0; i < 100; i++) feed.append(entries(i * 10 + 1, 10));
    expect(feed.end).toBe(1_000);
    expect(feed.end - feed.base).toBeLessThanOrEqual(125);
    expect(feed.read(feed.base, 1)[0]?.seq).toBe(feed.base + 1);
    for (let i = 0; i < 500; i++) feed.say({ type: "notice", level: "info", code: "other", text: `${i}` });
    expect(feed.sayingsFrom(0)).toHaveLength(200);
  });
});
