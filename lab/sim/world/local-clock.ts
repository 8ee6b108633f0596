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

  /** What the clock shows, in whole milliseconds as the core gets it. */
  read(nowMs: number): number {
    return Math.floor(this.offsetMs + (nowMs - this.bootAtMs) * this.rate);
  }

  /** True time at which the clock will show `localMs`, or a hair before. */
  instantOf(localMs: number): number {
    return this.bootAtMs + (localMs - this.offsetMs) / this.rate;
  }

  /** A span of true time as the clock measures it, whole milliseconds. */
  measure(spanMs: number): number {
    return Math.floor(spanMs * this.rate);
  }
}
