/** The part of each experiment's run that its picture shows, by its file (lab/scenario/course-order.ts). */
export interface LessonPicture {
  /** Milliseconds since the run began. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Default: all. */
  readonly nodes?: readonly number[];
}

export const LESSON_PICTURES: Readonly<Record<string, LessonPicture>> = {
  "27-first-agreement.yaml": { fromMs: 0, toMs: 12, nodes: [1, 2, 3] },
  "02-leader-failure.yaml": { fromMs: 4, toMs: 2_200 },
  "03-late-joiner.yaml": { fromMs: 25, toMs: 560 },
  "28-hold-back.yaml": { fromMs: 15, toMs: 24 },
  "06-split-brain.yaml": { fromMs: 15, toMs: 1_400 },
  "04-lost-confirmations.yaml": { fromMs: 10, toMs: 400 },
  "10-pause-versus-kill.yaml": { fromMs: 10, toMs: 1_500 },
  "17-asymmetric-partition.yaml": { fromMs: 10, toMs: 1_400 },
  "29-crash-while-paying.yaml": { fromMs: 300, toMs: 700 },
  "18-everybody-restarts.yaml": { fromMs: 1_950, toMs: 2_600 },
};
