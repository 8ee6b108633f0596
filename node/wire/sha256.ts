/**
 * SHA-256 in plain integer arithmetic, for the hash chain of the ledger: the core may import nothing, and the simulator and a
 * browser have no synchronous hash of their own. Every JavaScript engine computes the same bits.
 *
 * Source: FIPS 180-4, sections 4.1.2, 5.1.1, 5.3.3 and 6.2. Tested against node:crypto.
 */
import { hex32 } from "./hex.ts";

// FIPS 180-4, 4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes.
// Words are signed 32-bit integers throughout: with unsigned ones every second sum would be a double, and hashing take twice as long.
const ROUND_CONSTANTS = Int32Array.from(
  (
    "428a2f98 71374491 b5c0fbcf e9b5dba5 3956c25b 59f111f1 923f82a4 ab1c5ed5 d807aa98 12835b01 243185be 550c7dc3 72be5d74 " +
    "80deb1fe 9bdc06a7 c19bf174 e49b69c1 efbe4786 0fc19dc6 240ca1cc 2de92c6f 4a7484aa 5cb0a9dc 76f988da 983e5152 a831c66d " +
    "b00327c8 bf597fc7 c6e00bf3 d5a79147 06ca6351 14292967 27b70a85 2e1b2138 4d2c6dfc 53380d13 650a7354 766a0abb 81c2c92e " +
    "92722c85 a2bfe8a1 a81a664b c24b8b70 c76c51a3 d192e819 d6990624 f40e3585 106aa070 19a4c116 1e376c08 2748774c 34b0bcb5 " +
    "391c0cb3 4ed8aa4a 5b9cca4f 682e6ff3 748f82ee 78a5636f 84c87814 8cc70208 90befffa a4506ceb bef9a3f7 c67178f2"
  )
    .split(" ")
    .map((word) => Number.parseInt(word, 16)),
);

const INITIAL_STATE = Int32Array.of(
  0x6a09e667,
  0xbb67ae85,
  0x3c6ef372,
  0xa54ff53a,
  0x510e527f,
  0x9b05688c,
  0x1f83d9ab,
  0x5be0cd19,
);

const BLOCK_BYTES = 64;

/** The 32-byte digest as 64 hex digits. A string is hashed as UTF-8. */
export function sha256Hex(input: string | Uint8Array): string {
  let text = "";
  for (const word of digestWords(input)) text += hex32(word);
  return text;
}

/** The first 8 bytes of the digest as 16 hex digits: the length of every fingerprint in the protocol. */
export function sha256Hex64(input: string | Uint8Array): string {
  const words = digestWords(input);
  return hex32(words[0] as number) + hex32(words[1] as number);
}

// Working memory, reused: a hash is one synchronous call, and records are hashed by the thousand.
const encoder = new TextEncoder();
const state = new Int32Array(8);
const schedule = new Int32Array(64);
let padded = new Uint8Array(16 * BLOCK_BYTES);
let view = new DataView(padded.buffer);

function digestWords(input: string | Uint8Array): Int32Array {
  const bytes = pad(input);
  state.set(INITIAL_STATE);
  for (let at = 0; at < bytes; at += BLOCK_BYTES) compress(at);
  return state;
}

/** 5.1.1: a one bit, zeros, and the length in bits as a 64-bit number, to a multiple of 64 bytes; returns their number. */
function pad(input: string | Uint8Array): number {
  // A UTF-16 unit takes at most three bytes in UTF-8.
  reserve(typeof input === "string" ? 3 * input.length : input.length);
  let length = input.length;
  if (typeof input === "string") length = encoder.encodeInto(input, padded).written;
  else padded.set(input);
  const total = Math.ceil((length + 9) / BLOCK_BYTES) * BLOCK_BYTES;
  padded.fill(0, length, total);
  padded[length] = 0x80;
  view.setUint32(total - 8, Math.floor(length / 0x2000_0000));
  view.setUint32(total - 4, (length * 8) >>> 0);
  return total;
}

function reserve(bytes: number): void {
  const needed = bytes + 2 * BLOCK_BYTES;
  if (padded.length >= needed) return;
  padded = new Uint8Array(needed);
  view = new DataView(padded.buffer);
}

function rotate(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by));
}

/** 6.2.2, one block. Additions are modulo 2^32: `| 0` keeps them exact in doubles. */
function compress(at: number): void {
  const w = schedule;
  for (let t = 0; t < 16; t++) w[t] = view.getInt32(at + 4 * t);
  for (let t = 16; t < 64; t++) {
    const w15 = w[t - 15] as number;
    const w2 = w[t - 2] as number;
    const s0 = rotate(w15, 7) ^ rotate(w15, 18) ^ (w15 >>> 3);
    const s1 = rotate(w2, 17) ^ rotate(w2, 19) ^ (w2 >>> 10);
    w[t] = ((w[t - 16] as number) + s0 + (w[t - 7] as number) + s1) | 0;
  }
  let a = state[0] as number;
  let b = state[1] as number;
  let c = state[2] as number;
  let d = state[3] as number;
  let e = state[4] as number;
  let f = state[5] as number;
  let g = state[6] as number;
  let h = state[7] as number;
  for (let t = 0; t < 64; t++) {
    const sum1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const choice = (e & f) ^ (~e & g);
    const temp1 = (h + sum1 + choice + (ROUND_CONSTANTS[t] as number) + (w[t] as number)) | 0;
    const sum0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    const temp2 = (sum0 + majority) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + temp1) | 0;
    d = c;
    c = b;
    b = a;
    a = (temp1 + temp2) | 0;
  }
  state[0] = (state[0] as number) + a;
  state[1] = (state[1] as number) + b;
  state[2] = (state[2] as number) + c;
  state[3] = (state[3] as number) + d;
  state[4] = (state[4] as number) + e;
  state[5] = (state[5] as number) + f;
  state[6] = (state[6] as number) + g;
  state[7] = (state[7] as number) + h;
}
