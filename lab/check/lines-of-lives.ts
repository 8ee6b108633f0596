/** Lines of one kind, by the life that wrote them: what a process had last said by a given time. */
import type { Entry } from "../journal/entry.ts";
import type { Life } from "../journal/story/lives.ts";

export class LinesOfLives {
  readonly #lines = new Map<Life, Entry[]>();

  add(life: Life, entry: Entry): void {
    const lines = this.#lines.get(life);
    if (lines === undefined) this.#lines.set(life, [entry]);
    else lines.push(entry);
  }

  of(life: Life): readonly Entry[] {
    return this.#lines.get(life) ?? [];
  }

  /** The last one up to `atMs`; null: there was none. */
  last(life: Life, atMs: number): Entry | null {
    return this.of(life).findLast(({ time }) => time <= atMs) ?? null;
  }
}
