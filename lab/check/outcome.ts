/**
 * The outcome at the replicas: their vectors at the end of the run and a bound before it. What was anywhere by then has had time to be everywhere.
 * A fold that the checkers of the end have each one of.
 */
import type { Entry } from "../journal/entry.ts";
import { readVector } from "../journal/story/deliveries.ts";
import type { Life } from "../journal/story/lives.ts";
import type { Line } from "./checker.ts";
import type { Ending } from "./ending.ts";
import { findCalms } from "./presence.ts";

export interface Final {
  readonly life: Life;
  readonly clock: ReadonlyMap<number, number>;
  /** What its vector rose by, in order. */
  readonly advances: readonly Advance[];
  readonly last: Entry;
}

export interface Advance {
  readonly entry: Entry;
  readonly origin: number;
  readonly seq: number;
}

export interface Outcome {
  /** Of the nodes that were there, connected and able to take debits until the end. */
  readonly finals: readonly Final[];
  /** Number of the last debit of each account that must be everywhere, and a node that had it in time. */
  readonly due: ReadonlyMap<number, { readonly seq: number; readonly at: number }>;
  readonly boundMs: number;
}

interface Course {
  readonly advances: Advance[];
  readonly clock: Map<number, number>;
  last: Entry;
  /** The node serves no more: its store failed. */
  isHalted: boolean;
}

export class OutcomeFold {
  readonly #courses = new Map<Life, Course>();

  take({ entry, life, delivery, replica }: Line): void {
    if (life === null) return;
    const known = this.#courses.get(life);
    if (known === undefined && replica === null) return;
    const course = known ?? { advances: [], clock: new Map(), last: entry, isHalted: false };
    if (known === undefined) this.#courses.set(life, course);
    course.last = entry;
    if (entry.phase === "HALTED") course.isHalted = true;
    if (replica === null) return;
    if (typeof entry.books === "string") {
      course.clock.clear();
      for (const [origin, seq] of readVector(entry.vc)) this.#advance(course, { entry, origin, seq });
    } else if (typeof entry.account === "number") {
      if (!course.clock.has(entry.account)) course.clock.set(entry.account, 0);
    } else if (delivery !== null) this.#advance(course, delivery);
  }

  /** Text: why nothing can be said of the end. Where the run ended too early for the bound, the replicas may be equal already. */
  finish(ending: Ending): Outcome | string {
    const { story, bounds } = ending;
    if (ending.doubt !== null) return ending.doubt;
    const { calms, tail, tooEarly } = findCalms(ending, bounds.ledgerMs);
    const calm = tail ?? calms.at(-1);
    if (calm === undefined) return tooEarly;
    const cutoffMs = tail === null ? story.endMs - bounds.ledgerMs : story.endMs;
    const outcome = this.#collect(calm.present, cutoffMs, bounds.ledgerMs);
    return tail === null || isComplete(outcome) ? outcome : tooEarly;
  }

  #advance(course: Course, { entry, origin, seq }: Advance): void {
    course.clock.set(origin, Math.max(seq, course.clock.get(origin) ?? 0));
    course.advances.push({ entry, origin, seq });
  }

  #collect(present: readonly Life[], cutoffMs: number, boundMs: number): Outcome {
    const finals: Final[] = [];
    const due = new Map<number, { seq: number; at: number }>();
    for (const life of present) {
      const course = this.#courses.get(life);
      if (course === undefined || course.isHalted) continue;
      for (const { entry, origin, seq } of course.advances)
        if (entry.time <= cutoffMs && seq > (due.get(origin)?.seq ?? -1)) due.set(origin, { seq, at: life.node });
      if (life.isWhole) finals.push({ life, ...course });
    }
    return { finals, due, boundMs };
  }
}

function isComplete({ finals, due }: Outcome): boolean {
  return finals.every(({ clock }) => [...due].every(([origin, { seq }]) => (clock.get(origin) ?? -1) >= seq));
}
