/**
 * The ports through which a node's shell uses the world: a clock, timers, a disk and a socket.
 *
 * A real process gets those of its machine (process-ports.ts, ledger-store.ts, udp-transport.ts); a simulated node gets virtual ones.
 * Everything that uses only these ports behaves the same in both.
 */
import type { Row } from "../core/kernel/rows.ts";
import type { Archive } from "../core/ledger/recall.ts";

export interface Clock {
  /** Monotonic milliseconds since an arbitrary instant, with fractions. */
  nowMs(): number;
  /** Milliseconds since 1970. */
  wallMs(): number;
}

export type Cancel = () => void;

/** What becomes of something that was under way: it comes; so does a copy of it, beside itself; or it never comes. */
export type Fate = "comes" | "copied" | "lost";
/** What waits. Where nobody meddles with it, it comes. */
export type Held = (fate?: Fate) => void;

export interface Schedule {
  /** Runs `run` once, when `delayMs` have passed or a little later. @param held the datagram that waits for it, for worlds that show it */
  after(delayMs: number, run: Held, held?: Uint8Array): Cancel;
  /** Runs `run` again and again, about every `intervalMs`. */
  every(intervalMs: number, run: () => void): Cancel;
  /** Runs `run` once the current turn of the event loop has handled all that arrived for it. */
  atTurnEnd(run: () => void): void;
}

export interface StorePort {
  /** Null: this node keeps nothing, or nothing has been stored yet. */
  readonly archive: Archive | null;
  /**
   * Writes are made durable in the order of their numbers. `done` gets null, or why the write failed (the store takes no more then);
   * it is never called before `persist` returns.
   */
  persist(writeId: number, rows: readonly Row[], done: WriteDone): void;
  /** Commits what waits, calls its `done`, and closes. */
  close(): void;
}

export type WriteDone = (failure: string | null) => void;

export interface SendPort {
  /** To all members of the group at once (multicast). */
  sendGroup(datagram: Uint8Array): void;
  /** @param address `host:port` */
  sendTo(datagram: Uint8Array, address: string): void;
}

export interface DatagramPort extends SendPort {
  /** From now on `receive` gets every datagram that arrives; earlier ones are lost. */
  listen(receive: Receive): void;
}

/** `address` is the `host:port` of the sender. */
export type Receive = (datagram: Uint8Array, address: string) => void;
