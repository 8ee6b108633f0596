/**
 * Plays a scenario: as a whole, or one step each time that somebody at the page says so. It has a fresh lab of its own beside the one that
 * is shown, which may have been used for anything, and which it leaves alone. What happens is told to the readers of both; one at a time.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { interrupted, LabError } from "../base/lab-error.ts";
import { describeStep } from "../scenario/describe-step.ts";
import { parseScenario } from "../scenario/parse-scenario.ts";
import type { StepResult } from "../scenario/result.ts";
import { runScenario } from "../scenario/run-scenario.ts";
import type { Scenario, ScenarioRuntime } from "../scenario/scenario-schema.ts";
import type { Feed } from "./feed.ts";
import { type LiveFeed, openLiveFeed } from "./live-source.ts";
import type { CommandReply, DashCommand, ScenarioProgress } from "./protocol.ts";

const NAME_MAX = 40;
const LESSON = "-lesson";

export interface PlayerOptions {
  /** The lab that is shown. In virtual time, which only one lab has, it is played on that. */
  readonly lab: string;
  readonly runtime: ScenarioRuntime;
  /** The folder of the scenarios. */
  readonly folder: string;
  readonly feed: Feed;
  readonly signal: AbortSignal;
}

export type ScenarioCommand = Extract<DashCommand, { readonly verb: "scenario" | "next" | "end-scenario" }>;

interface Playing {
  readonly scenario: Scenario;
  readonly file: string;
  readonly stop: AbortController;
  readonly done: Promise<void>;
  /** Its lab is there. */
  readonly ready: PromiseWithResolvers<void>;
  /** Lets the step that waits begin; null: none waits. */
  begin: (() => void) | null;
}

export class ScenarioPlayer {
  readonly #options: PlayerOptions;
  #playing: Playing | null = null;
  #lesson: LiveFeed | null = null;

  constructor(options: PlayerOptions) {
    this.#options = options;
  }

  /** Of the lab that is played on, or was; null: none yet. */
  get lessonFeed(): Feed | null {
    return this.#lesson?.feed ?? null;
  }

  async obey(command: ScenarioCommand, line: string): Promise<CommandReply> {
    try {
      if (command.verb === "scenario") await this.#start(command.file, command.pace);
      else if (command.verb === "next") this.#next();
      else await this.#end();
      return { ok: true, line, data: null, said: [] };
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      return { ok: false, line, exit: error.exit, message: error.message, hint: error.hint };
    }
  }

  /** Ends what is being played. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#playing?.stop.abort();
    await this.#playing?.done;
  }

  async #start(file: string, pace: "step" | "whole"): Promise<void> {
    if (this.#playing !== null) {
      throw new LabError("failed", `${this.#playing.file} is being played`, "end it first, or wait for its end");
    }
    const { folder, signal } = this.#options;
    const path = join(folder, file);
    const text = await readFile(path, "utf8").catch((error: unknown) => {
      throw new LabError("notFound", `there is no scenario ${file}`, "choose one of the list", { cause: error });
    });
    const scenario = parseScenario(text, path);
    const stop = new AbortController();
    const started = Promise.withResolvers<Playing>();
    const done = started.promise.then((playing) => this.#play(playing, pace, AbortSignal.any([signal, stop.signal])));
    const playing: Playing = { scenario, file, stop, done, begin: null, ready: Promise.withResolvers() };
    this.#playing = playing;
    started.resolve(playing);
    await Promise.race([playing.ready.promise, done]);
  }

  #next(): void {
    const begin = this.#playing?.begin ?? null;
    if (begin === null) throw new LabError("failed", "no step is waited for", "play a scenario step by step first");
    begin();
  }

  async #end(): Promise<void> {
    if (this.#playing === null) throw new LabError("failed", "no scenario is being played", "");
    this.#playing.stop.abort();
    await this.#playing.done;
  }

  /** Never throws: what goes wrong is the scenario's outcome. */
  async #play(playing: Playing, pace: "step" | "whole", signal: AbortSignal): Promise<void> {
    const { lab, runtime, folder } = this.#options;
    const { scenario, file } = playing;
    let step = 0;
    const following = new AbortController();
    const tell = (state: ScenarioProgress["state"], text: string, detail = ""): void => {
      for (const feed of [this.#options.feed, ...(following.signal.aborted ? [] : [this.#lesson?.feed])])
        feed?.say({ type: "scenario", file, state, step, steps: scenario.steps.length, text, detail });
    };
    const isFresh = runtime !== "sim";
    this.#lesson = null;
    const textOf = (index: number): string => {
      const found = scenario.steps[index];
      return found === undefined ? "" : describeStep(found);
    };
    try {
      await runScenario(scenario, {
        ...{ runtime, file: join(folder, file), signal },
        ...(isFresh ? { name: lessonLabOf(lab) } : { on: lab }),
        onLab: (own) => {
          if (isFresh) this.#lesson = openLiveFeed(own, following.signal);
          playing.ready.resolve();
        },
        onJudged: (result) => {
          if (result.verdict === "interrupted") tell("stopped", textOf(step), "ended before its last step");
          else if (result.verdict === "failed" || result.verdict === "invalid")
            tell("failed", textOf(step), result.reason);
          else {
            step = scenario.steps.length;
            tell("passed", "", result.reason);
          }
          // Before its lab goes: that is no news.
          this.#endLesson(file, following);
        },
        beforeStep: async ({ path, text }) => {
          if (/[.#]/.test(path)) return;
          step = Number(path) - 1;
          if (pace === "whole") return;
          tell("waiting", text);
          await waitForTurn(playing, signal);
        },
        onStep: ({ path, text, state, seen }: StepResult, when) => {
          const [first = ""] = path.split(/[.#]/);
          if (path !== first) return;
          step = Number(first) - 1;
          if (when === "begin") tell("running", text);
          else if (state === "failed") tell("running", text, seen);
        },
      });
    } catch (error) {
      const isStopped = signal.aborted;
      tell(isStopped ? "stopped" : "failed", textOf(step), error instanceof Error ? error.message : String(error));
    } finally {
      this.#endLesson(file, following);
      await this.#lessonOver();
      this.#playing = null;
    }
  }

  async #lessonOver(): Promise<void> {
    await this.#lesson?.ended;
  }

  #endLesson(file: string, following: AbortController): void {
    if (following.signal.aborted) return;
    this.#lesson?.feed.say({ type: "end", why: "replayed", text: `all of ${file}` });
    following.abort();
  }
}

/** Beside the lab that is shown. */
function lessonLabOf(lab: string): string {
  return `${lab.slice(0, NAME_MAX - LESSON.length)}${LESSON}`;
}

/** @throws LabError("interrupted") */
function waitForTurn(playing: Playing, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      playing.begin = null;
      reject(interrupted());
    };
    playing.begin = () => {
      playing.begin = null;
      signal.removeEventListener("abort", onAbort);
      resolve();
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
