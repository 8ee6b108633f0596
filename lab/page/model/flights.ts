/**
 * Every message on its way from one sender to one receiver, found by its name at both ends (node/runtime/wire-lines.ts). Columns of
 * numbers rather than objects: a minute of fifty nodes has a hundred thousand of them.
 */
import type { Entry } from "../../journal/entry.ts";
import { kindOfMessage, MESSAGE_KINDS, type MessageKind } from "../../journal/message-kinds.ts";

/** One message to one receiver. */
export interface Flight {
  readonly from: number;
  readonly to: number;
  readonly kind: MessageKind;
  readonly sentAtMs: number;
  /** NaN: it hasn't arrived. */
  readonly receivedAtMs: number;
  /** When its receiver's end dropped it, as an impaired line does; NaN: nobody says so. */
  readonly droppedAtMs: number;
  /** Absolute numbers of its entries in the history; -1: not written (yet). */
  readonly sendIndex: number;
  readonly receiveIndex: number;
}

/** Drops whose sends never come are of senders whose lines are missing. */
const EARLY_MAX = 2_000;

export class Flights {
  /** Number of the first flight that is kept. */
  #base = 0;
  readonly #from: number[] = [];
  readonly #to: number[] = [];
  readonly #kind: number[] = [];
  readonly #sentAt: number[] = [];
  readonly #receivedAt: number[] = [];
  readonly #droppedAt: number[] = [];
  readonly #sendIndex: number[] = [];
  readonly #receiveIndex: number[] = [];
  /** Drops that stand in the journal before their sends, by datagram and receiver: within a millisecond either may come first. */
  readonly #early = new Map<string, { readonly index: number; readonly atMs: number }>();
  /** Flights that an entry dropped, by the entry's number. */
  readonly #drops = new Map<number, number[]>();
  /** First flight of each message, by the message's name, with the entry that sent it; its flights follow each other. */
  readonly #sends = new Map<string, { readonly first: number; readonly count: number; readonly index: number }>();

  get count(): number {
    return this.#from.length;
  }

  /** @param receivers of a message to the group: whoever runs */
  send(entry: Entry, index: number, atMs: number, receivers: readonly number[]): void {
    if (entry.id === undefined) return;
    const to = entry.to === undefined ? receivers : [entry.to];
    this.#sends.set(entry.id, { first: this.#base + this.#from.length, count: to.length, index });
    for (const id of to) {
      this.#push(entry.node, id, entry.type, atMs, Number.NaN, index, -1);
      const drop = this.#early.get(`${entry.id.split("/")[0]} ${id}`);
      if (drop !== undefined) this.#noteDrop(this.#base + this.#from.length - 1, drop.index, Math.max(drop.atMs, atMs));
    }
  }

  /** @returns the number of the entry that sent it; -1: its sender's log doesn't have it */
  receive(entry: Entry, index: number, atMs: number): number {
    const sent = entry.id === undefined ? undefined : this.#sends.get(entry.id);
    for (let n = sent?.first ?? 0; n < (sent?.first ?? 0) + (sent?.count ?? 0); n++) {
      const at = n - this.#base;
      if (at < 0 || this.#to[at] !== entry.node || (this.#receiveIndex[at] as number) >= 0) continue;
      this.#receivedAt[at] = atMs;
      this.#receiveIndex[at] = index;
      return this.#sendIndex[at] as number;
    }
    // Its send was lost with a killed node's log, or it is a copy.
    if (sent === undefined && entry.from !== undefined)
      this.#push(entry.from, entry.node, entry.type, atMs, atMs, -1, index);
    return sent?.index ?? -1;
  }

  /** A datagram is lost with every message in it: `2-1.7`, `2-1.7/1`, … */
  drop(entry: Entry, index: number, atMs: number): void {
    if (entry.id === undefined) return;
    for (let n = 0; ; n++) {
      const sent = this.#sends.get(n === 0 ? entry.id : `${entry.id}/${n}`);
      if (sent === undefined) break;
      for (let flight = sent.first; flight < sent.first + sent.count; flight++) {
        const at = flight - this.#base;
        if (at < 0 || this.#to[at] !== entry.node) continue;
        this.#noteDrop(flight, index, atMs);
      }
    }
    if (this.#drops.has(index)) return;
    if (this.#early.size >= EARLY_MAX) this.#early.clear();
    this.#early.set(`${entry.id} ${entry.node}`, { index, atMs });
  }

  #noteDrop(flight: number, index: number, atMs: number): void {
    this.#droppedAt[flight - this.#base] = atMs;
    this.#drops.set(index, [...(this.#drops.get(index) ?? []), flight]);
  }

  /** What this entry dropped. */
  droppedBy(index: number): readonly Flight[] {
    return (this.#drops.get(index) ?? []).filter((n) => n >= this.#base).map((n) => this.at(n - this.#base));
  }

  at(n: number): Flight {
    return {
      from: this.#from[n] as number,
      to: this.#to[n] as number,
      kind: MESSAGE_KINDS[this.#kind[n] as number] as MessageKind,
      sentAtMs: this.#sentAt[n] as number,
      receivedAtMs: this.#receivedAt[n] as number,
      droppedAtMs: this.#droppedAt[n] as number,
      sendIndex: this.#sendIndex[n] as number,
      receiveIndex: this.#receiveIndex[n] as number,
    };
  }

  /** Calls back for each flight that was sent within the span, oldest first. */
  forEachSent(fromMs: number, toMs: number, visit: (flight: Flight) => void): void {
    for (let n = this.firstSentAt(fromMs); n < this.#from.length && (this.#sentAt[n] as number) <= toMs; n++)
      visit(this.at(n));
  }

  /** Forgets all that was sent by entries before this one. */
  trim(index: number): void {
    let drop = 0;
    while (
      drop < this.#from.length &&
      Math.max(this.#sendIndex[drop] as number, this.#receiveIndex[drop] as number) < index
    )
      drop += 1;
    const columns = [
      this.#from,
      this.#to,
      this.#kind,
      this.#sentAt,
      this.#receivedAt,
      this.#droppedAt,
      this.#sendIndex,
      this.#receiveIndex,
    ];
    for (const column of columns) column.splice(0, drop);
    this.#base += drop;
    for (const dropIndex of this.#drops.keys()) if (dropIndex < index) this.#drops.delete(dropIndex);
    for (const [id, sent] of this.#sends) if (sent.first + sent.count <= this.#base) this.#sends.delete(id);
  }

  /** Place of the first flight that was sent at or after this instant. */
  firstSentAt(atMs: number): number {
    let [low, high] = [0, this.#sentAt.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#sentAt[middle] as number) < atMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #push(
    from: number,
    to: number,
    type: string | undefined,
    sentAtMs: number,
    receivedAtMs: number,
    sendIndex: number,
    receiveIndex: number,
  ): void {
    this.#from.push(from);
    this.#to.push(to);
    this.#kind.push(MESSAGE_KINDS.indexOf(kindOfMessage(type)));
    this.#sentAt.push(sentAtMs);
    this.#receivedAt.push(receivedAtMs);
    this.#droppedAt.push(Number.NaN);
    this.#sendIndex.push(sendIndex);
    this.#receiveIndex.push(receiveIndex);
  }
}
