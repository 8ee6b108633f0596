/**
 * Bytes as a stream of decisions: what a fuzzer mutates, and what fast-check draws and shrinks, becomes structured input here. When the
 * bytes are used up every decision is the first choice, so shorter input means simpler input.
 */
export class ByteSource {
  private at = 0;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get isEmpty(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number {
    return this.bytes[this.at++] ?? 0;
  }

  below(count: number): number {
    return this.byte() % count;
  }

  bool(): boolean {
    return (this.byte() & 1) === 1;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }

  list<T>(max: number, make: () => T): T[] {
    return Array.from({ length: this.below(max + 1) }, make);
  }

  hex64(): string {
    const last = this.byte().toString(16).padStart(2, "0");
    return this.bool() ? "0".repeat(14) + last : last.repeat(8);
  }
}
