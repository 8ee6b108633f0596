/** How far the scenario is that plays by itself beside somebody's actions: it is the run's first step, and its own steps are inside. */
import { describeStep } from "../scenario/describe-step.ts";
import type { StepResult } from "../scenario/result.ts";
import type { Step } from "../scenario/scenario-schema.ts";
import type { ScriptState } from "./play-protocol.ts";

export class Script {
  readonly #texts: readonly string[];
  /** How many of its steps are over. */
  over = 0;
  isRunning = true;
  #failure = "";
  #holds = false;
  /** Lets the step that is held begin; null: none is. */
  #begin: (() => void) | null = null;

  constructor(step: Step) {
    this.#texts = "sequence" in step ? step.sequence.map(describeStep) : [];
  }

  /** @returns whether the step is the scenario's own */
  take({ path, state, seen }: StepResult, when: "begin" | "end"): boolean {
    const [first, own, ...deeper] = path.split(/[.#]/);
    if (first !== "1") return false;
    if (when === "begin" || deeper.length > 0) return true;
    if (own === undefined) this.isRunning = false;
    else if (state === "failed" || state === "interrupted") this.#failure = seen;
    else this.over = Number(own);
    return true;
  }

  /** A step that is held begins: time can't pass without it, or the run would be another one. @param holds the next one, too */
  goOn(holds: boolean): void {
    this.#holds = holds;
    this.#begin?.();
    this.#begin = null;
  }

  /** @param hold stops the world */
  async beforeStep(path: string, hold: () => void): Promise<void> {
    if (!this.#holds || !/^1\.\d+$/.test(path) || path === "1.1") return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#begin = resolve;
    hold();
    await promise;
  }

  /** @param broken the promise that was broken; null: none */
  describe(broken: string | null): ScriptState {
    const detail = broken ?? this.#failure;
    const steps = this.#texts.length;
    const state = detail !== "" ? "failed" : this.isRunning ? "running" : "passed";
    return { state, isHeld: this.#begin !== null, step: this.over, steps, text: this.#texts[this.over] ?? "", detail };
  }
}
