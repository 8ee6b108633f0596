/**
 * Has this packet number been seen? One sliding window of 65,536 numbers for the process of each peer that was admitted last (RFC 6479's
 * bitmap ring).
 *
 * Idea: `judge` looks, `mark` moves. The caller marks only what was authentic and whose sender was admitted: neither a forged packet nor a
 * made-up process may move a window (RFC 9147, 4.5.1). One number moves it by at most its own width, so no single datagram, not
 * even a member's, can put a peer's honest numbers behind it. Numbers farther away are neither believed nor forgotten: the peer is asked, and
 * the answer, fresh by the question's nonce, shows where its numbers are (`restart`). A peer may have sent any number of
 * datagrams to others while it was cut off from here.
 */
import type { NodeId } from "../wire/ids.ts";

/** As wide as a burst: 4,000 datagrams that were delayed by a pause must still pass. */
export const WINDOW_PACKETS = 65_536;
const WORD_BITS = 32;
const WORDS = WINDOW_PACKETS / WORD_BITS;
const WORDS_FIRST = 4;

interface Window {
  readonly bootId: string;
  highest: number;
  /** Most boots send few packets: no longer than what they have used of it. */
  bits: Uint32Array;
}

/** `far`: too old or too new to tell. */
export type Freshness = "fresh" | "seen" | "far";

export interface ReplayWindows {
  judge(sender: NodeId, bootId: string, packetSeq: number): Freshness;
  /** A number that is fresh was taken. Another boot of the sender takes the window of the last one. */
  mark(sender: NodeId, bootId: string, packetSeq: number): void;
  /** `packetSeq` is proven to be new: it and everything before count as seen. */
  restart(sender: NodeId, bootId: string, packetSeq: number): void;
}

export function createReplayWindows(): ReplayWindows {
  const windows = new Map<NodeId, Window>();
  const windowOf = (sender: NodeId, bootId: string): Window | undefined => {
    const window = windows.get(sender);
    return window?.bootId === bootId ? window : undefined;
  };

  return {
    judge(sender, bootId, packetSeq) {
      if (packetSeq <= 0) return "seen";
      const window = windowOf(sender, bootId);
      if (window === undefined) return "fresh";
      const distance = packetSeq - window.highest;
      if (Math.abs(distance) >= WINDOW_PACKETS) return "far";
      return distance > 0 || !isSet(window.bits, packetSeq) ? "fresh" : "seen";
    },
    mark(sender, bootId, packetSeq) {
      let window = windowOf(sender, bootId);
      if (window === undefined) {
        window = { bootId, highest: packetSeq, bits: new Uint32Array(WORDS_FIRST) };
        windows.set(sender, window);
      }
      makeRoom(window, packetSeq);
      advance(window, packetSeq);
      setBit(window.bits, packetSeq);
    },
    restart(sender, bootId, packetSeq) {
      windows.set(sender, { bootId, highest: packetSeq, bits: new Uint32Array(WORDS).fill(0xffff_ffff) });
    },
  };
}

/** As long as the ring hasn't gone round, positions are packet numbers. */
function makeRoom(window: Window, packetSeq: number): void {
  let words = window.bits.length;
  while (words < WORDS && packetSeq >= words * WORD_BITS) words *= 2;
  if (words === window.bits.length) return;
  const { bits } = window;
  window.bits = new Uint32Array(words);
  window.bits.set(bits);
}

/** Clears the bits of the numbers between the old and the new highest: their ring positions held numbers a window ago. */
function advance(window: Window, packetSeq: number): void {
  for (let seq = window.highest + 1; seq <= packetSeq; seq++) clearBit(window.bits, seq);
  window.highest = Math.max(window.highest, packetSeq);
}

function isSet(bits: Uint32Array, seq: number): boolean {
  const at = seq % WINDOW_PACKETS;
  return (((bits[Math.floor(at / WORD_BITS)] ?? 0) >>> (at % WORD_BITS)) & 1) === 1;
}

function setBit(bits: Uint32Array, seq: number): void {
  const at = seq % WINDOW_PACKETS;
  const word = Math.floor(at / WORD_BITS);
  bits[word] = (bits[word] ?? 0) | (1 << (at % WORD_BITS));
}

function clearBit(bits: Uint32Array, seq: number): void {
  const at = seq % WINDOW_PACKETS;
  const word = Math.floor(at / WORD_BITS);
  bits[word] = (bits[word] ?? 0) & ~(1 << (at % WORD_BITS));
}
