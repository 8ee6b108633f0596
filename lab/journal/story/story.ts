/**
 * The story of a run, read from its journal a line at a time: which processes lived and how they ended, who led, what the lab broke and for how
 * long, what became of each message, what waited for its causes. Checkers, exports, pictures, the live page and the stored page read this
 * one fold, so that they can't disagree. It works on a journal that still grows and on a finished one, in a browser too.
 *
 *   const story = new Story(journal.facts);
 *   for (const entry of journal.entries) story.add(entry);
 *
 * Lines come in causal order (order.ts). All times are the lines' wall clocks; a span's `toMs` is Infinity until a line ends it, so what
 * is open at the end is still so. What is in the lists is extended in place and never taken out, except by `trips.forget`.
 *
 * Where to find what readers ask:
 * - Does node 3 run at that instant, and why not? `lifeAt(3, atMs)`: null, or a life whose `end` says who ended it; `stops.ofNode` has pauses.
 * - Which signals end a process? `effectOfSignal`, nowhere else.
 * - Whose links were cut? `faults.all`, by line; `faults.unplugged`, by node.
 * - What disturbed the run, and what excuses a node? `readTroubles` (troubles.ts).
 */
import type { Entry } from "../entry.ts";
import type { Journal, RunFacts } from "../journal.ts";
import { type LabAction, readLabAction } from "../lab-entry.ts";
import { Holds } from "./holds.ts";
import { Faults } from "./link-faults.ts";
import { type Life, Lives } from "./lives.ts";
import { Reigns } from "./reigns.ts";
import { Stops } from "./stops.ts";
import { Trips } from "./trips.ts";

/** Facts that the story needs beside the lines. */
export type StoryFacts = Pick<RunFacts, "runtime" | "isDetailed">;

export class Story {
  readonly lives: Lives;
  readonly reigns = new Reigns();
  readonly faults = new Faults();
  readonly stops: Stops;
  readonly holds = new Holds();
  readonly trips = new Trips();
  /** When the lab or a node changed something that others have to notice first, in the order of the lines. */
  readonly changes: number[] = [];
  #beginMs = Number.POSITIVE_INFINITY;
  #endMs = Number.NEGATIVE_INFINITY;

  constructor(facts: StoryFacts) {
    this.lives = new Lives(facts);
    this.stops = new Stops(facts.runtime);
  }

  /** Wall clock of the first line and of the last; infinite where there is none. */
  get beginMs(): number {
    return this.#beginMs;
  }

  get endMs(): number {
    return this.#endMs;
  }

  /** @returns the life that wrote the line; null: the lab did */
  add(entry: Entry): Life | null {
    this.#beginMs = Math.min(this.#beginMs, entry.time);
    this.#endMs = Math.max(this.#endMs, entry.time);
    if (entry.node !== 0) return this.#addLine(entry);
    const action = readLabAction(entry);
    if (action !== null) this.#addAction(action, entry);
    return null;
  }

  /** The life that the node had at that instant; null: no process of it ran. */
  lifeAt(node: number, atMs: number): Life | null {
    return this.lives.ofNode.get(node)?.findLast((life) => life.fromMs <= atMs && atMs < life.toMs) ?? null;
  }

  #addLine(entry: Entry): Life {
    const life = this.lives.addLine(entry);
    this.stops.addLine(entry, life);
    this.reigns.addLine(entry, life);
    this.holds.addLine(entry, life);
    this.trips.addLine(entry);
    if (life.end !== null) this.reigns.endLife(life);
    if (typeof entry.phase === "string") this.changes.push(entry.time);
    return life;
  }

  #addAction(action: LabAction, entry: Entry): void {
    this.lives.addAction(action, entry);
    this.stops.addAction(action, entry);
    this.faults.addAction(action, entry);
    if (action.action === "died") this.changes.push(action.atMs ?? entry.time);
    if ("nodes" in action)
      for (const id of action.nodes) {
        const life = this.lives.current(id);
        if (life !== undefined) this.reigns.endLife(life);
      }
    if (disturbs(action)) this.changes.push(entry.time);
  }
}

/** The story of a journal that is there as a whole. */
export function tellStory(journal: Journal): Story {
  const story = new Story(journal.facts);
  for (const entry of journal.entries) story.add(entry);
  return story;
}

/** What the lab only notes, and what its spans tell by themselves, isn't a change. */
function disturbs({ action }: LabAction): boolean {
  return !["order", "step", "check", "keys", "impair", "unplug", "pause", "died"].includes(action);
}
