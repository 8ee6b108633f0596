/**
 * The end of a run, for checkers of promises that take time: troubles, bounds, and nodes that may or may not have run. Worked
 * out once, when the first checker asks.
 */
import type { RunFacts } from "../journal/journal.ts";
import type { Life } from "../journal/story/lives.ts";
import type { Story } from "../journal/story/story.ts";
import { readTroubles, type Troubles } from "../journal/story/troubles.ts";
import { type Accusations, type JudgedAccusation, judgeAccusations } from "./accusations.ts";
import { type Bounds, boundsOf } from "./bounds.ts";

export class Ending {
  readonly facts: RunFacts;
  readonly story: Story;
  readonly #source: Accusations;
  #troubles: Troubles | null = null;
  #bounds: Bounds | null = null;
  #accusations: readonly JudgedAccusation[] | null = null;
  #missing: ReadonlySet<Life> | null = null;

  constructor(facts: RunFacts, story: Story, accusations: Accusations) {
    this.facts = facts;
    this.story = story;
    this.#source = accusations;
  }

  get troubles(): Troubles {
    this.#troubles ??= readTroubles(this.story);
    return this.#troubles;
  }

  get bounds(): Bounds {
    this.#bounds ??= boundsOf(this.facts, this.story);
    return this.#bounds;
  }

  get accusations(): readonly JudgedAccusation[] {
    this.#accusations ??= judgeAccusations(this.#source, this.story, this.troubles, this.bounds.echoMs);
    return this.#accusations;
  }

  /** Lives that fell silent, were declared FAILED without a known reason, and never gave a sign again: they may have ended, or hang. */
  get missing(): ReadonlySet<Life> {
    this.#missing ??= new Set(
      this.accusations.flatMap(({ entry, accused, isExcused, isLast }) =>
        accused !== undefined && isLast && !isExcused && entry.state === "FAILED" ? [accused] : [],
      ),
    );
    return this.#missing;
  }

  /** Why promises that take time can't be judged; null: they can. */
  get doubt(): string | null {
    const [first] = this.missing;
    if (first === undefined) return null;
    const nodes = [...new Set([...this.missing].map(({ node }) => node))].sort((a, b) => a - b);
    const [who, it] =
      nodes.length === 1
        ? [`node ${nodes[0]} fell`, "its process"]
        : [`nodes ${nodes.join(", ")} fell`, "their processes"];
    return `${who} silent, and nothing says whether ${it} ended or ${nodes.length === 1 ? "hangs" : "hang"}`;
  }
}
