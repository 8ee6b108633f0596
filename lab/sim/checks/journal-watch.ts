/**
 * The checkers of journals (lab/check), fed with each line as a node writes it: the same judges that look at a real run's journal, so
 * that a promise that a journal can show has one judge. The first breach that a line proves ends the run at that instant.
 */
import { CHECKERS } from "../../check/checkers.ts";
import { Judging } from "../../check/judging.ts";
import type { Entry } from "../../journal/entry.ts";
import type { RunFacts } from "../../journal/journal.ts";
import type { SimJournalLine } from "../world/sim-journal.ts";
import type { Excuses, Property } from "./judge.ts";
import { JournalBreach } from "./sim-failure.ts";

export class JournalWatch {
  /** Null: every promise that they guard may break unseen. */
  readonly #judging: Judging | null;

  readonly #excuses: Excuses;

  /** @param blind promises that may break unseen */
  constructor(facts: RunFacts, blind: readonly Property[], excuses: Excuses) {
    this.#excuses = excuses;
    const checkers = CHECKERS.filter(({ guards }) => !blind.includes(guards));
    this.#judging = checkers.length === 0 ? null : new Judging(facts, checkers);
  }

  take(line: SimJournalLine): void {
    this.#judging?.take(line as unknown as Entry);
  }

  /** What the lines so far prove; null: no breach. */
  get breach(): JournalBreach | null {
    const breach = this.#judging?.breach ?? null;
    if (breach === null) return null;
    if (!this.#excuses.covers(breach.checker.guards, () => breach.what, breach.about))
      return new JournalBreach(breach.checker, breach.what);
    this.#judging?.dropBreach();
    return null;
  }

  /** What can be judged at the end only, too. What ended too early for a bound is left open. */
  finish(): JournalBreach | null {
    const results = this.#judging?.finish([]) ?? [];
    for (const { check, verdict, violations, detail } of results) {
      const checker = CHECKERS.find(({ name }) => name === check);
      if (verdict !== "invalid" || checker === undefined) continue;
      for (const { what, about } of violations.length === 0 ? [{ what: detail, about: undefined }] : violations)
        if (!this.#excuses.covers(checker.guards, () => what, about)) return new JournalBreach(checker, what);
    }
    return null;
  }
}
