/**
 * Runs checkers over a journal, a line at a time: all of them in one pass, while the run goes on or afterwards. The verdict follows from what
 * was found and from what the journal lacks, in one place.
 */
import type { Entry } from "../journal/entry.ts";
import type { Gap, Journal, RunFacts } from "../journal/journal.ts";
import { readDelivery } from "../journal/story/deliveries.ts";
import { Story } from "../journal/story/story.ts";
import { Accusations } from "./accusations.ts";
import type { Checker, CheckFold, Line, RunUnderCheck } from "./checker.ts";
import { Ending } from "./ending.ts";
import { Replicas } from "./replica.ts";
import type { CheckResult, Violation } from "./verdict.ts";

/** More of the same say nothing new. */
const VIOLATIONS_MAX = 20;
const NO_DETAILS = "no line for each delivery: run it with DS_LOG_LEVEL=DEBUG";

export interface Breach extends Violation {
  readonly checker: Checker;
}

interface Seat {
  readonly checker: Checker;
  /** Null: the journal hasn't what it needs. */
  readonly fold: CheckFold | null;
  readonly violations: Violation[];
  count: number;
}

export class Judging {
  readonly story: Story;
  readonly #facts: RunFacts;
  readonly #replicas = new Replicas();
  readonly #accusations: Accusations;
  readonly #seats: readonly Seat[];
  readonly #folds: readonly CheckFold[];
  #breach: Breach | null = null;
  #isEmpty = true;

  constructor(facts: RunFacts, checkers: readonly Checker[]) {
    this.#facts = facts;
    this.story = new Story(facts);
    this.#accusations = new Accusations(this.story);
    this.#seats = checkers.map((checker) => this.#seat(checker));
    this.#folds = this.#seats.flatMap(({ fold }) => fold ?? []);
  }

  /** The first breach that a line proved; null: none did yet. */
  get breach(): Breach | null {
    return this.#breach;
  }

  /** The next breach will be told. */
  dropBreach(): void {
    this.#breach = null;
  }

  take(entry: Entry): void {
    this.#isEmpty = false;
    const life = this.story.add(entry);
    const delivery = life === null ? null : readDelivery(entry);
    const replica = life === null ? null : this.#replicas.before(life);
    const line: Line = { entry, life, delivery, replica };
    this.#accusations.take(line);
    for (const fold of this.#folds) fold.take(line);
    if (replica !== null) this.#replicas.apply(replica, line);
  }

  /** @param gaps of the journal: what isn't there refutes nothing */
  finish(gaps: readonly Gap[]): readonly CheckResult[] {
    const ending = new Ending(this.#facts, this.story, this.#accusations);
    const gap = this.#describeGaps(gaps);
    return this.#seats.map((seat) => describeResult(seat, ending, gap));
  }

  #seat(checker: Checker): Seat {
    const { facts, needs } = { facts: this.#facts, needs: checker.needs };
    const violations: Violation[] = [];
    const seat: { -readonly [K in keyof Seat]: Seat[K] } = { checker, fold: null, violations, count: 0 };
    if (needs === "details" && !facts.isDetailed) return seat;
    const report: RunUnderCheck["report"] = (what, proof, about) => {
      seat.count += 1;
      if (violations.length >= VIOLATIONS_MAX) return;
      const violation = { what, proof: proof.filter((line) => line !== null && line !== undefined), about };
      violations.push(violation);
      this.#breach ??= { checker, ...violation };
    };
    seat.fold = checker.open({ facts, story: this.story, report });
    return seat;
  }

  /** Null: no line is missing, as far as one can know. */
  #describeGaps(gaps: readonly Gap[]): string | null {
    const { lives } = this.story;
    if (this.#isEmpty) return "the journal is empty";
    if (gaps.some(({ node }) => node === 0))
      return "the journal's file is damaged: lines of it are gone or can't be read";
    const silent = this.#facts.nodes.find((id) => !lives.ofNode.has(id));
    if (silent !== undefined) return `there is no line of node ${silent}`;
    if (gaps.length > 0) {
      const nodes = [...new Set(gaps.map(({ node }) => node))].sort((a, b) => a - b);
      return `lines of node ${nodes.join(", ")} are missing`;
    }
    const headless = this.#facts.isDetailed ? lives.all.find(({ boot }) => boot === null) : undefined;
    return headless === undefined ? null : `the first lines of node ${headless.node} are missing`;
  }
}

/** The checkers' results over a journal that is there as a whole. */
export function judgeJournal({ facts, entries, gaps }: Journal, checkers: readonly Checker[]): readonly CheckResult[] {
  const judging = new Judging(facts, checkers);
  for (const entry of entries) judging.take(entry);
  return judging.finish(gaps);
}

function describeResult({ checker, fold, violations, count }: Seat, ending: Ending, gap: string | null): CheckResult {
  const check = checker.name;
  if (fold === null) return { check, verdict: "inconclusive", violations: [], detail: NO_DETAILS };
  // It may report more.
  const { counted, judged, unseen = [], open = null } = fold.finish(ending);
  const found = gap === null ? [...violations, ...unseen] : violations;
  if (found.length > 0) {
    const all = Math.max(count, violations.length) + found.length - violations.length;
    const more = all > VIOLATIONS_MAX ? `, the first ${VIOLATIONS_MAX} of ${all}` : "";
    return { check, verdict: "invalid", violations: found.slice(0, VIOLATIONS_MAX), detail: `${counted}${more}` };
  }
  const missing = open ?? gap;
  if (missing === null)
    return { check, verdict: judged === 0 ? "nothing to judge" : "valid", violations: [], detail: counted };
  return { check, verdict: "inconclusive", violations: [], detail: `${missing} (${counted})` };
}
