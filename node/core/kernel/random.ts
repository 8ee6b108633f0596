/**
 * The generator behind every random draw of the core: sfc32 (Chris Doty-Humphrey, PractRand), 128 bits of plain state.
 *
 * Integers only, so every JavaScript engine draws the same numbers.
 */
import { hex32 } from "../../wire/hex.ts";
import { sha256Hex64 } from "../../wire/sha256.ts";

export interface RandomState {
  a: number;
  b: number;
  c: number;
  counter: number;
}

/** Seeds from any 53-bit integer; equal seeds give equal sequences. */
export function createRandom(seed: number): RandomState {
  const random: RandomState = { a: seed >>> 0, b: Math.floor(seed / 0x1_0000_0000) >>> 0, c: 0x9e3779b9, counter: 1 };
  for (let i = 0; i < 16; i++) drawUint32(random);
  return random;
}

/** Uniform in 0 .. 2^32-1. */
export function drawUint32(random: RandomState): number {
  const sum = (random.a + random.b + random.counter) >>> 0;
  random.counter = (random.counter + 1) >>> 0;
  random.a = (random.b ^ (random.b >>> 9)) >>> 0;
  random.b = (random.c + (random.c << 3)) >>> 0;
  random.c = (((random.c << 21) | (random.c >>> 11)) + sum) >>> 0;
  return sum;
}

/** Uniform integer in 0 .. bound-1 (bound 1 to 2^32; the bias of the modulo is below 2^-20 for our bounds). */
export function drawBelow(random: RandomState, bound: number): number {
  return drawUint32(random) % bound;
}

/** 16 hex digits. */
export function drawHex64(random: RandomState): string {
  return hex32(drawUint32(random)) + hex32(drawUint32(random));
}

/** A number that nobody can tell before it was sent, not even from others: 16 hex digits. */
export function drawNonce(random: RandomState): string {
  return sha256Hex64(drawHex64(random) + drawHex64(random));
}

/** A shuffled copy (Fisher-Yates). */
export function shuffled<T>(random: RandomState, items: readonly T[]): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = drawBelow(random, i + 1);
    const [x, y] = [result[i] as T, result[j] as T];
    result[i] = y;
    result[j] = x;
  }
  return result;
}
