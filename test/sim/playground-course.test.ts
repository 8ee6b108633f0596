/**
 * The course in the playground's world: a lesson plays by itself in a fresh world, holds time at each step if it is told to, and comes to
 * the end that the file promises. What somebody does meanwhile belongs to the run.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Entry } from "../../lab/journal/entry.ts";
import { hashJournal } from "../../lab/journal/journal-hash.ts";
import { openPlayHost } from "../../lab/play/play-host.ts";
import type { AskWorld, PlayReport } from "../../lab/play/play-protocol.ts";
import { COURSE, COURSE_FILES } from "../../lab/scenario/course-order.ts";
import { parseScenario } from "../../lab/scenario/parse-scenario.ts";
import { runScenario } from "../../lab/scenario/run-scenario.ts";
import { PROJECT_ROOT } from "../support/sources.ts";

const SCENARIOS = Object.fromEntries(
  COURSE_FILES.map((file) => [file, readFileSync(join(PROJECT_ROOT, "compose/scenarios", file), "utf8")]),
);

async function openLesson(file: string, isCured = false): Promise<{ ask: AskWorld; first: PlayReport }> {
  const ask = openPlayHost(SCENARIOS);
  const first = await ask({ ask: "open-lesson", file, isCured });
  // However long it is looked at before time may pass, it doesn't.
  await new Promise((resolve) => setImmediate(resolve));
  expect((await ask({ ask: "hash" })).nowMs).toBe(first.beganMs);
  return { ask, first };
}

/** A second at a time, as somebody who looks at it. @returns the last report, and all lines */
async function playToEnd(ask: AskWorld, first: PlayReport, holdAtSteps = false) {
  let last = first;
  const entries: Entry[] = [...first.entries];
  const held: number[] = [];
  for (let seconds = 0; last.script?.state === "running" && seconds < 300; seconds++) {
    const before = last.script.step;
    last = await ask({ ask: "advance", toMs: last.nowMs + 1_000, holdAtSteps });
    entries.push(...last.entries);
    if (last.script !== null && last.script.step > before) held.push(last.script.step);
  }
  return { last, entries, held };
}

describe("a lesson in a fresh world", () => {
  test.each(COURSE)("%s must pass, and be held at each of its steps", async (file) => {
    const { ask, first } = await openLesson(file);
    // Before time passes, nothing has happened: the first step is to be read, too.
    expect(first.script).toMatchObject({ state: "running", step: 0 });
    const { last, held, entries } = await playToEnd(ask, first, true);
    expect(last.script).toMatchObject({ state: "passed", detail: "" });
    expect(last.broken).toBeNull();
    // A slow reader sees the same run.
    const whole = await openLesson(file);
    const unread = await playToEnd(whole.ask, whole.first);
    const endMs = Math.min(last.nowMs, unread.last.nowMs);
    const upTo = (lines: readonly Entry[]) => hashJournal(lines.filter(({ time }) => time < endMs - 1));
    expect(upTo(entries)).toBe(upTo(unread.entries));
    expect(held).toEqual(parseScenario(SCENARIOS[file] ?? "", file).steps.map((_, n) => n + 1));
  });

  test.each(COURSE_FILES.slice(COURSE.length))("%s must break a promise, and keep it without the bug", async (file) => {
    const sick = await openLesson(file);
    const { last } = await playToEnd(sick.ask, sick.first);
    expect(last.script?.state).toBe("failed");
    expect(last.broken?.verdict).toBe("invalid");
    expect(last.script?.detail).toContain(last.broken?.violations[0]?.what);
    const cured = await openLesson(file, true);
    expect((await playToEnd(cured.ask, cured.first)).last.script).toMatchObject({ state: "passed", detail: "" });
  });

  test("must list the course in its order, without answers that need another world", async () => {
    const { ask } = await openLesson("02-leader-failure.yaml");
    const { lessons } = await ask({ ask: "lessons" });
    expect(lessons?.map(({ file }) => file)).toEqual(COURSE_FILES);
  });

  test("must be the same run as a link, and as a scenario, with what somebody did meanwhile", async () => {
    const { ask, first } = await openLesson("06-split-brain.yaml");
    const entries = [...first.entries];
    const take = async (asked: Parameters<AskWorld>[0]): Promise<PlayReport> => {
      const report = await ask(asked);
      entries.push(...report.entries);
      return report;
    };
    let last = await take({ ask: "advance", toMs: first.beganMs + 400 });
    last = await take({ ask: "act", step: { sell: { node: "2", peer: "3", amount: 5 } }, atMs: null });
    expect(last.outcomes).toHaveLength(1);
    last = await take({ ask: "advance", toMs: last.nowMs + 200 });
    const { hash } = await ask({ ask: "hash" });
    expect(hash).toBe(hashJournal(entries));
    const { saved } = await ask({ ask: "save", untilMs: null });
    const again = openPlayHost();
    await again({ ask: "open-link", link: saved?.link ?? "" });
    expect((await again({ ask: "hash" })).hash).toBe(hash);
    const scenario = parseScenario(saved?.scenario ?? "", "playground.yaml");
    const { journal } = await runScenario(scenario, { runtime: "sim" });
    const own = journal.entries.filter(
      ({ time, path, action }) => time <= last.nowMs && path !== "3" && action !== "check",
    );
    expect(hashJournal(own)).toBe(hash);
  });

  test("must say why when there is none, or when it can't run here", async () => {
    await expect(openLesson("99-none.yaml")).rejects.toThrow("there is no scenario 99-none.yaml");
    const ask = openPlayHost({ "cable.yaml": "runtimes: [docker]\nsteps: [unplug 3]\n" });
    await expect(ask({ ask: "open-lesson", file: "cable.yaml", isCured: false })).rejects.toThrow(
      "it needs a kernel or a cable",
    );
  });
});
