/**
 * A scenario as a lesson: the author's words, and the steps in words. The page's cards, the printed sheets and EXPERIMENTS.md are made of
 * it (read-lesson.ts).
 */
import type { BugLesson } from "./course-order.ts";
import type { Prediction } from "./scenario-schema.ts";

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

/** The right answer in words: "Node 3 alone.", "3"; empty: the file gives none. */
export function answerOf({ choices, answer }: Prediction): string {
  return choices === undefined ? String(answer ?? "") : (choices[(answer ?? 0) - 1] ?? "");
}
