/** What a scenario says to its readers. */
import { toNodes } from "../cluster/lab-fields.ts";
import { BUG_LESSONS, COURSE_FILES, fileOfBug } from "./course-order.ts";
import { describeStep } from "./describe-step.ts";
import type { Lesson } from "./lesson.ts";
import type { Scenario } from "./scenario-schema.ts";

/** @param file from compose/scenarios, or any name of a scenario that isn't part of the course */
export function readLesson(file: string, scenario: Scenario): Lesson {
  const { goal, predict, observe, explain, more } = scenario.experiment ?? {};
  const place = COURSE_FILES.indexOf(file) + 1;
  const nodes = toNodes(scenario.nodes);
  return {
    file,
    title: scenario.title ?? scenario.name,
    place: place === 0 ? null : place,
    nodes: nodes === undefined || typeof nodes === "number" ? (nodes ?? null) : nodes.length,
    bug: BUG_LESSONS.find((lesson) => fileOfBug(lesson) === file) ?? null,
    goal: sentence(goal),
    teaches: sentence(scenario.teaches),
    predict: predict === undefined ? null : typeof predict === "string" ? { ask: sentence(predict) } : predict,
    observe: sentence(observe),
    explain: sentence(explain),
    more: sentence(more),
    steps: scenario.steps.map((step) => {
      const { note = "", say = "", explain: why = "" } = step;
      return { text: describeStep(step), note, say, explain: why };
    }),
  };
}

/** With a capital letter and a full stop. */
function sentence(text = ""): string {
  const trimmed = text.trim().replaceAll(/\s*\n\s*/g, " ");
  const upper = `${trimmed.charAt(0).toUpperCase()}${trimmed.slice(1)}`;
  return upper === "" || /[.?!)]$/.test(upper) ? upper : `${upper}.`;
}
