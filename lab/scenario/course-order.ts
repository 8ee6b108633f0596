/**
 * The course: ten experiments, each building on the earlier ones, and the original project's six bugs. The scenario files have the words;
 * this file has the order.
 */

/** Files of compose/scenarios. */
export const COURSE: readonly string[] = [
  "27-first-agreement.yaml",
  "02-leader-failure.yaml",
  "03-late-joiner.yaml",
  "28-hold-back.yaml",
  "06-split-brain.yaml",
  "04-lost-confirmations.yaml",
  "10-pause-versus-kill.yaml",
  "17-asymmetric-partition.yaml",
  "29-crash-while-paying.yaml",
  "18-everybody-restarts.yaml",
];

export interface BugLesson {
  /** compose/scenarios/bugs/NAME.yaml, and the bug's name (lab/sim/bugs). */
  readonly bug: string;
  /** A checker that must report it. */
  readonly check: string;
  /** Number of the original's challenge. */
  readonly challenge: number;
}

export const BUG_LESSONS: readonly BugLesson[] = [
  { bug: "heartbeats-tick", check: "clocks", challenge: 1 },
  { bug: "split-brain", check: "one-leader", challenge: 2 },
  { bug: "no-state-transfer", check: "exactly-once", challenge: 3 },
  { bug: "entries-removed", check: "conservation", challenge: 4 },
  { bug: "lost-confirmations", check: "exactly-once", challenge: 5 },
  { bug: "receive-loop-dies", check: "agreement", challenge: 6 },
];

/** `bugs/split-brain.yaml`, as a file of compose/scenarios. */
export function fileOfBug({ bug }: BugLesson): string {
  return `bugs/${bug}.yaml`;
}

/** Of the course, in its order. */
export const COURSE_FILES: readonly string[] = [...COURSE, ...BUG_LESSONS.map(fileOfBug)];
