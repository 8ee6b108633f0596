/**
 * The network as a model: every (source, receiver) pair is a link with its own delay, loss, duplication and reordering; a multicast
 * is one independent datagram for each receiver, as on a real switch whose ports overflow one by one.
 *
 * Cuts are receiver-side, as the lab's real faults are: a datagram that is in flight when the cut begins is lost too.
 */
import type { Draw } from "./draw.ts";
import type { EventQueue } from "./event-queue.ts";

/** How one link treats datagrams. Chances are fractions 0 to 1. */
export interface LinkModel {
  readonly delayMs: number;
  /** Uniform addition of 0 to this. */
  readonly jitterMs: number;
  readonly loss: number;
  readonly duplicate: number;
  /** Chance that a datagram takes up to `reorderMs` longer than its neighbours. */
  readonly reorder: number;
  readonly reorderMs: number;
  /** Chance, for each datagram, that the link goes dark for up to `burstMs`. */
  readonly burst: number;
  readonly burstMs: number;
}

/** A switched LAN, or one machine's bridge. */
export const LINK_LAN: LinkModel = {
  delayMs: 0.1,
  jitterMs: 0.3,
  loss: 0,
  duplicate: 0,
  reorder: 0,
  reorderMs: 20,
  burst: 0,
  burstMs: 200,
};

/** An attached process: its slot is its position in the network (the node id, unless two processes claim one id). */
export type Receiver = (datagram: Uint8Array, fromAddress: string) => void;

export class Network {
  /** Datagrams handed to receivers, and lost ones. */
  delivered = 0;
  lost = 0;
  /** False: routers between the machines, only unicast (and its fan-out) gets through. */
  multicastWorks = true;
  private base: LinkModel;
  private readonly links = new Map<string, LinkModel>();
  private readonly darkUntilMs = new Map<string, number>();
  private readonly cuts = new Set<string>();
  private readonly receivers = new Map<number, Receiver>();

  private readonly queue: EventQueue;
  private readonly draw: Draw;

  constructor(queue: EventQueue, draw: Draw, model: Partial<LinkModel>) {
    this.queue = queue;
    this.draw = draw;
    this.base = { ...LINK_LAN, ...model };
  }

  attach(slot: number, receiver: Receiver): void {
    this.receivers.set(slot, receiver);
  }

  detach(slot: number): void {
    this.receivers.delete(slot);
  }

  /** To every other attached slot (multicast), to the listed addresses, or both; a receiver gets one copy (equal packet numbers). */
  send(
    from: number,
    datagram: Uint8Array,
    to: { readonly multicast: boolean; readonly addresses: readonly string[] },
  ): void {
    const slots = new Set<number>();
    if (to.multicast && this.multicastWorks) for (const slot of this.receivers.keys()) slots.add(slot);
    for (const address of to.addresses) {
      const slot = slotOf(address);
      if (slot !== null) slots.add(slot);
    }
    for (const slot of [...slots].sort((a, b) => a - b)) if (slot !== from) this.carry(from, slot, datagram);
  }

  /** Changes every link, those with a model of their own included. */
  shape(change: Partial<LinkModel>): void {
    this.base = { ...this.base, ...change };
    this.links.clear();
  }

  shapeLink(from: number, to: number, change: Partial<LinkModel>): void {
    this.links.set(nameOf(from, to), { ...this.modelOf(from, to), ...change });
  }

  /** Nothing from `from` reaches `to` any more; the other direction is untouched. */
  cut(from: number, to: number): void {
    this.cuts.add(nameOf(from, to));
  }

  isCut(from: number, to: number): boolean {
    return this.cuts.has(nameOf(from, to));
  }

  /** Removes all cuts; link models stay. */
  heal(): void {
    this.cuts.clear();
  }

  private carry(from: number, to: number, datagram: Uint8Array): void {
    const model = this.modelOf(from, to);
    const copies = this.draw.chance(model.duplicate) ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      if (this.isLost(from, to, model)) {
        this.lost += 1;
        continue;
      }
      const extra = this.draw.chance(model.reorder) ? this.draw.between(0, model.reorderMs) : 0;
      this.queue.after(model.delayMs + this.draw.between(0, model.jitterMs) + extra, () =>
        this.arrive(from, to, datagram),
      );
    }
  }

  private isLost(from: number, to: number, model: LinkModel): boolean {
    const name = nameOf(from, to);
    if (this.draw.chance(model.burst)) {
      this.darkUntilMs.set(name, this.queue.nowMs + this.draw.between(0, model.burstMs));
    }
    return (this.darkUntilMs.get(name) ?? 0) > this.queue.nowMs || this.draw.chance(model.loss);
  }

  private arrive(from: number, to: number, datagram: Uint8Array): void {
    const receiver = this.receivers.get(to);
    if (receiver === undefined || this.isCut(from, to)) {
      this.lost += 1;
      return;
    }
    this.delivered += 1;
    receiver(datagram, addressOf(from));
  }

  private modelOf(from: number, to: number): LinkModel {
    return this.links.get(nameOf(from, to)) ?? this.base;
  }
}

/** The address of slot 1 is 10.0.0.1:6000, and so on. */
export function addressOf(slot: number): string {
  return `10.${Math.floor(slot / 65_536)}.${Math.floor(slot / 256) % 256}.${slot % 256}:6000`;
}

export function slotOf(address: string): number | null {
  const match = /^10\.(\d+)\.(\d+)\.(\d+):6000$/.exec(address);
  if (match === null) return null;
  return Number(match[1]) * 65_536 + Number(match[2]) * 256 + Number(match[3]);
}

function nameOf(from: number, to: number): string {
  return `${from}>${to}`;
}
