/**
 * The predictions that somebody has made and what came of them: kept by the browser, so that a page that is loaded again still has them.
 */

import type { Lesson } from "../../scenario/lesson.ts";

export interface LessonRecord {
  /** Number of the choice, from 1, or the number that was asked for; null: noted elsewhere. */
  readonly prediction: number | null;
  /** Null: it hasn't been run to its end. */
  readonly outcome: { readonly state: "passed" | "failed"; readonly detail: string } | null;
}

const KEY = "energy-lab course";

export class CourseRecord {
  readonly #records: Map<string, LessonRecord>;

  constructor() {
    this.#records = new Map(Object.entries(read()));
  }

  of(file: string): LessonRecord | null {
    return this.#records.get(file) ?? null;
  }

  /** Null: nothing to compare. */
  isRight({ file, predict }: Pick<Lesson, "file" | "predict">): boolean | null {
    const prediction = this.of(file)?.prediction ?? null;
    return prediction === null || predict?.answer === undefined ? null : prediction === predict.answer;
  }

  /** @param record null: as if it had never been done */
  set(file: string, record: LessonRecord | null): void {
    if (record === null) this.#records.delete(file);
    else this.#records.set(file, record);
    try {
      localStorage.setItem(KEY, JSON.stringify(Object.fromEntries(this.#records)));
    } catch {
      // A browser that keeps nothing: the page does, as long as it is open.
    }
  }
}

/** What can't be read was never kept. */
function read(): Record<string, LessonRecord> {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    const isRecord = (record: unknown): boolean =>
      typeof record === "object" && record !== null && "prediction" in record && "outcome" in record;
    return Object.fromEntries(Object.entries(kept as object).filter(([, record]) => isRecord(record))) as Record<
      string,
      LessonRecord
    >;
  } catch {
    return {};
  }
}
