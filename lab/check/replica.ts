/**
 * A replica as its own lines tell it: vector and balances after each of them. What a node says of its books is taken over after it was
 * shown to the checker, so that one mistake is found once.
 */
import type { Entry } from "../journal/entry.ts";
import { type Delivery, type Life, readDelivery, readVector } from "./story.ts";

export interface Replica {
  /** Number of the last debit of each known account. */
  readonly clock: Map<number, number>;
  readonly balances: Map<number, number>;
  /** What all known accounts began with. */
  issued: number;
}

/** Called with the replica as it was before the line. */
export interface ReplicaReader {
  readonly onDelivery?: (delivery: Delivery, before: Replica) => void;
  readonly onBooks?: (entry: Entry, before: Replica) => void;
  /** Any other line. */
  readonly onOther?: (entry: Entry, now: Replica) => void;
}

/** Returns the replica at the end of the life; a life without its boot line is no replica to compare anything with: null. */
export function walkReplica(life: Life, reader: ReplicaReader = {}): Replica | null {
  if (!life.isWhole) return null;
  const replica: Replica = { clock: new Map(), balances: new Map(), issued: 0 };
  for (const entry of life.entries) {
    if (typeof entry.books === "string") {
      reader.onBooks?.(entry, replica);
      takeBooks(replica, entry);
    } else if (typeof entry.account === "number") takeAccount(replica, entry, entry.account);
    else {
      const delivery = readDelivery(entry);
      if (delivery === null) reader.onOther?.(entry, replica);
      else {
        reader.onDelivery?.(delivery, replica);
        takeDelivery(replica, delivery);
      }
    }
  }
  return replica;
}

function takeBooks(replica: Replica, entry: Entry): void {
  replica.clock.clear();
  replica.balances.clear();
  for (const [id, seq] of readVector(entry.vc)) replica.clock.set(id, seq);
  for (const [id, balance] of readVector(entry.balances)) replica.balances.set(id, balance);
  if (typeof entry.issued === "number") replica.issued = entry.issued;
}

function takeAccount(replica: Replica, entry: Entry, id: number): void {
  const initial = typeof entry.initial === "number" ? entry.initial : 0;
  if (replica.clock.has(id)) return;
  replica.clock.set(id, 0);
  replica.balances.set(id, initial);
  replica.issued += initial;
}

function takeDelivery({ clock, balances }: Replica, { entry, origin, payee, seq, amount }: Delivery): void {
  clock.set(origin, Math.max(seq, clock.get(origin) ?? 0));
  const { from_balance: paid, to_balance: got } = entry;
  if (origin === payee) return;
  balances.set(origin, typeof paid === "number" ? paid : (balances.get(origin) ?? 0) - amount);
  balances.set(payee, typeof got === "number" ? got : (balances.get(payee) ?? 0) + amount);
}
