/** A message to the group comes to one copy for each receiver: what became of each, as the story of the run tells. */
import type { Entry } from "../../journal/entry.ts";
import type { MessageKind } from "../../journal/message-kinds.ts";
import type { Story } from "../../journal/story/story.ts";
import type { Trip } from "../../journal/story/trips.ts";

export interface Copy {
  readonly trip: Trip;
  readonly kind: MessageKind;
  readonly from: number;
  readonly to: number;
  readonly sentAtMs: number;
  /** NaN: it hasn't arrived. */
  readonly receivedAtMs: number;
  /** When its receiver's end dropped it, as an impaired link does; NaN: no line says so. */
  readonly droppedAtMs: number;
  /** The line of its arrival; null: there is none (yet). */
  readonly receipt: Entry | null;
}

/** Calls back for each copy that was sent within the span, oldest first. */
export function forEachCopy(story: Story, fromMs: number, toMs: number, visit: (copy: Copy) => void): void {
  const { all } = story.trips;
  for (let n = firstSentAt(all, fromMs); n < all.length; n++) {
    const trip = all[n] as Trip;
    if (trip.sentAtMs > toMs) return;
    for (const copy of copiesOf(story, trip)) visit(copy);
  }
}

/** The messages that this line, a datagram's drop, threw away: `2-1.7`, `2-1.7/1`, … */
export function copiesDroppedBy(story: Story, entry: Entry): readonly Copy[] {
  const dropped: Copy[] = [];
  if (entry.kind !== "drop" || entry.id === undefined) return dropped;
  for (let n = 0; ; n++) {
    const trip = story.trips.of(n === 0 ? entry.id : `${entry.id}/${n}`);
    if (trip === undefined) return dropped;
    if (story.trips.lossesOf(trip).some((loss) => loss.entry === entry))
      dropped.push(...copiesOf(story, trip).filter(({ to, droppedAtMs }) => to === entry.node && droppedAtMs > 0));
  }
}

function copiesOf(story: Story, trip: Trip): readonly Copy[] {
  return trip.to === null
    ? listReceivers(story, trip).map((to) => copyTo(story, trip, to))
    : [copyTo(story, trip, trip.to)];
}

/** Thousands a frame: nothing is made that isn't needed. */
function copyTo(story: Story, trip: Trip, to: number): Copy {
  const { kind, from, sentAtMs } = trip;
  const arrival = trip.arrivals.find(({ node }) => node === to);
  const loss = arrival === undefined ? story.trips.lossesOf(trip).find(({ node }) => node === to) : undefined;
  const droppedAtMs = loss === undefined ? Number.NaN : Math.max(sentAtMs, loss.atMs);
  const [receivedAtMs, receipt] = [arrival?.atMs ?? Number.NaN, arrival?.entry ?? null];
  return { trip, kind, from, to, sentAtMs, receivedAtMs, droppedAtMs, receipt };
}

/** The other nodes that ran when it was sent. */
function listReceivers(story: Story, { from, sentAtMs }: Trip): readonly number[] {
  return [...story.lives.ofNode.keys()].filter((node) => node !== from && story.lifeAt(node, sentAtMs) !== null);
}

function firstSentAt(trips: readonly Trip[], atMs: number): number {
  let [low, high] = [0, trips.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((trips[middle] as Trip).sentAtMs < atMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
