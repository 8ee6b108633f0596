/** Words of 32 bits and their eight hex digits. By table: every message has a few, and `toString(16)` takes several times as long. */

const BYTES = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
/** Value of each hex digit by its character code. */
const DIGITS = Uint8Array.from({ length: 128 }, (_, code) => Number.parseInt(String.fromCharCode(code), 16) || 0);

/** The word's 8 lower-case digits. */
export function hex32(word: number): string {
  return (
    (BYTES[word >>> 24] as string) +
    (BYTES[(word >>> 16) & 0xff] as string) +
    (BYTES[(word >>> 8) & 0xff] as string) +
    (BYTES[word & 0xff] as string)
  );
}

/** The word that eight hex digits, from position `at` on, name. Signed, like all that JavaScript shifts. */
export function readHex32(text: string, at: number): number {
  return (
    (hexByte(text, at) << 24) | (hexByte(text, at + 2) << 16) | (hexByte(text, at + 4) << 8) | hexByte(text, at + 6)
  );
}

/** The byte that two hex digits, from position `at` on, name. */
export function hexByte(text: string, at: number): number {
  return ((DIGITS[text.charCodeAt(at)] as number) << 4) | (DIGITS[text.charCodeAt(at + 1)] as number);
}
