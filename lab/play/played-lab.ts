/**
 * A simulated lab in somebody's hands: its world stands still until it is told how far to go, and what is done to it are the steps of a
 * scenario that is still being written. So the finished scenario, played by `lab run --runtime sim`, is the same run, line for line.
 *
 * Idea: each step gets an instant at which nothing else happens, strictly between two events. That instant is all a replay needs to put
 * the step into the same place.
 */
import { CHECKERS } from "../check/checkers.ts";
import { Judging, judgeJournal } from "../check/judging.ts";
import { missingQuietMs, quietLeftMs } from "../check/quiet.ts";
import type { CheckResult } from "../check/verdict.ts";
import { createLab, planFor } from "../cluster/execute-up.ts";
import type { LabHandle } from "../cluster/lab-handle.ts";
import { EPOCH_MS } from "../engine/sim/sim-clock.ts";
import { SimEngine } from "../engine/sim/sim-engine.ts";
import { type Entry, parseEntry } from "../journal/entry.ts";
import type { Journal, RunFacts } from "../journal/journal.ts";
import { hashJournal } from "../journal/journal-hash.ts";
import { labOf } from "../scenario/lab-of.ts";
import { beginPlay, type Play, playSteps } from "../scenario/play.ts";
import type { StepResult } from "../scenario/result.ts";
import type { Step } from "../scenario/scenario-schema.ts";
import { spanMs } from "../scenario/step-context.ts";
import { sabotageOf } from "../sim/bugs/sabotage.ts";
import { TIME_STEP_MS } from "../sim/world/event-queue.ts";
import type { SimJournalLine } from "../sim/world/sim-journal.ts";
import type { PlayReport, PlaySpec, ScriptState, StepOutcome } from "./play-protocol.ts";
import { labNameOf, scenarioOf } from "./play-scenario.ts";
import { Script } from "./script.ts";

/** How far time may go on for a step to end: it asks a few nodes, and waits for nobody longer. */
const STEP_MS_MAX = 1;
const UP_MS_MAX = 120_000;
/** Most timers in a report. */
const TIMERS_MAX = 50;
/** Between two looks whether promises that take time can be judged. */
const LOOK_EVERY_MS = 1_000;
/** As many as `lab run` waits. */
const QUIET_ROUNDS_MAX = 8;

interface Parts {
  readonly engine: SimEngine;
  readonly lab: LabHandle;
  readonly seed: number;
  readonly record: LabRecord;
  readonly facts: RunFacts;
  readonly script: Step | null;
}

export class PlayedLab {
  readonly facts: RunFacts;
  readonly #engine: SimEngine;
  readonly #play: Play;
  readonly #steps: StepQueue;
  readonly #judging: Judging;
  readonly #entries: Entry[] = [];
  /** Lines that were judged, and nobody has taken yet. */
  readonly #pending: Entry[] = [];
  readonly #results: StepResult[] = [];
  /** The scenario that plays by itself; null: none. */
  readonly #script: Script | null;
  #verdict: CheckResult | null = null;
  #isJudged = false;
  /** When the promises that take time are looked at next. */
  #lookAtMs = 0;
  /** Numbers of the steps that have ended. */
  readonly #over = new Set<number>();
  readonly #record: LabRecord;

  private constructor(parts: Parts) {
    const { engine, lab, seed, record, facts, script } = parts;
    this.#engine = engine;
    this.#record = record;
    this.facts = facts;
    this.#judging = new Judging(facts, CHECKERS);
    this.#steps = new StepQueue();
    const onStep = (step: StepResult, state: "begin" | "end"): void => {
      if (this.#script?.take(step, state) === true) return;
      const number = Number(step.path) - (this.#script === null ? 0 : 1);
      this.#results[number - 1] = step;
      if (state === "end") this.#over.add(number);
    };
    const beforeStep = ({ path }: StepResult): Promise<void> =>
      this.#script?.beforeStep(path, () => engine.clock.hold()) ?? Promise.resolve();
    this.#play = beginPlay(lab, { runtime: "sim", seed, signal: new AbortController().signal, onStep, beforeStep });
    this.#script = script === null ? null : new Script(script);
    // Time doesn't pass for those who wait in it, only for those who look.
    engine.clock.hold();
    if (script !== null) this.#steps.push(script, 0);
    // A broken world shows as a failure of the clock.
    playSteps(this.#play, this.#steps).catch(() => {});
  }

  /**
   * Starts the nodes and waits until they agree, as `lab run` does before the first step.
   * @throws LabError("usage") for a bug that nobody knows
   */
  static async open(spec: Omit<PlaySpec, "steps">): Promise<PlayedLab> {
    const { seed, bug } = spec;
    const engine = new SimEngine(seed, bug === null ? {} : sabotageOf(bug));
    const name = labNameOf();
    const record = new LabRecord(engine, name);
    const scenario = scenarioOf({ ...spec, steps: [] });
    const plan = planFor(engine, labOf(scenario, name));
    const { signal } = new AbortController();
    const steps = [{ do: "create", nodes: plan.spec.nodes }, { do: "wait" }] as const;
    const options = { timeoutMs: UP_MS_MAX, progress: () => {}, onNotice: () => {}, signal };
    const { lab } = await createLab(engine, engine.stateOf(name), { lab: plan, steps }, options);
    const { run, profile, voters } = plan.spec;
    const facts: RunFacts = {
      ...{ lab: "lab", run, runtime: "sim", profile, nodes: plan.spec.nodes, voters, seed },
      ...{ isDetailed: true, hasWire: scenario.wire !== false },
    };
    return new PlayedLab({ engine, lab, seed, record, facts, script: scenario.steps[0] ?? null });
  }

  /** The nodes' wall clock, with its fraction. */
  get nowMs(): number {
    return EPOCH_MS + this.#engine.clock.nowMs();
  }

  get beganMs(): number {
    return EPOCH_MS + this.#play.startedMs;
  }

  /** Why time has come to its end; null: it goes on. */
  get ended(): string | null {
    return this.#engine.clock.failure?.message ?? null;
  }

  /** Plays up to this instant, or to the beginning of a step of the scenario that comes before it; into the past it can't go. */
  async advance(toMs: number, holdAtSteps = false): Promise<void> {
    const { clock } = this.#engine;
    const goalMs = toMs - EPOCH_MS;
    this.#script?.goOn(holdAtSteps);
    if (goalMs > clock.nowMs()) await clock.playTo(goalMs);
    if (this.#script?.isRunning === false && !this.#isJudged) await this.#judge();
    else if (this.#script === null) this.#judgeQuiet();
  }

  /** The scenario is over: its promises get the time that they may take, as `lab run` gives it. */
  async #judge(): Promise<void> {
    this.#isJudged = true;
    const { clock } = this.#engine;
    for (let round = 0; round < QUIET_ROUNDS_MAX && clock.failure === null; round++) {
      const missingMs = missingQuietMs(this.journal());
      if (missingMs === null) break;
      await clock.playTo(clock.nowMs() + missingMs);
    }
    this.#verdict = judgeJournal(this.journal(), CHECKERS).find(({ verdict }) => verdict === "invalid") ?? null;
  }

  /** No line breaks a promise that takes time: it is judged once nothing has disturbed the run for as long as it may take. */
  #judgeQuiet(): void {
    const nowMs = this.#engine.clock.nowMs();
    if (nowMs < this.#lookAtMs || this.broken !== null) return;
    this.#lookAtMs = nowMs + LOOK_EVERY_MS;
    const journal = this.journal();
    const left = quietLeftMs(this.facts, this.#judging.story);
    if (left === null || left.allMs > 0) return;
    // The longer the run, the longer that takes, and the more seldom it is done.
    this.#lookAtMs = nowMs + Math.max(LOOK_EVERY_MS, (nowMs - this.#play.startedMs) / 2);
    this.#verdict = judgeJournal(journal, CHECKERS).find(({ verdict }) => verdict === "invalid") ?? null;
  }

  /** How far the scenario is that plays by itself; null: none does. */
  get script(): ScriptState | null {
    const { broken } = this;
    return this.#script?.describe(broken === null ? null : `${broken.check}: ${broken.violations[0]?.what}`) ?? null;
  }

  /** Plays all that happens at the next instant at which something does. */
  async step(): Promise<void> {
    const { clock } = this.#engine;
    this.#script?.goOn(false);
    const { nextAtMs } = clock;
    if (nextAtMs !== null) await clock.playTo(nextAtMs);
  }

  /** A step that was done in a former run, to be done when its time comes. */
  schedule(step: Step): void {
    this.#steps.push(step);
  }

  /** Does it now, and gives it a millisecond for it. @returns the step with its instant */
  async act(wanted: Step): Promise<Step> {
    const { clock } = this.#engine;
    this.#script?.goOn(false);
    const atMs = await this.#pickInstant();
    const step: Step = { ...wanted, at: `${atMs}ms`, background: true };
    const number = this.#steps.push(step);
    const beginMs = this.#play.startedMs + atMs;
    await clock.playTo(roundUp(beginMs));
    while (!this.#over.has(number) && clock.failure === null) {
      const { nextAtMs } = clock;
      if (nextAtMs === null || nextAtMs > beginMs + STEP_MS_MAX) break;
      // A trade takes longer in any case, and its messages are to be seen on their way.
      if (("sell" in step || "buy" in step) && this.traffic.flights.length > 0) break;
      await clock.playTo(nextAtMs);
    }
    return step;
  }

  /** The lines since the last call, in the order in which they were written. */
  take(): readonly Entry[] {
    const lines = this.#record.take();
    const before = this.#pending.splice(0);
    for (const line of lines) {
      this.#entries.push(line);
      this.#judging.take(line);
    }
    return [...before, ...lines];
  }

  /** Results of the steps that have begun. */
  get outcomes(): readonly StepOutcome[] {
    return this.#results.map(({ state, resolved, seen }, index) => {
      const text = [resolved, seen].filter((part) => part !== "").join("; ");
      return { text, state: !this.#over.has(index + 1) ? "under way" : state === "ok" ? "done" : "failed" };
    });
  }

  /** By the lines that were taken, or by what the world itself checks at each step: then time has come to its end. */
  get broken(): CheckResult | null {
    const { breach } = this.#judging;
    if (breach === null) return this.#ending ?? this.#verdict;
    const { checker, what, proof } = breach;
    return { check: checker.name, verdict: "invalid", violations: [{ what, proof }], detail: checker.promise };
  }

  get #ending(): CheckResult | null {
    if (this.ended === null) return null;
    const violations = [{ what: this.ended, proof: [] }];
    return { check: "world", verdict: "invalid", violations, detail: "what the simulator checks at every step" };
  }

  /** As a report has it. */
  get traffic(): Pick<PlayReport, "flights" | "timers"> {
    if (this.ended !== null) return { flights: [], timers: [] };
    const traffic = this.#engine.traffic(labNameOf());
    const onWall = <Due extends { readonly dueMs: number }>(due: Due): Due => ({ ...due, dueMs: EPOCH_MS + due.dueMs });
    return { flights: traffic.flights().map(onWall), timers: traffic.timers().slice(0, TIMERS_MAX).map(onWall) };
  }

  /** All lines up to now. */
  journal(): Journal {
    this.#pending.push(...this.take());
    return { facts: this.facts, entries: this.#entries, gaps: [] };
  }

  /** Of the lines that were taken. */
  hash(): string {
    return hashJournal(this.#entries);
  }

  /** Since the steps began, in few decimals: later than now, earlier than the next event. */
  async #pickInstant(): Promise<number> {
    const { clock } = this.#engine;
    for (;;) {
      const nowMs = clock.nowMs();
      const nextMs = clock.nextAtMs ?? Number.POSITIVE_INFINITY;
      for (let digits = 0; digits <= 3; digits++) {
        const unit = 10 ** digits;
        const atMs = (Math.floor((nowMs - this.#play.startedMs) * unit) + 1) / unit;
        const beginMs = roundUp(this.#play.startedMs + atMs);
        if (beginMs > nowMs && beginMs < nextMs) return atMs;
      }
      await this.step();
      if (clock.failure !== null) throw clock.failure;
    }
  }
}

/** As the world's queue does it. */
function roundUp(ms: number): number {
  return Math.ceil(ms / TIME_STEP_MS) * TIME_STEP_MS;
}

/** Instants of steps that were played before: of those at `untilMs` or later, nothing has happened yet. */
export function stepsBefore(steps: readonly Step[], untilMs: number): readonly Step[] {
  return steps.filter(({ at }) => at !== undefined && spanMs(at) < untilMs);
}

/** The lines of the nodes and of the lab, in the order in which they were written. */
class LabRecord {
  readonly #engine: SimEngine;
  readonly #name: string;
  readonly #own: { readonly before: number; readonly entry: Entry }[] = [];
  #taken = 0;
  #count = 0;

  constructor(engine: SimEngine, name: string) {
    this.#engine = engine;
    this.#name = name;
    engine.stateOf(name).onAppend = (_file, text) => {
      const entry = parseEntry(text.replace(/^\{/, `{"seq":${this.#count + 1},`));
      if (entry === null) return;
      this.#count += 1;
      this.#own.push({ before: this.#lines.length, entry });
    };
  }

  take(): Entry[] {
    const found: Entry[] = [];
    const lines = this.#lines;
    for (; ; this.#taken++) {
      while (this.#own[0] !== undefined && this.#own[0].before <= this.#taken)
        found.push((this.#own.shift() as { entry: Entry }).entry);
      const line = lines[this.#taken];
      if (line === undefined) return found;
      // The world's own notes stand in no journal of a lab.
      if (line.node === 0) continue;
      const run = this.#engine.runOf(this.#name);
      found.push({ ...(run === null ? {} : { run }), ...line, time: EPOCH_MS + line.time } as unknown as Entry);
    }
  }

  get #lines(): readonly SimJournalLine[] {
    return this.#engine.look(this.#name)?.journal.lines ?? [];
  }
}

/** Steps in the order in which somebody thinks of them. */
class StepQueue implements AsyncIterable<Step> {
  readonly #steps: Step[] = [];
  #count = 0;
  #wake: (() => void) | null = null;

  /** @returns the step's number, from 1 */
  push(step: Step, count = 1): number {
    this.#steps.push(step);
    this.#wake?.();
    this.#count += count;
    return this.#count;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Step> {
    for (;;) {
      const step = this.#steps.shift();
      if (step !== undefined) yield step;
      else {
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        await promise;
      }
    }
  }
}
