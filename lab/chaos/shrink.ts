/**
 * Shrinking: from a run that fails to a small one that fails in the same way. Knows nothing of what it shrinks.
 *
 * Idea: first delta debugging over the parts (Zeller and Hildebrandt 2002, ddmin: try halves, then quarters, …, then single parts),
 * then simpler values for what is left, one change at a time, again from the start as long as anything helps (QuickCheck's shrinking).
 * The order of attempts is fixed, so the same failure shrinks to the same result unless the time is over before.
 */
export interface Shrinkable<T> {
  readonly start: T;
  /** How many parts can be taken out. */
  count(value: T): number;
  /** The value without the parts at these places; null: it can't do without them. */
  without(value: T, parts: ReadonlySet<number>): T | null;
  /** Simpler values, the greatest simplification first. Each must be smaller by some measure: else this never ends. */
  simpler(value: T): Iterable<T>;
  /** Whether it still fails in the way that is looked for. Asked once for each value. */
  fails(value: T): Promise<boolean>;
  /** The time is over, or somebody interrupted. */
  isOver(): boolean;
  /** Called for each value that fails and is smaller than all before. */
  onSmaller?(value: T, attempts: number): void;
}

export interface Shrunk<T> {
  readonly value: T;
  /** Runs that were made. */
  readonly attempts: number;
  /** Nothing smaller fails, as far as one change at a time goes; false: the time was over before. */
  readonly isMinimal: boolean;
}

export async function shrink<T>(problem: Shrinkable<T>): Promise<Shrunk<T>> {
  const search = new Search(problem);
  await search.removeParts();
  while ((await search.simplify()) && !problem.isOver()) await search.removeParts();
  return { value: search.best, attempts: search.attempts, isMinimal: !problem.isOver() };
}

class Search<T> {
  best: T;
  attempts = 0;
  readonly #problem: Shrinkable<T>;
  /** Values that didn't fail, by their text. */
  readonly #sound = new Set<string>();

  constructor(problem: Shrinkable<T>) {
    this.#problem = problem;
    this.best = problem.start;
  }

  async removeParts(): Promise<void> {
    const { count, without } = this.#problem;
    for (let chunk = count(this.best); chunk >= 1; chunk = chunk === 1 ? 0 : Math.ceil(chunk / 2)) {
      for (let from = 0; from < count(this.best); ) {
        if (this.#problem.isOver()) return;
        const parts = new Set(
          Array.from({ length: chunk }, (_, i) => from + i).filter((part) => part < count(this.best)),
        );
        // Later parts move up into the place of the removed ones.
        if (!(await this.#accept(without(this.best, parts)))) from += chunk;
      }
    }
  }

  /** True when anything became simpler. */
  async simplify(): Promise<boolean> {
    let hasChanged = false;
    for (let progress = true; progress; ) {
      progress = false;
      for (const candidate of this.#problem.simpler(this.best)) {
        if (this.#problem.isOver()) return hasChanged;
        if (!(await this.#accept(candidate))) continue;
        progress = true;
        hasChanged = true;
        break;
      }
    }
    return hasChanged;
  }

  async #accept(candidate: T | null): Promise<boolean> {
    if (candidate === null) return false;
    const text = JSON.stringify(candidate);
    if (this.#sound.has(text)) return false;
    this.attempts += 1;
    if (!(await this.#problem.fails(candidate))) {
      this.#sound.add(text);
      return false;
    }
    this.best = candidate;
    this.#problem.onSmaller?.(candidate, this.attempts);
    return true;
  }
}
