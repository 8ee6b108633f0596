// Where one life of a node ends and the next begins, which every checker relies on.
import { expect, test } from "vitest";
import { readStory } from "../../lab/check/story.ts";
import { MadeJournal } from "../support/made-journal.ts";

const livesOf = ({ journal }: MadeJournal) =>
  (readStory(journal).livesOf.get(1) ?? []).map(({ boot, entries }) => [boot?.inc ?? null, entries.length]);

test("a node that tells of its faults before its books must have one life then", () => {
  const made = new MadeJournal()
    .boot(1, { 1: 0 })
    .line(1, { msg: "READY" })
    .line(1, { inc: 2, kind: "fault", msg: "Faults back in force: 2" })
    .boot(1, { 1: 0 }, { inc: 2 })
    .line(1, { inc: 2, msg: "READY" });
  expect(livesOf(made)).toEqual([
    [1, 2],
    [2, 3],
  ]);
});

test("a node without a disk must have a life for each time that it starts", () => {
  const made = new MadeJournal()
    .boot(1, { 1: 0 }, { durable: false })
    .line(1, {})
    .boot(1, { 1: 0 }, { durable: false });
  expect(livesOf(made)).toEqual([
    [1, 2],
    [1, 1],
  ]);
});
