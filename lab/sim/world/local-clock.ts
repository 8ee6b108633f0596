/**
 * The monotonic clock of one process: it began at some instant that nobody else knows, and runs a little too fast or too slow.
 */
export class LocalClock {
  private readonly bootAtMs: number;
  private readonly offsetMs: number;
  /** Local milliseconds in a true one. */
  private readonly rate: number;

  /**
   * @param bootAtMs true time of the start
   * @param offsetMs what the clock shows then
   * @param driftPpm millionths that it runs too fast; negative: too slow
   */
  constructor(bootAtMs: number, offsetMs: number, driftPpm: number) {
    this.bootAtMs = bootAtMs;
    this.offsetMs = offsetMs;
    this.rate = (1_000_000 + driftPpm) / 1_000_000;
  }

  /** What the clock shows, with fractions. */
  read(nowMs: number): number {
    return this.offsetMs + (nowMs - this.bootAtMs) * this.rate;
  }

  /** How long it truly takes until this clock has gone on by `localMs`. */
  spanOf(localMs: number): number {
    return localMs / this.rate;
  }
}
