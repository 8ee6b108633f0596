// The course: every lesson asks a question that can be answered, and says in plain words what each step does; the sheets for paper keep
// the answers behind the questions.
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { renderCourseSheet } from "../../lab/cli/ui/course-sheet.ts";
import { readCourse } from "../../lab/dash/catalogue.ts";
import { COURSE_FILES } from "../../lab/scenario/course-order.ts";
import { answerOf, type Lesson } from "../../lab/scenario/lesson.ts";
import { parseScenario } from "../../lab/scenario/parse-scenario.ts";
import { BUGS } from "../../lab/sim/bugs/bug-cases.ts";
import { PROJECT_ROOT } from "../support/sources.ts";

let lessons: readonly Lesson[];
beforeAll(async () => {
  lessons = await readCourse(join(PROJECT_ROOT, "compose/scenarios"));
});

describe("the course", () => {
  test("must have ten experiments and six bugs, in their order", () => {
    expect(lessons.map(({ place }) => place)).toEqual(COURSE_FILES.map((_, index) => index + 1));
    expect(lessons.map(({ bug }) => bug !== null)).toEqual(lessons.map((_, index) => index >= 10));
    const known = BUGS.map(({ name }) => name);
    for (const { bug } of lessons) if (bug !== null) expect(known).toContain(bug.bug);
  });

  test.each(COURSE_FILES)("%s must ask, know the answer and its reason, and say each step", (file) => {
    const { predict, steps, teaches } = lessons.find((lesson) => lesson.file === file) as Lesson;
    expect(predict?.ask).toMatch(/\?$/);
    expect(predict?.because).toMatch(/[a-z]{3}.*\.$/);
    expect(predict === null ? "" : answerOf(predict)).not.toBe("");
    expect(teaches).not.toBe("");
    // A sentence, and no command.
    for (const { say, text } of steps) expect(say, text).toMatch(/^[A-Z][^{}=]*[.]$/);
  });

  test("right answers must not stand at one place", () => {
    const places = lessons.flatMap(({ predict }) => (predict?.choices === undefined ? [] : [predict.answer]));
    expect(new Set(places).size).toBeGreaterThan(2);
  });

  test("on paper the handout must give no answer away, and the key must give all", () => {
    const html = renderCourseSheet(lessons, "npx lab");
    const [handout = "", key = ""] = html.split('<article class="key">');
    for (const { predict, title } of lessons) {
      expect(handout).toContain(title);
      expect(handout).not.toContain(predict?.because);
      expect(key).toContain(predict?.because?.slice(0, 20));
    }
    expect(html).not.toMatch(/undefined|null|<script|https?:/);
  });
});

const CHOICES = { ask: "Who?", choices: ["a", "b"] };

test.each([
  ["a choice that isn't there", { ...CHOICES, answer: 3 }],
  ["no choice", CHOICES],
  ["one choice", { ask: "Who?", choices: ["a"], answer: 1 }],
  ["no question", { choices: ["a", "b"], answer: 1 }],
])("a prediction with %s must be refused", (_name, predict) => {
  const text = JSON.stringify({ experiment: { predict }, steps: ["sleep 1s"] });
  expect(() => parseScenario(text, "x.yaml")).toThrow(/predict|answer/);
});
