/**
 * The course: ten experiments, each building on the earlier ones, and the original project's six bugs. The scenario files have the words;
 * this file has the order, and the part of each run that its picture shows.
 */
export interface Lesson {
  /** compose/scenarios/FILE.yaml */
  readonly file: string;
  /** The part that the picture shows, in milliseconds since the run began. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Default: all. */
  readonly nodes?: readonly number[];
}

export const COURSE: readonly Lesson[] = [
  { file: "27-first-agreement", fromMs: 0, toMs: 12, nodes: [1, 2, 3] },
  { file: "02-leader-failure", fromMs: 4, toMs: 2_200 },
  { file: "03-late-joiner", fromMs: 25, toMs: 560 },
  { file: "28-hold-back", fromMs: 15, toMs: 24 },
  { file: "06-split-brain", fromMs: 15, toMs: 1_400 },
  { file: "04-lost-confirmations", fromMs: 10, toMs: 400 },
  { file: "10-pause-versus-kill", fromMs: 10, toMs: 1_500 },
  { file: "17-asymmetric-partition", fromMs: 10, toMs: 1_400 },
  { file: "29-crash-while-paying", fromMs: 300, toMs: 700 },
  { file: "18-everybody-restarts", fromMs: 1_950, toMs: 2_600 },
];

export interface BugLesson {
  /** compose/scenarios/bugs/NAME.yaml, and the bug's name. */
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
