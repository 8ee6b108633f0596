/**
 * One process in virtual time, from its start to its end: its clock, the event loop with its timers, and what a kernel does to it. It can be
 * frozen (everything that happens to it meanwhile comes when it goes on) and it can die (nothing that was under way comes).
 */
import type { Cancel, Clock, Held, Schedule } from "../../../node/runtime/ports.ts";
import type { Draw } from "./draw.ts";
import { type EventQueue, TIME_STEP_MS } from "./event-queue.ts";
import { LocalClock } from "./local-clock.ts";

/** What keeps a process behind: a machine with too little time for it, and sockets that are read in turns. */
export interface Load {
  /** Handling one thing takes up to this long. */
  readonly stepMs: number;
  /** The event loop looks at its sockets after up to this long, and reads one of them before the other. */
  readonly pollMs: number;
  /** Datagrams that each socket keeps meanwhile; more are lost. */
  readonly bufferedMax: number;
}

export interface ProcessOptions {
  /** Its place in the network. */
  readonly slot: number;
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
  /** Null: everything is handled at once. */
  readonly load: () => Load | null;
  /** Milliseconds since 1970, or since the simulation began. */
  readonly wallMs: () => number;
}

/** A socket buffer of 4 MB holds about this many datagrams for a frozen process. */
const BUFFERED_MAX = 8_192;
/** libuv reads this many datagrams of a socket before it looks at the next one. */
const READ_AT_ONCE = 32;

/** Multicasts come to one socket, what is for this process alone to the other. */
export type Socket = "group" | "own";

export class SimProcess implements Clock, Schedule {
  status: "running" | "frozen" | "ended" = "running";
  private readonly options: ProcessOptions;
  private readonly clock: LocalClock;
  private arrived: (() => void)[] = [];
  private overdue: (() => void)[] = [];
  private readonly sockets: Record<Socket, (() => void)[]> = { group: [], own: [] };
  private reads: { from: Socket; left: number } = { from: "own", left: 0 };
  /** Something waits until the process is done with what it does, or until it looks at its sockets again. */
  private isBusy = false;
  private isTimeless = false;

  constructor(options: ProcessOptions) {
    const { queue, draw, clockDriftPpm } = options;
    this.options = options;
    const driftPpm = draw.integer(-clockDriftPpm, clockDriftPpm);
    // Monotonic clocks of different machines have nothing in common.
    this.clock = new LocalClock(queue.nowMs, draw.integer(0, 1_000_000), driftPpm);
  }

  readonly nowMs = (): number => this.clock.read(this.options.queue.nowMs);

  /** True time at which this process's clock will show `localMs`, about. */
  instantOf(localMs: number): number {
    return this.options.queue.nowMs + this.clock.spanOf(localMs - this.nowMs());
  }

  readonly wallMs = (): number => this.options.wallMs();

  readonly after = (delayMs: number, run: Held, held?: Uint8Array): Cancel => {
    if (this.options.timerDeath > 0) this.isTimeless ||= this.options.draw.chance(this.options.timerDeath);
    return this.isTimeless ? () => {} : this.setTimer(delayMs, run, held);
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
    queue.after(turnMs === 0 ? 0 : draw.between(0, turnMs), () => {
      if (this.status === "running") run();
      else if (this.status === "frozen") this.overdue.push(run);
    });
  };

  /** Something that the process must handle: now, or when it goes on. */
  handle(run: () => void): void {
    this.serve(this.arrived, run);
  }

  /** The same with a datagram, which is lost when the socket's buffer is full. */
  receive(socket: Socket, run: () => void): void {
    const load = this.options.load();
    const waiting = load === null ? this.arrived : this.sockets[socket];
    if (this.isFree(load) || waiting.length < (load?.bufferedMax ?? BUFFERED_MAX)) this.serve(waiting, run);
  }

  freeze(): void {
    if (this.status === "running") this.status = "frozen";
  }

  /** Everything that queued up is handled in one burst. */
  resume(): void {
    if (this.status !== "frozen") return;
    this.status = "running";
    if (!this.isFree(this.options.load())) {
      this.wake();
      return;
    }
    const { arrived, overdue } = this;
    this.arrived = [];
    this.overdue = [];
    const burst = this.options.timersFirst ? [...overdue, ...arrived] : [...arrived, ...overdue];
    for (const run of burst) this.handle(run);
    if (this.sockets.group.length + this.sockets.own.length > 0) this.wake();
  }

  end(): void {
    this.status = "ended";
    this.arrived = [];
    this.overdue = [];
  }

  private isFree(load: Load | null): boolean {
    return load === null && !this.isBusy;
  }

  private serve(later: (() => void)[], run: () => void): void {
    if (this.status === "ended") return;
    if (this.status === "running" && this.isFree(this.options.load())) {
      run();
      return;
    }
    later.push(run);
    if (this.status === "running") this.wake();
  }

  private wake(): void {
    if (this.isBusy) return;
    this.isBusy = true;
    this.later(this.options.load()?.pollMs ?? 0);
  }

  private later(spanMs: number): void {
    this.options.queue.after(this.options.draw.between(0, spanMs), this.goOn);
  }

  /** Handles what waits: timers, then writes and orders, then the sockets. */
  private readonly goOn = (): void => {
    for (;;) {
      const next = this.status === "running" ? this.takeNext() : undefined;
      if (next === undefined) break;
      next();
      const stepMs = this.options.load()?.stepMs ?? 0;
      if (stepMs === 0) continue;
      this.later(stepMs);
      return;
    }
    this.isBusy = false;
  };

  private takeNext(): (() => void) | undefined {
    const { overdue, arrived, sockets, reads } = this;
    if (overdue.length > 0) return overdue.shift();
    if (arrived.length > 0) return arrived.shift();
    if (reads.left === 0 || sockets[reads.from].length === 0)
      this.reads = { from: reads.from === "own" ? "group" : "own", left: READ_AT_ONCE };
    this.reads.left -= 1;
    return sockets[this.reads.from].shift() ?? sockets[this.reads.from === "own" ? "group" : "own"].shift();
  }

  private setTimer(delayMs: number, run: Held, held?: Uint8Array): Cancel {
    const { slot, queue, draw, tickLagMs } = this.options;
    let isCancelled = false;
    const lagMs = TIME_STEP_MS + draw.between(0, tickLagMs);
    const fire: Held = (fate) => {
      if (isCancelled || this.status === "ended") return;
      const serve = (): void => {
        if (!isCancelled) run(fate);
      };
      if (fate === "lost") serve();
      else this.serve(this.overdue, serve);
    };
    const cargo = held === undefined ? null : { to: slot, datagram: held };
    const event = queue.after(this.clock.spanOf(delayMs) + lagMs, fire, cargo);
    return () => {
      isCancelled = true;
      queue.cancel(event);
    };
  }
}
