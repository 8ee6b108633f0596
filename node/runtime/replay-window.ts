/**
 * Has this packet number been seen? One sliding window of 65,536 numbers for each boot of each sender (RFC 6479's bitmap ring).
 *
 * Idea: `isFresh` looks, `mark` moves. The caller marks only after the tag verified, or a forged packet with a huge number would
 * push honest ones out (RFC 9147, 4.5.1). As wide as a burst: 4,000 datagrams that were delayed by a pause must still pass.
 */
export const WINDOW_PACKETS = 65_536;
const WINDOWS_MAX = 512;
const WORD_BITS = 32;
const WORDS = WINDOW_PACKETS / WORD_BITS;

interface Window {
  highest: number;
  readonly bits: Uint32Array;
}

export interface ReplayWindows {
  /** False: seen already, or too old to tell. */
  isFresh(sender: number, bootId: string, packetSeq: number): boolean;
  mark(sender: number, bootId: string, packetSeq: number): void;
  readonly count: number;
}

export function createReplayWindows(windowsMax = WINDOWS_MAX): ReplayWindows {
  /** Least recently used first: the boot that has been silent for longest makes room. */
  const windows = new Map<string, Window>();

  return {
    get count() {
      return windows.size;
    },
    isFresh(sender, bootId, packetSeq) {
      const window = windows.get(nameOf(sender, bootId));
      if (window === undefined) return packetSeq > 0;
      if (packetSeq > window.highest) return true;
      if (packetSeq <= window.highest - WINDOW_PACKETS || packetSeq <= 0) return false;
      return !isSet(window.bits, packetSeq);
    },
    mark(sender, bootId, packetSeq) {
      const name = nameOf(sender, bootId);
      const window = windows.get(name) ?? { highest: 0, bits: new Uint32Array(WORDS) };
      windows.delete(name);
      windows.set(name, window);
      if (windows.size > windowsMax) {
        const oldest = windows.keys().next().value;
        if (oldest !== undefined) windows.delete(oldest);
      }
      advance(window, packetSeq);
      setBit(window.bits, packetSeq);
    },
  };
}

/** Clears the bits of the numbers between the old and the new highest: their ring positions held numbers a window ago. */
function advance(window: Window, packetSeq: number): void {
  if (packetSeq <= window.highest) return;
  if (packetSeq - window.highest >= WINDOW_PACKETS) window.bits.fill(0);
  else for (let seq = window.highest + 1; seq <= packetSeq; seq++) clearBit(window.bits, seq);
  window.highest = packetSeq;
}

function nameOf(sender: number, bootId: string): string {
  return `${sender}/${bootId}`;
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
