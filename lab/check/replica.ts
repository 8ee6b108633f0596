/**
 * Each replica as its own lines tell it: vector and balances after each of them. What a node says of its books is taken over after it was
 * shown to the checkers, so that one mistake is found once.
 */
import type { Entry } from "../journal/entry.ts";
import { type Delivery, readVector } from "../journal/story/deliveries.ts";
import type { Life } from "../journal/story/lives.ts";
import type { Line } from "./checker.ts";

export interface Replica {
  /** Number of the last debit of each known account. */
  readonly clock: Map<number, number>;
  readonly balances: Map<number, number>;
}

export class Replicas {
  readonly #ofLife = new WeakMap<Life, Replica>();

  /** The life's replica before this line of it; a life without its first lines is no replica to compare anything with: null. */
  before(life: Life): Replica | null {
    // Lines before the boot line don't move the books.
    if (!life.isWhole || life.boot === null) return null;
    const known = this.#ofLife.get(life);
    if (known !== undefined) return known;
    const replica: Replica = { clock: new Map(), balances: new Map() };
    this.#ofLife.set(life, replica);
    return replica;
  }

  apply(replica: Replica, { entry, delivery }: Line): void {
    if (typeof entry.books === "string") takeBooks(replica, entry);
    else if (typeof entry.account === "number") takeAccount(replica, entry, entry.account);
    else if (delivery !== null) takeDelivery(replica, delivery);
  }
}

function takeBooks(replica: Replica, entry: Entry): void {
  replica.clock.clear();
  replica.balances.clear();
  for (const [id, seq] of readVector(entry.vc)) replica.clock.set(id, seq);
  for (const [id, balance] of readVector(entry.balances)) replica.balances.set(id, balance);
}

function takeAccount(replica: Replica, entry: Entry, id: number): void {
  if (replica.clock.has(id)) return;
  replica.clock.set(id, 0);
  replica.balances.set(id, typeof entry.initial === "number" ? entry.initial : 0);
}

function takeDelivery({ clock, balances }: Replica, { entry, origin, payee, seq, amount }: Delivery): void {
  clock.set(origin, Math.max(seq, clock.get(origin) ?? 0));
  const { from_balance: paid, to_balance: got } = entry;
  if (origin === payee) return;
  balances.set(origin, typeof paid === "number" ? paid : (balances.get(origin) ?? 0) - amount);
  balances.set(payee, typeof got === "number" ? got : (balances.get(payee) ?? 0) + amount);
}
