/**
 * A scenario as a lesson: the author's words, and the steps in words. The page's cards, the printed sheets and EXPERIMENTS.md are made of it.
 */
import { toNodes } from "../cluster/lab-fields.ts";
import { BUG_LESSONS, type BugLesson, COURSE_FILES, fileOfBug } from "./course-order.ts";
import { describeStep } from "./describe-step.ts";
import type { Prediction, Scenario } from "./scenario-schema.ts";

export interface Lesson {
  /** From compose/scenarios: "02-leader-failure.yaml", "bugs/split-brain.yaml". */
  readonly file: string;
  readonly title: string;
  /** Place in the course, from 1; null: it is no part of it. */
  readonly place: number | null;
  /** How many nodes it wants; null: any. */
  readonly nodes: number | null;
  /** The bug that all its nodes have; null: none. */
  readonly bug: BugLesson | null;
  /** The words of `experiment` and `teaches`, as sentences; empty where the file says nothing. */
  readonly goal: string;
  readonly teaches: string;
  readonly predict: Prediction | null;
  readonly observe: string;
  readonly explain: string;
  readonly more: string;
  readonly steps: readonly {
    /** As it is typed: "kill leader". */
    readonly text: string;
    readonly note: string;
    readonly say: string;
    readonly explain: string;
  }[];
}

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

/** The right answer in words: "Node 3 alone.", "3"; empty: the file gives none. */
export function answerOf({ choices, answer }: Prediction): string {
  return choices === undefined ? String(answer ?? "") : (choices[(answer ?? 0) - 1] ?? "");
}

/** With a capital letter and a full stop. */
function sentence(text = ""): string {
  const trimmed = text.trim().replaceAll(/\s*\n\s*/g, " ");
  const upper = `${trimmed.charAt(0).toUpperCase()}${trimmed.slice(1)}`;
  return upper === "" || /[.?!)]$/.test(upper) ? upper : `${upper}.`;
}
