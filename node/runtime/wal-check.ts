/**
 * Looks for damage in SQLite's write-ahead log. SQLite itself reads a log up to its first bad frame and forgets the rest without a
 * word: right for a commit that a power cut interrupted, wrong for one that was confirmed and whose bytes have changed since.
 *
 * Idea: with synchronous=FULL a commit is on disk before the next one begins. So an interrupted write is the last thing in a log,
 * and whatever of this log's generation follows the end of a bad commit proves damage. The last commit can't be judged.
 * Format: https://www.sqlite.org/fileformat2.html#walformat
 */
const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const MAGIC = 0x377f0682;

/** What is wrong, or null. `log` is the whole content of a -wal file. */
export function findLogDamage(log: Buffer): string | null {
  if (log.length < HEADER_BYTES) return null;
  const isBigEndian = log.readUInt32BE(0) === MAGIC + 1;
  const pageBytes = log.readUInt32BE(8);
  const headerSum = addToSum({ a: 0, b: 0 }, log.subarray(0, 24), isBigEndian);
  const isHeader = (isBigEndian || log.readUInt32BE(0) === MAGIC) && matches(headerSum, log, 24);
  if (!isHeader) return log.length === HEADER_BYTES ? null : "its header is wrong";

  const frameBytes = FRAME_HEADER_BYTES + pageBytes;
  const salts = log.subarray(16, 24);
  const frames = Math.floor((log.length - HEADER_BYTES) / frameBytes);
  let sum = headerSum;
  let bad: number | null = null;
  let hasCommitEnded = false;
  for (let frame = 0; frame < frames; frame++) {
    const bytes = log.subarray(HEADER_BYTES + frame * frameBytes, HEADER_BYTES + (frame + 1) * frameBytes);
    const isOurs = salts.equals(bytes.subarray(8, 16));
    if (bad === null) {
      sum = addToSum(addToSum(sum, bytes.subarray(0, 8), isBigEndian), bytes.subarray(FRAME_HEADER_BYTES), isBigEndian);
      if (isOurs && matches(sum, bytes, 16)) continue;
      bad = frame;
    } else if (isOurs && hasCommitEnded) {
      return `frame ${bad + 1} of ${frames} is wrong, and confirmed ones follow it`;
    }
    hasCommitEnded ||= isOurs && bytes.readUInt32BE(4) !== 0;
  }
  return null;
}

interface Sum {
  readonly a: number;
  readonly b: number;
}

/** SQLite's running checksum over pairs of 32-bit words. */
function addToSum(sum: Sum, bytes: Buffer, isBigEndian: boolean): Sum {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let { a, b } = sum;
  for (let i = 0; i < bytes.length; i += 8) {
    a = (a + view.getUint32(i, !isBigEndian) + b) >>> 0;
    b = (b + view.getUint32(i + 4, !isBigEndian) + a) >>> 0;
  }
  return { a, b };
}

/** The checksums in files are big-endian whatever their words are. */
function matches({ a, b }: Sum, bytes: Buffer, at: number): boolean {
  return bytes.readUInt32BE(at) === a && bytes.readUInt32BE(at + 4) === b;
}
