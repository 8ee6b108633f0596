/**
 * One process in virtual time, from its start to its end: its clock, the event loop with its timers, and what a kernel does to it. It can be
 * frozen (everything that happens to it meanwhile comes when it goes on) and it can die (nothing that was under way comes).
 */
import type { Cancel, Clock, Schedule } from "../../../node/runtime/ports.ts";
import type { Draw } from "./draw.ts";
import { type EventQueue, TIME_STEP_MS } from "./event-queue.ts";
import { LocalClock } from "./local-clock.ts";

export interface ProcessOptions {
  readonly queue: EventQueue;
  readonly draw: Draw;
  /** The clock runs up to this many millionths too fast or too slow. */
  readonly clockDriftPpm: number;
  /** Timers fire up to this much late, as those of a real event loop do. */
  readonly tickLagMs: number;
  /** A turn of the event loop takes up to this long. */
  readonly turnMs: number;
  /** After a freeze, timers are served before the datagrams that have queued up. A real event loop may do either. */
  readonly timersFirst: boolean;
  /** A bug of the runtime: the chance, for each timer that is set, that no timer fires any more. */
  readonly timerDeath: number;
  /** Milliseconds since 1970, or since the simulation began. */
  readonly wallMs: () => number;
}

/** A socket buffer of 4 MB holds about this many datagrams for a frozen process. */
const BUFFERED_MAX = 8_192;

export class SimProcess implements Clock, Schedule {
  status: "running" | "frozen" | "ended" = "running";
  private readonly options: ProcessOptions;
  private readonly clock: LocalClock;
  private arrived: (() => void)[] = [];
  private overdue: (() => void)[] = [];
  private isTimeless = false;

  constructor(options: ProcessOptions) {
    const { queue, draw, clockDriftPpm } = options;
    this.options = options;
    const driftPpm = draw.integer(-clockDriftPpm, clockDriftPpm);
    // Monotonic clocks of different machines have nothing in common.
    this.clock = new LocalClock(queue.nowMs, draw.integer(0, 1_000_000), driftPpm);
  }

  readonly nowMs = (): number => this.clock.read(this.options.queue.nowMs);

  readonly wallMs = (): number => this.options.wallMs();

  readonly after = (delayMs: number, run: () => void): Cancel => {
    if (this.options.timerDeath > 0) this.isTimeless ||= this.options.draw.chance(this.options.timerDeath);
    return this.isTimeless ? () => {} : this.setTimer(delayMs, run);
  };

  readonly every = (intervalMs: number, run: () => void): Cancel => {
    let cancel: Cancel;
    const fire = (): void => {
      cancel = this.setTimer(intervalMs, fire);
      run();
    };
    cancel = this.setTimer(intervalMs, fire);
    return () => cancel();
  };

  readonly atTurnEnd = (run: () => void): void => {
    const { queue, draw, turnMs } = this.options;
    queue.after(turnMs === 0 ? 0 : draw.between(0, turnMs), () => this.serve(this.overdue, run));
  };

  /** Something that the process must handle: now, or when it goes on. */
  handle(run: () => void): void {
    this.serve(this.arrived, run);
  }

  /** The same with a datagram, which is lost when the socket's buffer is full. */
  receive(run: () => void): void {
    if (this.status !== "frozen" || this.arrived.length < BUFFERED_MAX) this.serve(this.arrived, run);
  }

  freeze(): void {
    if (this.status === "running") this.status = "frozen";
  }

  /** Everything that queued up is handled in one burst. */
  resume(): void {
    if (this.status !== "frozen") return;
    this.status = "running";
    const { arrived, overdue } = this;
    this.arrived = [];
    this.overdue = [];
    const burst = this.options.timersFirst ? [...overdue, ...arrived] : [...arrived, ...overdue];
    for (const run of burst) this.handle(run);
  }

  end(): void {
    this.status = "ended";
    this.arrived = [];
    this.overdue = [];
  }

  private serve(later: (() => void)[], run: () => void): void {
    if (this.status === "running") run();
    else if (this.status === "frozen") later.push(run);
  }

  private setTimer(delayMs: number, run: () => void): Cancel {
    const { queue, draw, tickLagMs } = this.options;
    let isCancelled = false;
    const lagMs = TIME_STEP_MS + draw.between(0, tickLagMs);
    const fire = (): void => {
      if (isCancelled || this.status === "ended") return;
      if (this.status === "frozen") this.overdue.push(fire);
      else run();
    };
    const event = queue.after(this.clock.spanOf(delayMs) + lagMs, fire);
    return () => {
      isCancelled = true;
      queue.cancel(event);
    };
  }
}
