/**
 * Everything that a report tells of one run, as one value: whatever ran something (a scenario, chaos, a test of the library, `lab report`)
 * fills it in, `writeReport` puts it on disk. What it holds of the lab is collected by `collectEvidence` before the lab is taken down.
 */
import type { NodeId } from "../../node/wire/ids.ts";
import type { CheckResult, Verdict } from "../check/verdict.ts";
import type { LabInfo, LabSpec } from "../engine/engine.ts";
import type { Journal } from "../journal/journal.ts";
import type { NodeRow } from "./node-rows.ts";

export interface RunRecord {
  /** The run's name for people: the scenario's name, "chaos, seed 42", a test's name. The folder is named after it. */
  readonly title: string;
  readonly verdict: Verdict;
  /** The verdict's reason in one sentence: the first violation, the step that failed, what is missing for a verdict. */
  readonly reason: string;
  /** Why the run ended early; null: it came to its end. */
  readonly failure: RunFailure | null;
  /** Real time: when it began (milliseconds since 1970) and how long it took. */
  readonly startedAtMs: number;
  readonly tookMs: number;
  /** The command that runs the same again; null: there is none. */
  readonly replay: string | null;
  /** The scenario file as it ran (YAML), with the seed that was drawn; null: there was none. */
  readonly scenario: string | null;
  /** The known bug that all nodes had on purpose; absent: none. */
  readonly bug?: string;
  readonly steps: readonly StepRecord[];
  readonly checks: readonly CheckResult[];
  readonly journal: Journal;
  readonly evidence: Evidence;
}

export interface RunFailure {
  readonly message: string;
  readonly hint: string;
}

export interface StepRecord {
  /** Its place in the scenario: `3`, `3.1`. */
  readonly path: string;
  /** In the scenario's own words: `kill leader`. */
  readonly what: string;
  readonly state: "passed" | "failed" | "skipped";
  /** Time of the nodes, as in the journal: milliseconds since 1970, and the step's length. */
  readonly startedAtMs: number;
  readonly tookMs: number;
  /** The nodes that were meant, the state that was seen, or the reason why it failed; empty: nothing to add. */
  readonly detail: string;
  /** The author's words about it. */
  readonly note?: string;
  readonly say?: string;
  readonly explain?: string;
}

/** Facts that only the living lab can tell. */
export interface Evidence {
  /** Null: the lab wasn't made by `lab up` (compose). */
  readonly spec: LabSpec | null;
  readonly info: LabInfo | null;
  /** The engine's line about itself and what it knows. */
  readonly engine: { readonly detail: string; readonly facts: Readonly<Record<string, unknown>> };
  /** The state that engine and nodes reported at the end. */
  readonly nodes: readonly NodeRow[];
  /** All that each node wrote, line by line, the last words of crashes included. */
  readonly logs: ReadonlyMap<NodeId, readonly string[]>;
}
