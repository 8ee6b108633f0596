/**
 * The network as a model: every (source, receiver) pair is a link with its own delay, loss, duplication and reordering; a multicast
 * is one independent datagram for each receiver, as on a real switch whose ports overflow one by one.
 *
 * Cuts are receiver-side, as the lab's real faults are: a datagram that is in flight when the cut begins is lost too.
 */

import type { Held } from "../../../node/runtime/ports.ts";
import { type Distribution, drawJitter } from "./distribution.ts";
import type { Draw } from "./draw.ts";
import type { EventQueue } from "./event-queue.ts";
import { Stranger } from "./stranger.ts";

/** How one link treats datagrams. Chances are fractions 0 to 1. */
export interface LinkModel {
  readonly delayMs: number;
  /** Size of a random addition to the delay. */
  readonly jitterMs: number;
  readonly distribution: Distribution;
  /** Each datagram on its own. */
  readonly loss: number;
  /**
   * Loss in bursts (Gilbert and Elliott): a link is good or bad. Each datagram makes a good link bad with chance `burstEnter` and a
   * bad one good with `burstLeave`; a bad link loses `burstLoss` of them.
   */
  readonly burstEnter: number;
  readonly burstLeave: number;
  readonly burstLoss: number;
  readonly duplicate: number;
  /** Chance, for each datagram, that the stranger makes a move (stranger.ts). */
  readonly hostile: number;
  /** Chance that a datagram takes up to `reorderMs` longer than its neighbours. */
  readonly reorder: number;
  readonly reorderMs: number;
  /** Kilobits a second; 0: no limit. What would have to wait for more than `queueMs` is dropped, as a router does. */
  readonly rateKbps: number;
  readonly queueMs: number;
}

/** A switched LAN, or one machine's bridge. */
export const LINK_LAN: LinkModel = {
  delayMs: 0.1,
  jitterMs: 0.3,
  distribution: "uniform",
  loss: 0,
  burstEnter: 0,
  burstLeave: 0.1,
  burstLoss: 0.9,
  duplicate: 0,
  hostile: 0,
  reorder: 0,
  reorderMs: 20,
  rateKbps: 0,
  queueMs: 200,
};

/** State of a link. */
interface LinkState {
  isBad: boolean;
  freeAtMs: number;
}

/** An attached process: its slot is its position in the network (the node id, unless two processes claim one id). */
export type Receiver = (datagram: Uint8Array, fromAddress: string) => void;

export class Network {
  /** Datagrams handed to receivers, and lost ones. */
  delivered = 0;
  lost = 0;
  readonly stranger: Stranger;
  /** Called with every send call's work: datagrams that leave `from` (a multicast is one), of `bytes` each, for so many receivers. */
  onSent: ((from: number, bytes: number, datagrams: number, receivers: number) => void) | null = null;
  /** Called for every datagram that doesn't arrive. */
  onLost: ((from: number, to: number, datagram: Uint8Array) => void) | null = null;
  /** False: routers between the machines, only unicast (and its fan-out) gets through. */
  multicastWorks = true;
  base: LinkModel;
  /** By the name of the link, as all that a link has of its own. */
  private readonly links = new Map<number, LinkModel>();
  private readonly states = new Map<number, LinkState>();
  private readonly cuts = new Set<number>();
  private readonly receivers = new Map<number, Receiver>();
  /** Addresses of those who have moved. */
  private readonly moved = new Map<number, string>();

  private readonly queue: EventQueue;
  private readonly draw: Draw;

  constructor(queue: EventQueue, draw: Draw, model: Partial<LinkModel>) {
    this.queue = queue;
    this.draw = draw;
    this.base = { ...LINK_LAN, ...model };
    this.stranger = new Stranger(queue, draw, {
      slots: () => [...this.receivers.keys()].sort((a, b) => a - b),
      addressOf: (slot) => this.addressOf(slot),
      arrive: (datagram, to, fromAddress) => this.handOver(datagram, to, fromAddress),
    });
  }

  attach(slot: number, receiver: Receiver): void {
    this.receivers.set(slot, receiver);
  }

  detach(slot: number): void {
    this.receivers.delete(slot);
  }

  /** Where the slot is now. */
  addressOf(slot: number): string {
    return this.moved.get(slot) ?? addressOf(slot);
  }

  /** The slot gets another address, a lease's end or a translator's whim; nobody is at the former one any more. */
  move(slot: number, port: number): void {
    this.moved.set(slot, addressOf(slot, port));
  }

  /** Whether nobody listens at one of these addresses. */
  isClosed(addresses: readonly string[]): boolean {
    return addresses.some((address) => {
      const slot = slotOf(address);
      return slot !== null && (!this.receivers.has(slot) || this.isFormer(slot, address));
    });
  }

  private isFormer(slot: number, address: string): boolean {
    return this.moved.size > 0 && this.addressOf(slot) !== address;
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
      if (slot === null) this.stranger.received.push(datagram);
      else if (this.isFormer(slot, address)) this.lose(from, slot, datagram);
      else slots.add(slot);
    }
    slots.delete(from);
    this.stranger.onHeard?.({ datagram, from, to: [...slots] });
    this.onSent?.(from, datagram.length, (to.multicast ? 1 : 0) + to.addresses.length, slots.size);
    const ordered = slots.size < 2 ? slots : [...slots].sort((a, b) => a - b);
    for (const slot of ordered) this.carry(from, slot, datagram);
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
    return this.cuts.size > 0 && this.cuts.has(nameOf(from, to));
  }

  /** Removes all cuts; link models stay. */
  heal(): void {
    this.cuts.clear();
  }

  private carry(from: number, to: number, datagram: Uint8Array): void {
    const model = this.modelOf(from, to);
    if (this.draw.chance(model.hostile)) this.stranger.act(datagram);
    const copies = this.draw.chance(model.duplicate) ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      const waitMs = model.rateKbps === 0 ? 0 : this.waitForRate(model, this.stateOf(from, to), datagram.length);
      if (waitMs === null || this.isLost(model, from, to)) {
        this.lose(from, to, datagram);
        continue;
      }
      const extraMs = this.draw.chance(model.reorder) ? this.draw.between(0, model.reorderMs) : 0;
      const jitterMs = drawJitter(this.draw, model.distribution, model.jitterMs);
      const run: Held = (fate) => (fate === "lost" ? this.lose : this.arrive).call(this, from, to, datagram);
      this.queue.after(waitMs + model.delayMs + jitterMs + extraMs, run, { to, datagram });
    }
  }

  /** How long the datagram takes to get onto a slow link; null: its queue is full. */
  private waitForRate(model: LinkModel, state: LinkState, bytes: number): number | null {
    const startAtMs = Math.max(this.queue.nowMs, state.freeAtMs);
    if (startAtMs - this.queue.nowMs > model.queueMs) return null;
    state.freeAtMs = startAtMs + (bytes * 8) / model.rateKbps;
    return state.freeAtMs - this.queue.nowMs;
  }

  private isLost(model: LinkModel, from: number, to: number): boolean {
    if (model.burstEnter > 0) {
      const state = this.stateOf(from, to);
      if (this.draw.chance(state.isBad ? model.burstLeave : model.burstEnter)) state.isBad = !state.isBad;
      if (state.isBad && this.draw.chance(model.burstLoss)) return true;
    }
    return this.draw.chance(model.loss);
  }

  private lose(from: number, to: number, datagram: Uint8Array): void {
    this.lost += 1;
    this.onLost?.(from, to, datagram);
  }

  private arrive(from: number, to: number, datagram: Uint8Array): void {
    if (this.isCut(from, to) || !this.handOver(datagram, to, this.addressOf(from))) this.lose(from, to, datagram);
  }

  /** False: nobody listens there. */
  private handOver(datagram: Uint8Array, to: number, fromAddress: string): boolean {
    const receiver = this.receivers.get(to);
    if (receiver === undefined) return false;
    this.delivered += 1;
    receiver(datagram, fromAddress);
    return true;
  }

  private stateOf(from: number, to: number): LinkState {
    const name = nameOf(from, to);
    const state = this.states.get(name) ?? { isBad: false, freeAtMs: 0 };
    this.states.set(name, state);
    return state;
  }

  modelOf(from: number, to: number): LinkModel {
    return this.links.size === 0 ? this.base : (this.links.get(nameOf(from, to)) ?? this.base);
  }
}

const PORT = 6_000;

/** The address of slot 1 is 10.0.0.1:6000, and so on. */
export function addressOf(slot: number, port = PORT): string {
  return `10.${Math.floor(slot / 65_536)}.${Math.floor(slot / 256) % 256}.${slot % 256}:${port}`;
}

/** Whose address that is, or was; null: none of a slot's. */
export function slotOf(address: string): number | null {
  const known = knownSlots.get(address);
  if (known !== undefined) return known;
  const match = /^10\.(\d+)\.(\d+)\.(\d+):6\d{3}$/.exec(address);
  if (match === null) return null;
  const slot = Number(match[1]) * 65_536 + Number(match[2]) * 256 + Number(match[3]);
  knownSlots.set(address, slot);
  return slot;
}

const knownSlots = new Map<string, number>();

function nameOf(from: number, to: number): number {
  return from * 2 ** 26 + to;
}
