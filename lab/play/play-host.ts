/**
 * The world behind the playground's page: does what it is asked, one thing at a time, and reports. It knows nothing of browsers, so
 * tests ask it as the page does.
 */
import type { Step } from "../scenario/scenario-schema.ts";
import { BUGS } from "../sim/bugs/bug-cases.ts";
import type { AskWorld, PlayAsk, PlayReport, PlaySpec } from "./play-protocol.ts";
import { formatPlay } from "./play-scenario.ts";
import { PlayedLab, stepsBefore } from "./played-lab.ts";
import { readLink, readSteps, writeLink } from "./run-link.ts";

/** Longest stretch of time that one question may play: 10 minutes. */
const ADVANCE_MS_MAX = 600_000;
const EVENTS_A_STEP_MAX = 2_000;
const OTHER_VERSION = "This link is of another version of the lab: it may play another run here.";

interface Played {
  readonly spec: PlaySpec;
  readonly lab: PlayedLab;
}

type Extra = Partial<Pick<PlayReport, "acted" | "hash" | "saved" | "notice">> & { readonly isNew?: boolean };

/** A world that is opened by the first question. */
export function openPlayHost(): AskWorld {
  const host = new PlayHost();
  let last: Promise<unknown> = Promise.resolve();
  return (asked) => {
    const next = last.then(() => host.answer(asked));
    last = next.catch(() => {});
    return next;
  };
}

class PlayHost {
  #played: Played | null = null;

  async answer(asked: PlayAsk): Promise<PlayReport> {
    switch (asked.ask) {
      case "open":
        await this.#reopen(readSteps(asked.spec), asked.untilMs);
        return this.#report({ isNew: true });
      case "open-link": {
        const { spec, untilMs, isOtherVersion } = await readLink(asked.link);
        await this.#reopen(spec, untilMs);
        return this.#report({ isNew: true, notice: isOtherVersion ? OTHER_VERSION : null });
      }
      case "advance": {
        const { lab } = this.#current;
        await lab.advance(Math.min(asked.toMs, lab.nowMs + ADVANCE_MS_MAX));
        return this.#report();
      }
      case "step":
        return await this.#step();
      case "act":
        return await this.#act(readStep(asked.step), asked.atMs);
      case "hash": {
        const { lab } = this.#current;
        const report = this.#report();
        return { ...report, hash: lab.hash() };
      }
      case "save": {
        const { spec, lab } = this.#current;
        const shownMs = asked.untilMs ?? lab.nowMs - lab.beganMs;
        const saved = { link: await writeLink(spec, shownMs).catch(() => null), scenario: formatPlay(spec, shownMs) };
        return this.#report({ saved });
      }
    }
  }

  get #current(): Played {
    if (this.#played === null) throw new Error("no world is open");
    return this.#played;
  }

  #report({ isNew = false, acted = null, hash = null, saved = null, notice = null }: Extra = {}): PlayReport {
    const { spec, lab } = this.#current;
    // First the lines: what is known of promises is known from them.
    const entries = lab.take();
    const { nowMs, beganMs, broken, ended, outcomes } = lab;
    const opened = isNew ? { facts: lab.facts, bugs: BUGS.map(({ name, what }) => ({ name, what })) } : null;
    return { opened, spec, entries, nowMs, beganMs, broken, ended, outcomes, acted, hash, saved, notice };
  }

  async #reopen(spec: PlaySpec, untilMs: number): Promise<void> {
    const { steps, ...world } = spec;
    const lab = await PlayedLab.open(world);
    for (const step of steps) lab.schedule(step);
    this.#played = { spec, lab };
    await lab.advance(lab.beganMs + Math.min(Math.max(0, untilMs), ADVANCE_MS_MAX));
  }

  async #act(wanted: Step, atMs: number | null): Promise<PlayReport> {
    const { spec, lab } = this.#current;
    const isBranch = atMs !== null && atMs < lab.nowMs;
    if (isBranch) {
      const shownMs = atMs - lab.beganMs;
      await this.#reopen({ ...spec, steps: stepsBefore(spec.steps, shownMs) }, shownMs);
    }
    const now = this.#current;
    const step = await now.lab.act(wanted);
    this.#played = { ...now, spec: { ...now.spec, steps: [...now.spec.steps, step] } };
    return this.#report({ isNew: isBranch, acted: now.spec.steps.length });
  }

  /** Most events are timers that find nothing to do: the next one is one that somebody writes down. */
  async #step(): Promise<PlayReport> {
    const { lab } = this.#current;
    for (let count = 0; count < EVENTS_A_STEP_MAX; count++) {
      await lab.step();
      const report = this.#report();
      if (report.entries.length > 0 || report.ended !== null) return report;
    }
    return this.#report();
  }
}

function readStep(step: Step): Step {
  const [read] = readSteps({ seed: 1, nodes: 1, bug: null, steps: [step] }).steps;
  return read as Step;
}
