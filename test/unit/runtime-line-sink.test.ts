// Journals on what is full, slow or gone: real files, pipes and a real full disk where this machine lets us make one.
import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { createJournal } from "../../node/runtime/journal-writer.ts";
import { createFileSink } from "../../node/runtime/line-sink.ts";
import { mountSmallDisk, noSmallDisk } from "../support/small-disk.ts";

function journalOn(sink: ReturnType<typeof createFileSink>) {
  return createJournal({ node: 1, run: null, level: "info", sink, isPlain: false });
}

/** A named pipe, until the test ends. */
function makePipe(): string {
  const folder = mkdtempSync(join(tmpdir(), "energy-lab-pipe-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "pipe");
  execFileSync("mkfifo", [path]);
  return path;
}

describe("a journal", () => {
  const full = "must count what a full disk refuses, and go on with a whole line when there is room";
  test.skipIf(noSmallDisk !== null)(
    noSmallDisk === null ? full : `${full} (no small disk here: ${noSmallDisk})`,
    () => {
      const disk = mountSmallDisk(256 * 1024);
      const path = join(disk, "journal.log");
      const ballast = join(disk, "ballast");
      const descriptor = openSync(path, "a");
      writeFileSync(ballast, Buffer.alloc(200 * 1024));
      const sink = createFileSink(descriptor);
      const journal = journalOn(sink);
      for (let i = 0; i < 1_000; i++) journal.note("info", `line ${i} ${"x".repeat(90)}`);
      const lost = journal.dropped();
      expect(lost).toBeGreaterThan(100);
      expect(lost).toBeLessThan(1_000);
      rmSync(ballast);
      journal.note("info", "there is room again");
      expect(journal.dropped()).toBe(lost);
      closeSync(descriptor);
      const lines = readFileSync(path, "utf8").trimEnd().split("\n");
      expect(JSON.parse(lines.at(-2) ?? "")).toMatchObject({ msg: "there is room again" });
      expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({
        level: "warn",
        lost,
        msg: expect.stringMatching(/lines of this journal were lost: ENOSPC/),
      });
      // At most the one that was cut can't be read.
      const unreadable = lines.filter((line) => !isJson(line));
      expect(unreadable.length).toBeLessThanOrEqual(1);
      expect(lines.length - unreadable.length).toBe(1_000 - lost + 2);
    },
  );

  test("must keep what a slow pipe refuses, oldest lost first, and count it", () => {
    const fifo = makePipe();
    // Both ends, so that opening doesn't wait; not blocking, as stdout is when it is a pipe.
    const descriptor = openSync(fifo, "r+");
    const writer = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
    const sink = createFileSink(writer);
    const journal = journalOn(sink);
    for (let i = 0; i < 30_000; i++) journal.note("info", `line ${i} ${"x".repeat(90)}`);
    expect(journal.dropped()).toBeGreaterThan(3_000);
    expect(sink.trouble).toBe("its reader stands still");
    for (const each of [descriptor, writer]) closeSync(each);
  });

  test("must go on without a reader", () => {
    const fifo = makePipe();
    const both = openSync(fifo, "r+");
    const writer = openSync(fifo, "w");
    closeSync(both);
    const journal = journalOn(createFileSink(writer));
    journal.note("info", "for nobody");
    journal.note("info", "nor this");
    expect(journal.dropped()).toBe(2);
    journal.flush();
    closeSync(writer);
  });
});

function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}
