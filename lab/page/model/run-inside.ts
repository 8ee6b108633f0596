/**
 * A stored run inside a page: what `renderReport` writes into the file and the page reads back, without a server.
 */
import type { CheckResult, Verdict } from "../../check/verdict.ts";
import type { Gap, RunFacts } from "../../journal/journal.ts";
import type { Lesson } from "../../scenario/lesson.ts";

/** The run's description, in the words of the person or test that ran it. */
export interface RunAbout {
  /** "kill the leader", "chaos, seed 42". */
  readonly title: string;
  readonly verdict: Verdict;
  /** One sentence: the first violation, the step that failed, what is missing for a verdict. */
  readonly reason: string;
  /** The command that runs the same again; null: there is none. */
  readonly replay: string | null;
  /** The same for the playground (`lab play`); null or absent: it can't play it. */
  readonly link?: string | null;
  /** The words of the scenario; null: there was none. */
  readonly lesson: Lesson | null;
  readonly steps: readonly {
    readonly path: string;
    readonly what: string;
    readonly state: string;
    readonly startedAtMs: number;
    readonly detail: string;
    readonly note?: string | undefined;
    readonly say?: string | undefined;
    readonly explain?: string | undefined;
  }[];
}

export interface RunInside {
  readonly format: 1;
  readonly facts: RunFacts;
  readonly gaps: readonly Gap[];
  readonly checks: readonly CheckResult[];
  readonly about: RunAbout | null;
}

/** Ids of the two elements that hold it: the value above as JSON, the journal's lines as base64 of raw deflate. */
export const INSIDE_ID = "run-inside";
export const JOURNAL_ID = "run-journal";
