/**
 * Which messages a moving picture shows, and which way each of them went. A run of seconds has thousands: shown are those that carry the
 * story (votes, trades, who joins, what is caught up on, heartbeats), of repeated announcements the first, and of the probes only those
 * that nobody can answer any more.
 */
import type { Entry } from "../journal/entry.ts";
import type { Journal } from "../journal/journal.ts";
import { readLabAction } from "../journal/lab-entry.ts";
import { kindOfMessage, type MessageKind } from "../journal/message-kinds.ts";

/** One message to one node. */
export interface FilmTrip {
  readonly type: string;
  readonly kind: MessageKind;
  readonly from: number;
  readonly to: number;
  readonly sentAtMs: number;
  /** Null: nobody was there to receive it. */
  readonly arrivedAtMs: number | null;
  /** Credits that it moves; null: none. */
  readonly amount: number | null;
}

/** Spans in which a node didn't run: from its kill to its next process's first line. */
export function findAbsences(journal: Journal): ReadonlyMap<number, readonly (readonly [number, number])[]> {
  const absences = new Map<number, [number, number][]>();
  for (const entry of journal.entries) {
    const action = readLabAction(entry);
    if (action?.action === "kill" || action?.action === "stop")
      for (const node of action.nodes) push(absences, node, [entry.time, Number.POSITIVE_INFINITY]);
    const open = absences.get(entry.node)?.at(-1);
    if (open !== undefined && open[1] === Number.POSITIVE_INFINITY && entry.inc > 1) open[1] = entry.time;
  }
  return absences;
}

/** In the order of sending. */
export function findFilmTrips(journal: Journal): readonly FilmTrip[] {
  const absences = findAbsences(journal);
  const isAway = (node: number, atMs: number): boolean =>
    (absences.get(node) ?? []).some(([from, until]) => atMs >= from && atMs < until);
  const arrivals = new Map<string, number>();
  for (const { kind, id, node, time } of journal.entries)
    if (kind === "recv" && id !== undefined && !arrivals.has(`${id}>${node}`)) arrivals.set(`${id}>${node}`, time);
  const said = new Set<string>();
  const trips: FilmTrip[] = [];
  for (const entry of journal.entries) {
    if (entry.kind !== "send" || entry.type === undefined || isRepeated(entry, said)) continue;
    const { type, node: from, time: sentAtMs } = entry;
    const receivers = entry.to === undefined ? journal.facts.nodes.filter((id) => id !== from) : [entry.to];
    for (const to of receivers) {
      const arrivedAtMs = arrivals.get(`${entry.id}>${to}`) ?? null;
      if (!isShown(entry, arrivedAtMs === null && isAway(to, sentAtMs))) continue;
      trips.push({ type, kind: kindOfMessage(type), from, to, sentAtMs, arrivedAtMs, amount: amountOf(entry) });
    }
  }
  return trips;
}

/** Announcements are sent three times, and discovery asks everybody: the first one tells the story. */
function isRepeated(entry: Entry, said: Set<string>): boolean {
  if (entry.type !== "COORDINATOR" && entry.type !== "JOIN") return false;
  if (entry.to !== undefined) return true;
  const term = entry.type === "COORDINATOR" ? (/term=(\d+)/.exec(entry.msg)?.[1] ?? "") : "";
  const key = `${entry.type} ${entry.node}.${entry.inc} ${term}`;
  if (said.has(key)) return true;
  said.add(key);
  return false;
}

function isShown(entry: Entry, isInVain: boolean): boolean {
  switch (kindOfMessage(entry.type)) {
    case "probe":
      return entry.type === "PING" && isInVain;
    case "membership":
      return entry.type === "JOIN";
    case "repair":
      return entry.inc > 1;
    default:
      return true;
  }
}

function amountOf({ type, msg }: Entry): number | null {
  const [, amount] = type === "TRADE_CONFIRM" ? (/\bamount=(\d+)/.exec(msg) ?? []) : [];
  return amount === undefined ? null : Number(amount);
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
