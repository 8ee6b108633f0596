/**
 * A checker is a fold over the lines of a journal, fed one at a time while a run goes on or from a finished one (judging.ts). It reports
 * a breach with the line that proves it, and what can only be judged at the end when there is one.
 */
import type { Entry } from "../journal/entry.ts";
import type { RunFacts } from "../journal/journal.ts";
import type { Delivery } from "../journal/story/deliveries.ts";
import type { Life } from "../journal/story/lives.ts";
import type { Story } from "../journal/story/story.ts";
import type { Ending } from "./ending.ts";
import type { Replica } from "./replica.ts";
import type { Violation } from "./verdict.ts";

/** Of those that a journal can show. */
export type PromiseId = "S1" | "S2" | "S3" | "S4" | "S5" | "S6" | "S10" | "L3" | "L4" | "L5";

export interface Checker {
  readonly name: string;
  /** One line for `lab check --list` and reports: the promise. */
  readonly promise: string;
  /** Which of the protocol's promises it judges (PROTOCOL.md, promises). */
  readonly guards: PromiseId;
  /** `details`: it needs a line for every delivery. */
  readonly needs: "events" | "details";
  readonly open: (run: RunUnderCheck) => CheckFold;
}

export interface RunUnderCheck {
  readonly facts: RunFacts;
  /** It has taken a line before the checkers do. */
  readonly story: Story;
  /** The lines prove it; the last one is where it broke. Lines that aren't there can be left out. `about`: Violation. */
  readonly report: (what: string, proof: readonly (Entry | null | undefined)[], about?: number) => void;
}

/** A line, and what all checkers would read of it. */
export interface Line {
  readonly entry: Entry;
  /** The process that wrote it; null: the lab did. */
  readonly life: Life | null;
  readonly delivery: Delivery | null;
  /** The life's replica as it was before this line; null: nothing can be said of it, because lines are missing. */
  readonly replica: Replica | null;
}

export interface CheckFold {
  readonly take: (line: Line) => void;
  readonly finish: (ending: Ending) => Findings;
}

export interface Findings {
  /** What was looked at: "1,204 deliveries at 5 nodes". */
  readonly counted: string;
  /** How many things the promise was about; none: there was nothing to judge. */
  readonly judged: number;
  /** What missing lines could refute: a violation only where none is missing. */
  readonly unseen?: readonly Violation[];
  /** Why finding nothing may mean nothing; absent: the run had all that it takes. */
  readonly open?: string | null | undefined;
}

/** `1,204`, whatever the machine's language. */
export function formatCount(count: number): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, ",");
}
