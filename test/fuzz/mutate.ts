/** New inputs from old ones: the usual small changes of a byte-level fuzzer. */
import type { RandomState } from "../../node/core/kernel/random.ts";
import { drawBelow } from "../../node/core/kernel/random.ts";

const INTERESTING = [0, 1, 2, 7, 8, 15, 16, 127, 128, 254, 255] as const;

export function mutate(random: RandomState, pool: readonly Uint8Array[], bytesMax: number): Uint8Array {
  const pick = <T>(items: readonly T[]): T => items[drawBelow(random, items.length)] as T;
  let bytes = [...pick(pool)];
  for (let n = drawBelow(random, 6); n >= 0; n--) {
    const at = drawBelow(random, bytes.length + 1);
    switch (drawBelow(random, 7)) {
      case 0:
        bytes[at] = drawBelow(random, 256);
        break;
      case 1:
        bytes[at] = pick(INTERESTING);
        break;
      case 2:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << drawBelow(random, 8));
        break;
      case 3:
        bytes.splice(at, 1 + drawBelow(random, 8));
        break;
      case 4:
        bytes.splice(at, 0, ...Array.from({ length: 1 + drawBelow(random, 32) }, () => drawBelow(random, 256)));
        break;
      case 5: {
        const other = pick(pool);
        const from = drawBelow(random, other.length + 1);
        bytes.splice(at, 0, ...other.subarray(from, from + 1 + drawBelow(random, 64)));
        break;
      }
      default: {
        const other = pick(pool);
        bytes = [...bytes.slice(0, at), ...other.subarray(drawBelow(random, other.length + 1))];
      }
    }
  }
  // A hole that was written behind the end reads as 0.
  return Uint8Array.from(bytes, (byte) => byte ?? 0).subarray(0, bytesMax);
}

/** The shortest input that still fails, found by leaving parts out. */
export function shrink(bytes: Uint8Array, fails: (bytes: Uint8Array) => boolean): Uint8Array {
  let shortest = bytes;
  for (let part = shortest.length >> 1; part >= 1; part >>= 1) {
    for (let at = 0; at + part <= shortest.length; ) {
      const without = Uint8Array.from([...shortest.subarray(0, at), ...shortest.subarray(at + part)]);
      if (fails(without)) shortest = without;
      else at += part;
    }
  }
  return shortest;
}
