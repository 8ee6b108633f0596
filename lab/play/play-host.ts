/**
 * The world behind the playground's page: does what it is asked, one thing at a time, and reports. It knows nothing of browsers, so
 * tests ask it as the page does.
 */

import { LabError } from "../base/lab-error.ts";
import { CHECKERS } from "../check/checkers.ts";
import { compareRuns } from "../journal/compare-runs.ts";
import type { Entry } from "../journal/entry.ts";
import type { Lesson } from "../scenario/lesson.ts";
import { parseScenario } from "../scenario/parse-scenario.ts";
import { readLesson } from "../scenario/read-lesson.ts";
import type { Step } from "../scenario/scenario-schema.ts";
import { BUGS } from "../sim/bugs/bug-cases.ts";
import type { AskWorld, PlayAsk, PlayBug, PlayReport, PlaySpec } from "./play-protocol.ts";
import { formatPlay } from "./play-scenario.ts";
import { PlayedLab, stepsBefore } from "./played-lab.ts";
import { recipeOf } from "./recipes.ts";
import { readLink, readSteps, writeLink } from "./run-link.ts";

/** Longest stretch of time that one question may play: 10 minutes. */
const ADVANCE_MS_MAX = 600_000;
const EVENTS_A_STEP_MAX = 2_000;
const DIFFERENCES_MAX = 40;
const NODES_DEFAULT = 5;
const OTHER_VERSION = "This link is of another version of the lab: it may play another run here.";

const KNOWN_BUGS: readonly PlayBug[] = BUGS.map(({ name, what, check }) => {
  const promise = CHECKERS.find((checker) => checker.name === check)?.promise ?? "";
  return { name, what, promise, recipe: recipeOf(name) };
});

interface Played {
  readonly spec: PlaySpec;
  readonly lab: PlayedLab;
}

type Extra = Partial<Pick<PlayReport, "entries" | "acted" | "hash" | "compared" | "saved" | "notice" | "lessons">> & {
  readonly isNew?: boolean;
};

/**
 * A world that is opened by the first question.
 * @param scenarios files of compose/scenarios by their names, and what they hold
 */
export function openPlayHost(scenarios: Readonly<Record<string, string>> = {}): AskWorld {
  const host = new PlayHost(scenarios);
  let last: Promise<unknown> = Promise.resolve();
  return (asked) => {
    const next = last.then(() => host.answer(asked));
    last = next.catch(() => {});
    return next;
  };
}

class PlayHost {
  #played: Played | null = null;
  readonly #scenarios: Readonly<Record<string, string>>;

  constructor(scenarios: Readonly<Record<string, string>>) {
    this.#scenarios = scenarios;
  }

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
      case "open-file":
        await this.#reopen(specOf(asked.name, asked.text, true), 0);
        return this.#report({ isNew: true });
      case "open-lesson":
        await this.#reopen(this.#specOf(asked.file, asked.isCured), 0);
        return this.#report({ isNew: true });
      case "lessons":
        return this.#report({ lessons: this.#readLessons() });
      case "advance": {
        const { lab } = this.#current;
        await lab.advance(Math.min(asked.toMs, lab.nowMs + ADVANCE_MS_MAX), asked.holdAtSteps);
        return this.#report();
      }
      case "step":
        return await this.#step(asked.until === "flight");
      case "act":
        return await this.#act(readStep(asked.step), asked.atMs);
      case "hash": {
        const { lab } = this.#current;
        const report = this.#report();
        return { ...report, hash: lab.hash() };
      }
      case "compare":
        return await this.#compare(readSteps(asked.spec));
      case "save": {
        const { spec, lab } = this.#current;
        const shownMs = asked.untilMs ?? lab.nowMs - lab.beganMs;
        const saved = { link: await writeLink(spec, shownMs).catch(() => null), scenario: formatPlay(spec, shownMs) };
        return this.#report({ saved });
      }
    }
  }

  #specOf(file: string, isCured: boolean): PlaySpec {
    const text = this.#scenarios[file];
    if (text === undefined) throw new LabError("notFound", `there is no scenario ${file}`, "choose one of the list");
    return specOf(file, text, isCured);
  }

  /** The course first, in its order; those that need a cable or a kernel aren't there. */
  #readLessons(): readonly Lesson[] {
    const all = Object.entries(this.#scenarios).map(([file, text]) => ({ file, scenario: parseScenario(text, file) }));
    const lessons = all
      .filter(({ scenario }) => scenario.runtimes?.includes("sim") !== false)
      .map(({ file, scenario }) => readLesson(file, scenario));
    const placeOf = ({ place }: Lesson): number => place ?? Number.POSITIVE_INFINITY;
    return lessons.sort((a, b) => placeOf(a) - placeOf(b) || (a.file < b.file ? -1 : 1));
  }

  get #current(): Played {
    if (this.#played === null) throw new Error("no world is open");
    return this.#played;
  }

  #report(extra: Extra = {}): PlayReport {
    const { spec, lab } = this.#current;
    // First the lines: what is known of promises is known from them.
    const { isNew = false, entries = lab.take(), ...told } = extra;
    const { nowMs, beganMs, broken, ended, outcomes, script, traffic } = lab;
    const opened = isNew ? { facts: lab.facts, bugs: KNOWN_BUGS } : null;
    const state = { opened, spec, entries, nowMs, beganMs, broken, ended, outcomes, script, ...traffic };
    return { ...state, acted: null, hash: null, compared: null, saved: null, notice: null, lessons: null, ...told };
  }

  async #reopen(spec: PlaySpec, untilMs: number): Promise<void> {
    this.#played = { spec, lab: await playAgain(spec, untilMs) };
  }

  async #compare(spec: PlaySpec): Promise<PlayReport> {
    const { lab } = this.#current;
    const other = await playAgain(spec, lab.nowMs - lab.beganMs);
    const report = this.#report();
    const { facts, entries } = other.journal();
    const { differences, ...comparison } = compareRuns(lab.journal(), other.journal());
    const first = { ...comparison, differences: differences.slice(0, DIFFERENCES_MAX) };
    return { ...report, compared: { facts, entries, beganMs: other.beganMs, comparison: first } };
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
  async #step(isForFlight: boolean): Promise<PlayReport> {
    const { lab } = this.#current;
    const before = new Set(lab.traffic.flights.map(({ name }) => name));
    const entries: Entry[] = [];
    for (let count = 0; count < EVENTS_A_STEP_MAX; count++) {
      await lab.step();
      entries.push(...lab.take());
      const isThere = isForFlight ? lab.traffic.flights.some(({ name }) => !before.has(name)) : entries.length > 0;
      if (isThere || lab.ended !== null) return this.#report({ entries });
    }
    return this.#report({ entries });
  }
}

/** @param isCured without the bug that it is about, if it is about one */
function specOf(file: string, text: string, isCured: boolean): PlaySpec {
  const scenario = parseScenario(text, file);
  const { nodes, bug } = readLesson(file, scenario);
  const world = { seed: scenario.seed ?? 1, nodes: nodes ?? NODES_DEFAULT, bug: isCured ? null : (bug?.bug ?? null) };
  return { ...world, scenario: text, steps: [] };
}

async function playAgain({ steps, ...world }: PlaySpec, untilMs: number): Promise<PlayedLab> {
  const lab = await PlayedLab.open(world);
  for (const step of steps) lab.schedule(step);
  await lab.advance(lab.beganMs + Math.min(Math.max(0, untilMs), ADVANCE_MS_MAX));
  return lab;
}

function readStep(step: Step): Step {
  const [read] = readSteps({ seed: 1, nodes: 1, bug: null, steps: [step] }).steps;
  return read as Step;
}
