/**
 * Requests of the playground's page to its world, and the replies: types only. World and page may live in two threads, so all of it
 * can be cloned.
 */
import type { CheckResult } from "../check/verdict.ts";
import type { Comparison } from "../journal/compare-runs.ts";
import type { Entry } from "../journal/entry.ts";
import type { RunFacts } from "../journal/journal.ts";
import type { Lesson } from "../scenario/lesson.ts";
import type { Step } from "../scenario/scenario-schema.ts";
import type { DueTimer, Flight } from "../sim/cluster/traffic.ts";

/** All that decides a run. */
export interface PlaySpec {
  readonly seed: number;
  readonly nodes: number;
  /** A known bug that all nodes have (lab/sim/bugs); null: none. */
  readonly bug: string | null;
  /** Timing of the nodes; absent: `default`, or the scenario's own. */
  readonly profile?: "fast" | undefined;
  /** A scenario that plays by itself from the beginning, as its file has it (YAML); absent: none. */
  readonly scenario?: string | undefined;
  /** The actions so far, in order: each with its instant (`at`) and in the background. */
  readonly steps: readonly Step[];
}

export type PlayAsk =
  /** A new world that plays these steps again, up to `untilMs` after its first one could begin. */
  | { readonly ask: "open"; readonly spec: PlaySpec; readonly untilMs: number }
  /** The same from what stands behind the # of an address. */
  | { readonly ask: "open-link"; readonly link: string }
  /** A scenario's file. */
  | { readonly ask: "open-file"; readonly name: string; readonly text: string }
  /** A lesson of the course, in a new world. Its bug, if it is about one, is left out when it is cured. */
  | { readonly ask: "open-lesson"; readonly file: string; readonly isCured: boolean }
  /** What there is to open. */
  | { readonly ask: "lessons" }
  /** Time passes up to this instant (the nodes' wall clock). Held at steps: up to the beginning of a step of the scenario, but the first. */
  | { readonly ask: "advance"; readonly toMs: number; readonly holdAtSteps?: boolean }
  /** The next event that leaves a line happens; with `flight`, all up to the first that puts something on its way. */
  | { readonly ask: "step"; readonly until?: "flight" }
  /** Something is done at the instant that is shown. In the past, that is where the run branches: what was done later is gone. */
  | { readonly ask: "act"; readonly step: Step /** Null: now. */; readonly atMs: number | null }
  | { readonly ask: "hash" }
  /** Plays another run as long as this one, and compares the two. */
  | { readonly ask: "compare"; readonly spec: PlaySpec }
  /** The run as a link and as a scenario. @param untilMs since the first step could begin; null: until now */
  | { readonly ask: "save"; readonly untilMs: number | null };

export interface StepOutcome {
  readonly state: "under way" | "done" | "failed";
  readonly text: string;
}

/** How far the scenario is that plays by itself. */
export interface ScriptState {
  readonly state: "running" | "passed" | "failed";
  /** The next step waits for time to go on. */
  readonly isHeld: boolean;
  /** How many of its steps are over. */
  readonly step: number;
  readonly steps: number;
  /** Of the step that is next, or under way: "kill leader". */
  readonly text: string;
  /** Why it failed; empty otherwise. */
  readonly detail: string;
}

/** A known bug that a world can have. */
export interface PlayBug {
  readonly name: string;
  readonly what: string;
  /** In words: the one that it breaks. */
  readonly promise: string;
  /** What breaks it; empty: nothing that is easily done by hand. */
  readonly recipe: readonly Step[];
}

/** Another run, and where the two part: A is the one that is played. */
export interface PlayCompared {
  readonly facts: RunFacts;
  readonly entries: readonly Entry[];
  readonly beganMs: number;
  /** The first differences only. */
  readonly comparison: Comparison;
}

export interface PlayReport {
  /** Of a world that is new: what was told before is of another one. Null: the world goes on. */
  readonly opened: {
    readonly facts: RunFacts;
    readonly bugs: readonly PlayBug[];
  } | null;
  readonly spec: PlaySpec;
  /** Lines since the last report, in the order in which they were written. */
  readonly entries: readonly Entry[];
  /** Until where time has passed, and when the first step could begin: the nodes' wall clock, with its fraction. */
  readonly nowMs: number;
  readonly beganMs: number;
  /** The first promise that was broken, with the lines that prove it; null: none so far. */
  readonly broken: CheckResult | null;
  /** Why time has come to its end; null: it goes on. */
  readonly ended: string | null;
  /** Results of the steps of `spec` so far; those that haven't begun are left out. */
  readonly outcomes: readonly StepOutcome[];
  /** Of `act`: the step's number among them. */
  readonly acted: number | null;
  /** Of `hash`: names the journal up to now. */
  readonly hash: string | null;
  /** Of `compare`. */
  readonly compared: PlayCompared | null;
  /** Of `save`; no link: the run is too long for an address. */
  readonly saved: { readonly link: string | null; readonly scenario: string } | null;
  /** Of the spec's scenario; null: there is none. */
  readonly script: ScriptState | null;
  /** Of `lessons`. */
  readonly lessons: readonly Lesson[] | null;
  /** What is on its way, and which timers are due, in the order in which that happens (wall clock, with fractions). */
  readonly flights: readonly Flight[];
  readonly timers: readonly DueTimer[];
  /** Something that the viewer should know. */
  readonly notice: string | null;
}

/** @throws when the world can't do it, with a sentence for people */
export type AskWorld = (ask: PlayAsk) => Promise<PlayReport>;
