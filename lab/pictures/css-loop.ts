/**
 * CSS animations of a picture that loops: what is seen when, written as keyframes of one duration that all elements share.
 *
 * Idea: every element also has the look of one chosen instant, the still, as plain attributes. Who wants no motion, or whose viewer knows
 * no animations, sees that. The animations stand inside a media query.
 */
import type { Since } from "./film-story.ts";

export interface Loop {
  readonly totalMs: number;
  /** Film time of the still. */
  readonly stillMs: number;
}

export class Keyframes {
  readonly #loop: Loop;
  readonly #names = new Map<string, string>();
  readonly #rules: string[] = [];

  constructor(loop: Loop) {
    this.#loop = loop;
  }

  /** Attributes of an element whose `property` jumps from value to value. Instants are the film's, rising. */
  jump(property: string, steps: readonly Since<string | number>[]): string {
    // Of what happens within one hundred-thousandth of the loop, the last is what is seen.
    const distinct = steps.filter(
      ({ atMs }, i) => this.percent(steps[i + 1]?.atMs ?? Number.NaN) !== this.percent(atMs),
    );
    const merged = distinct.filter(({ value }, i) => i === 0 || value !== distinct[i - 1]?.value);
    const still = merged.findLast(({ atMs }) => atMs <= this.#loop.stillMs) ?? merged[0];
    const base = `style="${property}:${still?.value ?? ""}"`;
    if (merged.length < 2) return base;
    const frames = merged.map(({ atMs, value }, i) => `${i === 0 ? "0%" : this.percent(atMs)}{${property}:${value}}`);
    return `class="j ${this.#nameOf(frames.join(""))}" ${base}`;
  }

  /** Seen between the instants of each span. */
  show(spans: readonly (readonly [fromMs: number, untilMs: number])[]): string {
    const steps: Since<number>[] = [{ atMs: 0, value: 0 }];
    for (const [from, until] of spans) {
      if (until <= from) continue;
      steps.push({ atMs: from, value: 1 });
      if (until < this.#loop.totalMs) steps.push({ atMs: until, value: 0 });
    }
    return this.jump(
      "opacity",
      steps.filter(({ atMs }, i) => steps[i + 1]?.atMs !== atMs),
    );
  }

  /** Moves evenly from knot to knot; `at` are translations in user units. */
  glide(knots: readonly Since<number>[]): string {
    const frames = knots.map(({ atMs, value }) => `${this.percent(atMs)}{transform:translateX(${round(value)}px)}`);
    const { stillMs } = this.#loop;
    const after = knots.findIndex(({ atMs }) => atMs > stillMs);
    const [a, b] = [knots[after - 1], knots[after]];
    const still =
      a === undefined || b === undefined ? 0 : a.value + ((b.value - a.value) * (stillMs - a.atMs)) / (b.atMs - a.atMs);
    return `class="l ${this.#nameOf(frames.join(""))}" style="transform:translateX(${round(still)}px)"`;
  }

  /** Flies from one point to the other, and is only seen meanwhile. */
  fly(fromMs: number, untilMs: number, from: Point, to: Point): string {
    const [start, end] = [this.percent(fromMs), this.percent(untilMs)];
    const [shown, gone] = [this.percent(fromMs + 1), this.percent(untilMs + 1)];
    const rule = `0%,${start}{opacity:0;transform:${move(from)}}${shown}{opacity:1}${end}{opacity:1;transform:${move(to)}}${gone},to{opacity:0;transform:${move(to)}}`;
    const share = (this.#loop.stillMs - fromMs) / (untilMs - fromMs);
    if (share <= 0 || share >= 1) return `class="l ${this.#nameOf(rule)}" opacity="0"`;
    const still = { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
    return `class="l ${this.#nameOf(rule)}" opacity="1" style="transform:${move(still)}"`;
  }

  percent(atMs: number): string {
    return `${round((100 * Math.min(Math.max(atMs, 0), this.#loop.totalMs)) / this.#loop.totalMs, 3)}%`;
  }

  /** All of them, for the style sheet. */
  toString(): string {
    const seconds = round(this.#loop.totalMs / 1_000);
    const shared = `.j,.l{animation-duration:${seconds}s;animation-iteration-count:infinite;animation-timing-function:linear}.j{animation-timing-function:step-end}`;
    return `@media (prefers-reduced-motion:no-preference){${shared}${this.#rules.join("\n")}}`;
  }

  #nameOf(frames: string): string {
    const known = this.#names.get(frames);
    if (known !== undefined) return known;
    const name = `k${this.#names.size.toString(36)}`;
    this.#names.set(frames, name);
    this.#rules.push(`@keyframes ${name}{${frames}}.${name}{animation-name:${name}}`);
    return name;
  }
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

function move({ x, y }: Point): string {
  return `translate(${round(x, 1)}px,${round(y, 1)}px)`;
}

/** The same digits on every machine. */
export function round(value: number, digits = 2): string {
  return String(Number(value.toFixed(digits)));
}
