/**
 * A stranger on the simulated network: it has no key, hears every datagram, keeps copies over restarts of everybody, and sends them, whole,
 * damaged or in parts, to any receiver, from any address, at once or much later. Datagrams to its own addresses end here.
 *
 * Links draw its moves by themselves (`LinkModel.hostile`); schedules make the moves that they need with `send`.
 */
import type { Draw } from "./draw.ts";
import type { EventQueue } from "./event-queue.ts";

/** An address at which none of the nodes is (RFC 5737). */
export const STRANGER_ADDRESS = "192.0.2.1:6000";

/** Copies that the stranger has at hand, those of any age alike. */
const COPIES = 1_024;
/** Chance that a copy is sent late, and how much later at most. */
const LATE = 0.25;
const LATE_MS_MAX = 5_000;
const SOON_MS_MAX = 5;

export interface Copy {
  readonly datagram: Uint8Array;
  readonly from: number;
  /** The slots that it is sent to. */
  readonly to: readonly number[];
}

/** The network as the stranger uses it. */
export interface Reach {
  /** Slots at which a process listens. */
  readonly slots: () => number[];
  readonly addressOf: (slot: number) => string;
  /** The datagram arrives now, whatever is cut. */
  readonly arrive: (datagram: Uint8Array, to: number, fromAddress: string) => void;
}

export class Stranger {
  /** Datagrams that it has sent. */
  sent = 0;
  /** Datagrams that nodes have sent to its own addresses. */
  readonly received: Uint8Array[] = [];
  /** Gets every datagram that any node sends; null: nobody listens. */
  onHeard: ((copy: Copy) => void) | null = null;
  private readonly copies: Uint8Array[] = [];
  private readonly queue: EventQueue;
  private readonly draw: Draw;
  private readonly reach: Reach;

  constructor(queue: EventQueue, draw: Draw, reach: Reach) {
    this.queue = queue;
    this.draw = draw;
    this.reach = reach;
  }

  send(datagram: Uint8Array, to: number, fromAddress = STRANGER_ADDRESS, delayMs = 0): void {
    this.sent += 1;
    this.queue.after(delayMs, () => this.reach.arrive(datagram, to, fromAddress));
  }

  /** Keeps a copy of a datagram that goes by, and makes one of its moves. */
  act(datagram: Uint8Array): void {
    const { draw } = this;
    this.copies[draw.integer(0, COPIES - 1)] = datagram;
    const kind = draw.integer(0, 3);
    const copy =
      kind === 0 ? this.part(datagram) : kind === 1 ? this.damaged(datagram) : this.copies[draw.integer(0, COPIES - 1)];
    const slots = this.reach.slots();
    if (copy === undefined || slots.length === 0) return;
    const from = draw.chance(0.5) ? STRANGER_ADDRESS : this.reach.addressOf(draw.pick(slots));
    const delayMs = draw.chance(LATE) ? draw.between(0, LATE_MS_MAX) : draw.between(0, SOON_MS_MAX);
    this.send(copy, draw.pick(slots), from, delayMs);
  }

  private part(datagram: Uint8Array): Uint8Array {
    return datagram.slice(0, this.draw.integer(0, datagram.length - 1));
  }

  /** One bit is another. */
  private damaged(datagram: Uint8Array): Uint8Array {
    const copy = datagram.slice();
    const at = this.draw.integer(0, copy.length - 1);
    copy[at] = (copy[at] as number) ^ (1 << this.draw.integer(0, 7));
    return copy;
  }
}
