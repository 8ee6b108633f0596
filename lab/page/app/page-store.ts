/**
 * All that the page knows and shows, in one place: the run, the instant, what is selected and switched on. Views read it; what the user
 * does and what the server says change it, and call `changed`.
 */
import type { CheckResult } from "../../check/verdict.ts";
import type { StreamState } from "../../dash/client.ts";
import type { Catalogue, CommandReply, DashCommand, ScenarioProgress, Snapshot } from "../../dash/protocol.ts";
import type { Entry } from "../../journal/entry.ts";
import type { Gap, RunFacts } from "../../journal/journal.ts";
import type { MessageKind } from "../../journal/message-kinds.ts";
import type { PlayBug, PlayCompared, PlayReport, PlaySpec, StepOutcome } from "../../play/play-protocol.ts";
import { type Cone, findCone } from "../model/causality.ts";
import type { ClusterState } from "../model/cluster-state.ts";
import type { Copy } from "../model/copies.ts";
import { History, KEEP_STORED } from "../model/history.ts";
import { type Span, spanOf, WHOLE_RUN, zoomOverview } from "../model/overview.ts";
import { Playback } from "../model/playback.ts";
import type { RunAbout } from "../model/run-inside.ts";
import { findEntry } from "../model/violations.ts";
import { CourseRecord } from "./course-record.ts";
import { beginsLate, reconcile } from "./reconcile.ts";

export type Tab = "try" | "verdict" | "inspect" | "credits" | "break" | "experiments";
export type Theme = "auto" | "light" | "dark";

export interface Branch {
  /** Names it. */
  readonly number: number;
  readonly spec: PlaySpec;
  /** How long it was, since its first step could begin. */
  readonly untilMs: number;
}

export interface ComparedRun extends PlayCompared {
  /** "with seed 2" */
  readonly name: string;
}

/** Questions of views to a world in the page. */
export interface HandledWorld {
  readonly spec: PlaySpec | null;
  /** Of the spec's steps, as far as they have begun. */
  readonly outcomes: readonly StepOutcome[];
  readonly bugs: readonly PlayBug[];
  /** A bug that is to be found, and how many hints were taken; shown: the last one played it. Null: no game. */
  readonly game: { readonly bug: string; readonly rung: number; readonly isShown: boolean } | null;
  /** The bug whose promise the viewer has just broken; null: none. */
  readonly won: string | null;
  /** Entry time at which the first step could begin. */
  readonly beganMs: number;
  /** The run as it is shown, as a link and a scenario; null: not asked for yet, or changed since. */
  readonly saved: { readonly link: string | null; readonly scenario: string } | null;
  /** At its head: what is on its way, and which timers are due. */
  readonly flights: PlayReport["flights"];
  readonly timers: PlayReport["timers"];
  /** Runs that were left for this one, newest first. */
  readonly branches: readonly Branch[];
  /** Plays the next event, or up to one that is on its way, and stands still there. */
  step(until?: "flight"): void;
  /** Time passes up to this instant, and stands still there. */
  pass(toMs: number): void;
  /** Does a step of a scenario at the instant that is shown, or at another one; what comes of it is kept as for a command. */
  act(step: object, atMs?: number): Promise<void>;
  /** Goes on with a run that was left. */
  take(branch: number): void;
  /** Begins again with another world. */
  restart(change: Partial<PlaySpec>): void;
  save(): void;
  /** A scenario's file; what can't be read is said, and the run that is there stays. */
  openFile(file: File): void;
  /** Begins a game about this bug. */
  play(bug: string): void;
  hint(): void;
  /** Another run beside this one; null: none. */
  readonly compared: ComparedRun | null;
  compare(spec: PlaySpec, name: string): void;
  endCompare(): void;
}

type Playing = ScenarioProgress & { readonly state: "waiting" | "running" };

export function isPlaying(progress: ScenarioProgress | null): progress is Playing {
  return progress !== null && (progress.state === "waiting" || progress.state === "running");
}

const NO_FACTS: RunFacts = {
  lab: "lab",
  run: null,
  runtime: "docker",
  profile: "fast",
  nodes: [],
  voters: [],
  seed: null,
  isDetailed: false,
  hasWire: false,
};

/** Of one violation: the last lines say where it broke. */
export const PROOF_MAX = 12;
/** Snapshots that are kept: about five minutes. */
const SNAPSHOTS_MAX = 300;

export class Store {
  readonly playback = new Playback();
  history = new History(NO_FACTS);
  facts: RunFacts = NO_FACTS;
  gaps: readonly Gap[] = [];
  checks: readonly CheckResult[] = [];
  about: RunAbout | null = null;
  mode: "live" | "replay" = "replay";
  mayCommand = false;
  connection: StreamState = { state: "connecting" };
  isLoading = true;
  /** Lines of the past that the server still has to send. */
  pastLeft = 0;
  trouble = "";
  /** What the page reads: the lab that it was opened for, or the fresh one of an experiment. */
  shows: "lab" | "lesson" = "lab";
  /** Name of the server process that the run came from. */
  server = "";
  readonly snapshots: Snapshot[] = [];
  catalogue: Catalogue | null = null;
  progress: ScenarioProgress | null = null;
  readonly course = new CourseRecord();
  /** File of the lesson whose card is open; null: the list. */
  lesson: string | null = null;
  /** The world in the page itself (lab/page/play); null: the run comes from elsewhere. */
  world: HandledWorld | null = null;

  /** Messages as the ring shows them, to be clicked on: places in pixels of the picture. */
  readonly flying: { readonly copy: Copy; readonly x: number; readonly y: number }[] = [];

  /** What was asked of the server last, and what came of it; null as `reply`: it is under way. */
  order: {
    readonly line: string;
    /** Null: a step of an experiment. */
    readonly command: DashCommand | null;
    /** What was shown when it was asked. */
    readonly atMs: number;
    readonly reply: CommandReply | null;
  } | null = null;

  /** The first event that a run beside this one doesn't have; null: there is none. */
  parting: number | null = null;
  selectedNode: number | null = null;
  cone: Cone | null = null;
  tab: Tab = "inspect";
  theme: Theme = "auto";
  isHelpOpen = false;
  /** Nodes that were dragged to the other side of a cut that isn't made yet. */
  readonly apart = new Set<number>();
  readonly hidden = new Set<MessageKind>(["probe"]);
  /** The line that delay and loss are for: which nodes send, and to which one; null: to everybody. */
  line: { readonly nodes: string; readonly to: number | null } = { nodes: "all", to: null };
  /** Height of the space-time diagram in time. */
  windowMs = 8_000;
  #overview = WHOLE_RUN;
  /** Raised when the pictures need to be drawn again, and when they need to be drawn from scratch. */
  version = 0;
  sheetVersion = 0;
  #proof: { readonly of: readonly CheckResult[]; readonly events: readonly number[] } = { of: [], events: [] };
  readonly #listeners = new Set<() => void>();

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @param redraw the diagram's sheet holds what no longer is so */
  changed(redraw = false): void {
    this.version += 1;
    if (redraw) this.sheetVersion += 1;
    for (const listener of this.#listeners) listener();
  }

  /** Panels, in the order of their keys. */
  get tabs(): readonly Tab[] {
    const hasVerdict = this.checks.length > 0 || this.about !== null;
    const hasExperiments = this.catalogue !== null || this.progress !== null || (this.about?.steps.length ?? 0) > 0;
    return [
      ...(this.world === null ? [] : (["try"] as const)),
      ...(hasVerdict ? (["verdict"] as const) : []),
      "inspect",
      "credits",
      ...(this.mayCommand ? (["break"] as const) : []),
      ...(hasExperiments ? (["experiments"] as const) : []),
    ];
  }

  get bounds(): { beginMs: number; endMs: number } {
    const headMs = this.playback.world?.headMs ?? Number.NEGATIVE_INFINITY;
    return { beginMs: this.history.beginMs, endMs: Math.max(this.history.endMs, headMs, this.history.beginMs + 1) };
  }

  get atMs(): number {
    return this.playback.atMs;
  }

  /** The cluster as shown. It is changed by the next look: don't keep it. */
  get state(): ClusterState {
    const state = this.history.stateAt(this.atMs);
    const { snapshot } = this;
    if (snapshot !== null && this.mode === "live") reconcile(state, snapshot, this.history.story);
    return state;
  }

  /** Lines are missing before the first one. */
  get beginsLate(): boolean {
    if (this.history.begin > 0) return true;
    return this.mode === "live" && this.world === null && beginsLate(this.history.story);
  }

  /** What nodes and engine last said by then; null: nothing, or too long ago. */
  get snapshot(): Snapshot | null {
    const found = this.snapshots.findLast((snapshot) => snapshot.atMs <= this.atMs + 1_000);
    return found !== undefined && this.atMs - found.atMs < 10_000 ? found : null;
  }

  begin(facts: RunFacts, gaps: readonly Gap[]): void {
    this.facts = facts;
    this.gaps = gaps;
    this.history = new History(facts, this.mode === "replay" ? { keep: KEEP_STORED } : {});
    this.snapshots.length = 0;
    this.cone = null;
    this.isLoading = true;
    this.changed(true);
  }

  add(entries: readonly Entry[]): void {
    const isFirst = this.history.end === 0;
    this.history.append(entries);
    if (isFirst && this.playback.mode !== "live") this.playback.seek(this.history.beginMs, this.bounds);
    this.changed();
  }

  addSnapshot(snapshot: Snapshot): void {
    this.snapshots.push(snapshot);
    if (this.snapshots.length > SNAPSHOTS_MAX) this.snapshots.shift();
    this.changed();
  }

  /** The events that prove the first promise that was broken, as they are listed; none while nothing is selected. */
  get proof(): readonly number[] {
    if (this.cone === null) return [];
    if (this.#proof.of !== this.checks) {
      const proof = this.checks.find(({ verdict }) => verdict === "invalid")?.violations[0]?.proof ?? [];
      const events = proof.slice(-PROOF_MAX).flatMap((entry) => findEntry(this.history, entry) ?? []);
      this.#proof = { of: this.checks, events };
    }
    return this.#proof.events;
  }

  selectNode(id: number | null): void {
    this.selectedNode = id;
    if (id !== null && this.tab !== "break") this.tab = "inspect";
    this.changed();
  }

  /** The event with that number; null: none. What is selected stands still, or nobody could read it. */
  selectEvent(index: number | null): void {
    this.cone = index === null ? null : findCone(this.history, index);
    if (this.cone !== null) {
      this.selectedNode = this.history.entry(this.cone.index)?.node ?? null;
      this.tab = "inspect";
      if (this.playback.mode === "live") this.playback.pause();
    }
    this.changed();
  }

  /** How far the experiment is; what it came to is kept. */
  tell(progress: ScenarioProgress): void {
    this.progress = progress;
    const { file, state, detail } = progress;
    const record = this.course.of(file);
    // The cure comes after the comparison.
    const isAfter = progress.isCured === true && this.world !== null;
    if (record !== null && !isAfter && (state === "passed" || state === "failed"))
      this.course.set(file, { ...record, outcome: { state, detail } });
    this.changed();
  }

  toggleKind(kind: MessageKind): void {
    if (!this.hidden.delete(kind)) this.hidden.add(kind);
    this.changed(true);
  }

  /** Sends a command and keeps what came of it. @returns whether it was done */
  async run(send: () => Promise<CommandReply>, line: string, command: DashCommand | null = null): Promise<boolean> {
    const order = { line, command, atMs: this.atMs };
    this.order = { ...order, reply: null };
    this.changed();
    const reply = await send().catch(
      (error: unknown): CommandReply => ({
        ok: false,
        line,
        exit: "failed",
        message: error instanceof Error ? error.message : String(error),
        hint: "is `lab dash` still running?",
      }),
    );
    this.order = { ...order, reply };
    this.changed();
    return reply.ok;
  }

  seek(atMs: number): void {
    this.playback.seek(atMs, this.bounds);
    this.changed();
  }

  togglePlay(): void {
    if (this.playback.mode === "paused") this.playback.play(this.bounds);
    else this.playback.pause();
    this.changed();
  }

  follow(): void {
    this.playback.follow();
    this.cone = null;
    this.changed();
  }

  /** A short run fills the diagram. */
  fitWindow(): void {
    const { beginMs, endMs } = this.bounds;
    this.windowMs = Math.min(this.windowMs, Math.max(200, (endMs - beginMs) * 0.7));
    this.changed(true);
  }

  zoom(factor: number): void {
    this.windowMs = Math.min(Math.max(this.windowMs * factor, 20), 600_000);
    this.changed(true);
  }

  /** What the time line shows of the run. */
  get overview(): Span {
    const { beginMs, endMs } = this.bounds;
    return spanOf(this.#overview, { beginMs, endMs: Math.max(endMs, this.atMs) }, this.atMs);
  }

  /** @param fixedMs stays where it is */
  zoomOverview(factor: number, fixedMs = this.atMs): void {
    const { beginMs, endMs } = this.bounds;
    const run = { beginMs, endMs: Math.max(endMs, this.atMs) };
    this.#overview = zoomOverview(this.overview, run, factor, fixedMs);
    this.changed();
  }

  get isOverviewWhole(): boolean {
    return this.#overview.zoom === 1;
  }
}
