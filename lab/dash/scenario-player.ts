/**
 * Plays a scenario on the lab that is shown: as a whole, or one step each time that somebody at the page says so. What happens is told
 * to all readers; one at a time.
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
import type { CommandReply, DashCommand, ScenarioProgress } from "./protocol.ts";

export interface PlayerOptions {
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
  /** Lets the step that waits begin; null: none waits. */
  begin: (() => void) | null;
}

export class ScenarioPlayer {
  readonly #options: PlayerOptions;
  #playing: Playing | null = null;

  constructor(options: PlayerOptions) {
    this.#options = options;
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
    const playing: Playing = { scenario, file, stop, done, begin: null };
    this.#playing = playing;
    started.resolve(playing);
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
    const { lab, runtime } = this.#options;
    const { scenario, file } = playing;
    let step = 0;
    const tell = (state: ScenarioProgress["state"], text: string, detail = ""): void =>
      this.#options.feed.say({ type: "scenario", file, state, step, steps: scenario.steps.length, text, detail });
    const textOf = (index: number): string => {
      const found = scenario.steps[index];
      return found === undefined ? "" : describeStep(found);
    };
    try {
      const result = await runScenario(scenario, {
        ...{ runtime, on: lab, file, signal },
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
      if (result.verdict === "interrupted") tell("stopped", textOf(step), "ended before its last step");
      else if (result.verdict === "failed" || result.verdict === "invalid") tell("failed", textOf(step), result.reason);
      else {
        step = scenario.steps.length;
        tell("passed", "", result.reason);
      }
    } catch (error) {
      const isStopped = signal.aborted;
      tell(isStopped ? "stopped" : "failed", textOf(step), error instanceof Error ? error.message : String(error));
    } finally {
      this.#playing = null;
    }
  }
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
