/**
 * Draws that a model needs beyond the core's integers: fractions, chances, ranges. One generator for each concern (network, disks,
 * processes, load), all derived from the run's seed: a change in one model doesn't reshuffle the others.
 */
import { createRandom, drawHex64, drawUint32, type RandomState } from "../../../node/core/kernel/random.ts";

export class Draw {
  private readonly random: RandomState;

  constructor(seed: number, concern: string) {
    let mixed = 0x811c9dc5;
    for (const letter of concern) mixed = Math.imul(mixed ^ letter.charCodeAt(0), 0x01000193) >>> 0;
    this.random = createRandom((seed % 2 ** 20) * 2 ** 32 + ((mixed ^ seed) >>> 0));
  }

  /** Uniform in [0, 1). */
  fraction(): number {
    return drawUint32(this.random) / 2 ** 32;
  }

  chance(probability: number): boolean {
    return probability > 0 && this.fraction() < probability;
  }

  /** Uniform in [from, to). */
  between(from: number, to: number): number {
    return from + (to - from) * this.fraction();
  }

  /** Uniform integer in from .. to, both included. */
  integer(from: number, to: number): number {
    return from + Math.floor(this.fraction() * (to - from + 1));
  }

  /** One of the items; the list must not be empty. */
  pick<T>(items: readonly T[]): T {
    return items[this.integer(0, items.length - 1)] as T;
  }

  hex64(): string {
    return drawHex64(this.random);
  }

  /** A seed for another generator. */
  seed(): number {
    return drawUint32(this.random);
  }
}
