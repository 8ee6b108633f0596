/**
 * Ties the world to the page's store: lets time pass as it is shown, has done what buttons say, and keeps what is told.
 */

import type { CheckResult } from "../../check/verdict.ts";
import { formatCommand, isLabCommand, type LabCommand } from "../../dash/page-command.ts";
import type { CommandReply, DashCommand } from "../../dash/protocol.ts";
import type { AskWorld, PlayAsk, PlayReport, PlaySpec } from "../../play/play-protocol.ts";
import { stepOf } from "../../play/step-of.ts";
import type { Step } from "../../scenario/scenario-schema.ts";
import type { CommandTaker } from "../app/command-taker.ts";
import { type Branch, type HandledWorld, isPlaying, type Store } from "../app/page-store.ts";
import { nameStep } from "../model/branches.ts";
import type { PlayedWorld } from "../model/playback.ts";
import { findEntry, findParting, markViolations } from "../model/violations.ts";

const BRANCHES_MAX = 12;
/** Before the one that plays the recipe. */
const HINTS_MAX = 3;

/** Of a scenario's file. */
const FILE_BYTES_MAX = 1 << 20;

export const FIRST_SPEC: PlaySpec = { seed: 1, nodes: 5, bug: null, steps: [] };

export class WorldLink implements HandledWorld, PlayedWorld, CommandTaker {
  headMs = 0;
  beganMs = 0;
  spec: PlaySpec | null = null;
  bugs: HandledWorld["bugs"] = [];
  compared: HandledWorld["compared"] = null;
  game: HandledWorld["game"] = null;
  won: HandledWorld["won"] = null;
  /** Somebody else's run: nothing in it is done by the viewer's hand. */
  #isLinked = false;
  saved: HandledWorld["saved"] = null;
  outcomes: HandledWorld["outcomes"] = [];
  /** The lesson that plays; null: none. */
  #lesson: { readonly file: string; readonly pace: "step" | "whole"; readonly isCured: boolean } | null = null;
  flights: HandledWorld["flights"] = [];
  timers: HandledWorld["timers"] = [];
  branches: readonly Branch[] = [];
  #branchCount = 0;
  readonly #store: Store;
  readonly #world: AskWorld;
  #isPassing = false;
  /** Worlds that are being opened: time of the one that is shown is none of theirs. */
  #openings = 0;

  constructor(store: Store, world: AskWorld) {
    this.#store = store;
    this.#world = world;
    store.world = this;
    store.playback.world = this;
    store.mayCommand = true;
    store.mode = "live";
    store.tab = "try";
  }

  /** @param link what stands behind the # of the address; null: nothing */
  async open(link: string | null): Promise<void> {
    const { playback } = this.#store;
    const linked = link === null ? null : await this.#tell({ ask: "open-link", link });
    if (linked !== null) {
      this.game = null;
      this.#isLinked = true;
      // The run is shown from its beginning, and goes on where it was left.
      playback.seek(this.beganMs, this.#store.bounds);
      playback.play(this.#store.bounds);
      this.#store.changed();
      return;
    }
    // Somebody's run isn't thrown away for a link that can't be read.
    if (this.spec !== null) return;
    const trouble = this.#store.trouble;
    await this.#tell({ ask: "open", spec: FIRST_SPEC, untilMs: 0 });
    playback.follow();
    if (trouble !== "") this.#store.trouble = `${trouble}. A new run begins instead.`;
    this.#store.changed();
  }

  async openFile(file: File): Promise<void> {
    const store = this.#store;
    try {
      const asked = { ask: "open-file", name: file.name, text: await readScenarioFile(file) } as const;
      this.#endLesson();
      if ((await this.#tell(asked)) !== null) store.playback.follow();
    } catch (error) {
      store.trouble = error instanceof Error ? error.message : String(error);
    }
    store.changed();
  }

  /** Time passes up to this instant, which is soon shown. */
  ask(toMs: number): void {
    if (this.#isPassing || this.#openings > 0 || toMs <= this.headMs) return;
    this.#isPassing = true;
    const holdAtSteps = this.#lesson?.pace === "step";
    void this.#tell({ ask: "advance", toMs, holdAtSteps }).finally(() => {
      this.#isPassing = false;
    });
  }

  step(until?: "flight"): void {
    void this.#tell({ ask: "step", ...(until !== undefined && { until }) });
  }

  pass(toMs: number): void {
    this.#store.playback.pause();
    void this.#tell({ ask: "advance", toMs });
  }

  take(index: number): void {
    const taken = this.branches[index];
    if (taken === undefined) return;
    this.#leave();
    this.branches = this.branches.filter((branch) => branch !== taken);
    void this.#tell({ ask: "open", spec: taken.spec, untilMs: taken.untilMs });
  }

  /** What is shown now can be taken up again. */
  #leave(): void {
    if (this.spec === null || this.spec.steps.length === 0) return;
    const left = { number: ++this.#branchCount, spec: this.spec, untilMs: this.headMs - this.beganMs };
    this.branches = [left, ...this.branches].slice(0, BRANCHES_MAX);
  }

  play(bug: string): void {
    this.restart({ bug });
    this.game = { bug, rung: 0, isShown: false };
  }

  hint(): void {
    const { game } = this;
    const bug = this.bugs.find(({ name }) => name === game?.bug);
    if (game === null || bug === undefined) return;
    const rung = game.rung + 1;
    const isShown = rung > HINTS_MAX;
    if (isShown) this.restart({ steps: bug.recipe });
    this.game = { ...game, rung, isShown };
    this.#store.changed();
  }

  restart(change: Partial<PlaySpec>): void {
    this.game = null;
    this.#isLinked = false;
    const { scenario: _, ...spec } = { ...(this.spec ?? FIRST_SPEC), ...change, steps: change.steps ?? [] };
    this.#endLesson();
    this.branches = [];
    void this.#tell({ ask: "open", spec, untilMs: 0 }).then(() => {
      this.#store.order = null;
      this.#store.playback.follow();
      this.#store.changed();
    });
  }

  compare(spec: PlaySpec, name: string): void {
    const store = this.#store;
    store.playback.pause();
    void this.#tell({ ask: "compare", spec }).then((report) => {
      if (report?.compared == null) return;
      this.compared = { ...report.compared, name };
      store.parting = findParting(store.history, this.compared.comparison.differences, "A");
      const [first] = report.compared.comparison.differences;
      const beganMs = first?.run === "B" ? this.compared.beganMs : this.beganMs;
      if (first !== undefined) store.seek(this.beganMs + first.entry.time - beganMs);
      store.changed(true);
    });
  }

  endCompare(): void {
    this.compared = null;
    this.#store.parting = null;
    this.#store.changed(true);
  }

  save(): void {
    const { playback } = this.#store;
    const isNow = playback.mode === "live" || playback.isAtHead;
    playback.pause();
    void this.#tell({ ask: "save", untilMs: isNow ? null : playback.atMs - this.beganMs });
  }

  /** The name of the journal up to now. */
  async hash(): Promise<string | null> {
    return (await this.#tell({ ask: "hash" }))?.hash ?? null;
  }

  async send(command: DashCommand): Promise<CommandReply> {
    const line = formatCommand(command, this.#store.facts.lab);
    if (!isLabCommand(command)) return await this.#study(command);
    return await this.#do(stepOf(command), line);
  }

  async act(step: object, atMs?: number): Promise<void> {
    const line = nameStep(step);
    await this.#store.run(() => this.#do(step as Step, line, atMs), line);
  }

  async #do(step: Step, line: string, wantedMs?: number): Promise<CommandReply> {
    const failed = { ok: false, line, exit: "failed", hint: "" } as const;
    const { playback } = this.#store;
    this.#store.trouble = "";
    const isNow = wantedMs === undefined && (playback.mode === "live" || playback.isAtHead);
    const atMs = isNow ? null : (wantedMs ?? playback.atMs);
    if (atMs !== null && atMs < this.headMs) this.#leave();
    const wasPaused = playback.mode === "paused";
    const report = await this.#tell({ ask: "act", step, atMs });
    const outcome = report?.outcomes[report.acted ?? -1];
    if (outcome === undefined) return { ...failed, message: this.#store.trouble };
    if (!isNow && !(wasPaused && isOfTray(step))) playback.follow();
    const { state, text } = outcome;
    if (state === "failed") return { ...failed, message: text };
    const said = state === "under way" ? ["begun; what comes of it stands below"] : text === "" ? [] : [text];
    return { ok: true, line, data: null, said };
  }

  async #study(command: Exclude<DashCommand, LabCommand>): Promise<CommandReply> {
    const store = this.#store;
    const { playback } = store;
    store.trouble = "";
    if (command.verb === "scenario") {
      const { file, pace, isCured = false } = command;
      this.#lesson = { file, pace, isCured };
      const report = await this.#tell({ ask: "open-lesson", file, isCured });
      if (report === null) this.#endLesson();
      if (report !== null && pace === "whole") playback.follow();
    } else if (command.verb === "next") {
      playback.follow();
      if (store.progress !== null) store.tell({ ...store.progress, state: "running" });
    } else {
      if (store.progress !== null) store.tell({ ...store.progress, state: "stopped", detail: "" });
      this.#endLesson();
    }
    store.changed();
    const { trouble } = store;
    if (trouble !== "") return { ok: false, line: "", exit: "failed", message: trouble, hint: "" };
    return { ok: true, line: "", data: null, said: [] };
  }

  #endLesson(): void {
    this.#lesson = null;
    if (isPlaying(this.#store.progress)) this.#store.progress = null;
  }

  /** Where the lesson stands. @param isHeld before a step: it is read first */
  #follow({ script, opened, broken }: PlayReport): void {
    const store = this.#store;
    if (script === null || this.#lesson === null) return;
    const { file, pace, isCured } = this.#lesson;
    const { step, steps, text, detail } = script;
    const isHeld = script.isHeld || (opened !== null && pace === "step");
    const state = script.state !== "running" ? script.state : isHeld ? "waiting" : "running";
    if (isHeld || script.state !== "running") store.playback.pause();
    store.tell({ type: "scenario", file, state, step, steps, text, detail, ...(isCured && { isCured }) });
    if (script.state !== "running") this.#lesson = null;
    // Then came a while in which promises could be broken, and nothing to see.
    const end = store.history.marks.all.findLast(({ kind }) => kind === "step");
    if (script.state === "passed" && end !== undefined) store.seek(end.atMs);
    if (broken !== null) store.tab = "experiments";
  }

  /** Where it broke, and what led there, stand out in the diagram. */
  #turnRed(broken: CheckResult, report: PlayReport): void {
    const store = this.#store;
    store.checks = [broken];
    this.#giveBadge(broken.check, report);
    markViolations(store.history, store.checks);
    if (store.playback.mode === "live") store.playback.pause();
    const last = broken.violations[0]?.proof.at(-1);
    store.selectEvent(last === undefined ? null : findEntry(store.history, last));
    store.tab = "verdict";
  }

  #giveBadge(check: string, { spec: { bug, steps }, script }: PlayReport): void {
    const isOwn = !this.#isLinked && script === null && steps.length > 0 && this.game?.isShown !== true;
    if (!isOwn || bug === null) return;
    this.won = bug;
    const outcome = { state: "passed", detail: check } as const;
    this.#store.course.set(`bug/${bug}`, { prediction: this.game?.rung ?? 0, outcome });
  }

  /** Null: it couldn't be done; the page says why. */
  async #tell(asked: PlayAsk): Promise<PlayReport | null> {
    const isOpening = asked.ask.startsWith("open");
    if (isOpening) this.#openings += 1;
    try {
      const report = await this.#world(asked);
      this.#receive(report);
      return report;
    } catch (error) {
      this.#store.trouble = error instanceof Error ? error.message : String(error);
      this.#store.changed();
      return null;
    } finally {
      if (isOpening) this.#openings -= 1;
    }
  }

  #receive(report: PlayReport): void {
    const store = this.#store;
    const { opened, entries, spec, broken } = report;
    const { playback } = store;
    if (opened !== null) {
      store.begin(opened.facts, []);
      store.checks = [];
      store.trouble = "";
      store.isLoading = false;
      this.bugs = opened.bugs;
      this.won = null;
      this.compared = null;
      store.parting = null;
      if (store.catalogue === null) void this.#tell({ ask: "lessons" });
    }
    if (spec !== this.spec && opened !== null) this.saved = null;
    if (entries.length > 0) this.saved = null;
    if (report.lessons !== null) store.catalogue = { scenarios: report.lessons, runs: [] };
    this.saved = report.saved ?? this.saved;
    this.spec = spec;
    this.outcomes = report.outcomes;
    this.flights = report.flights;
    this.timers = report.timers;
    this.headMs = report.nowMs;
    this.beganMs = report.beganMs;
    if (entries.length > 0) store.add(entries);
    if (opened !== null) playback.seek(this.headMs, store.bounds);
    if (playback.mode === "paused" && playback.isAtHead) playback.atMs = this.headMs;
    if (report.ended !== null) store.trouble = report.ended;
    if (report.notice !== null) store.trouble = report.notice;
    if (broken !== null && store.checks.length === 0) this.#turnRed(broken, report);
    this.#follow(report);
    store.changed(opened !== null);
  }
}

/** What is done to a single message is done while time stands still, and so it stays. */
function isOfTray(step: Step): boolean {
  return "deliver" in step || "drop" in step || "duplicate" in step || "delay" in step;
}

/** @throws with a sentence for people */
async function readScenarioFile(file: File): Promise<string> {
  if (file.size > FILE_BYTES_MAX) throw new Error(`${file.name} is too large to be a scenario: it has more than 1 MB`);
  const bytes = await file.arrayBuffer();
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Error(`${file.name} is no text. A scenario is a YAML file, as “Save playground.yaml” makes it`);
  }
}
