/**
 * What is under way in a simulated cluster: datagrams on their way (or held by a delay that their receiver was told to suffer), and
 * timers that are due. A datagram in somebody's hand can be treated as any network may treat it: it comes now, later, twice, or never.
 *
 * A datagram to several receivers is several flights, each named by its sender, its packet and its receiver: `3-1.17>2`. Copies of one
 * are told apart by their order: `3-1.17>2*2` comes second.
 */
import { ACTING_TIMERS } from "../../../node/core/step.ts";
import { lineOfLost, nameMessage } from "../../../node/runtime/wire-lines.ts";
import { decodeBody } from "../../../node/wire/codec.ts";
import { type Header, peekBody, peekHeader } from "../../../node/wire/envelope.ts";
import type { ScheduledEvent } from "../world/event-queue.ts";
import type { SimCluster } from "./sim-cluster.ts";

export interface Flight {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  /** Of its messages, in order. */
  readonly types: readonly string[];
  /** When it arrives, milliseconds since the world began. */
  readonly dueMs: number;
}

export interface DueTimer {
  readonly node: number;
  readonly kind: string;
  readonly key: string;
  /** About: a process may be a little late. */
  readonly dueMs: number;
}

export type Redirection =
  /** Now, or directly before another flight. */
  | { readonly do: "deliver"; readonly before?: string | undefined }
  | { readonly do: "drop" | "duplicate" }
  | { readonly do: "delay"; readonly byMs: number };

export interface Traffic {
  /** In the order in which they arrive. */
  flights(): readonly Flight[];
  /** In the order in which they are due. A timer that only keeps something from being repeated is none. */
  timers(): readonly DueTimer[];
  /** @returns the flight as it was. @throws RangeError when none (or no `before`) has this name */
  redirect(name: string, how: Redirection): Flight;
}

export function trafficOf(cluster: SimCluster): Traffic {
  return {
    flights: () => [...flightsOf(cluster).values()].map(({ flight }) => flight),
    timers: () => timersOf(cluster),
    redirect: (name, how) => redirect(cluster, name, how),
  };
}

interface Held {
  readonly flight: Flight;
  readonly header: Header;
  readonly event: ScheduledEvent;
}

function flightsOf({ queue, nodes }: SimCluster): Map<string, Held> {
  const found = new Map<string, Held>();
  for (const event of queue.arrivals) {
    const { datagram, to } = event.cargo ?? { datagram: new Uint8Array(), to: 0 };
    const header = peekHeader(datagram);
    if (header === null || !nodes.has(to)) continue;
    const packet = `${nameMessage(header, 0)}>${to}`;
    let name = packet;
    for (let copy = 2; found.has(name); copy++) name = `${packet}*${copy}`;
    const types = decodeBody(peekBody(datagram)).map((read) => (read.ok ? read.message.message_type : "?"));
    found.set(name, { flight: { name, from: header.sender, to, types, dueMs: event.atMs }, header, event });
  }
  return found;
}

function timersOf({ nodes }: SimCluster): readonly DueTimer[] {
  const due = [...nodes.values()].flatMap((node) =>
    (node.state?.timers.heap ?? [])
      .filter(({ kind, isLive }) => isLive && ACTING_TIMERS.has(kind))
      .map(({ kind, key, atMs }) => ({ node: node.id, kind, key: String(key), dueMs: node.instantOf(atMs) })),
  );
  return due.sort((a, b) => a.dueMs - b.dueMs);
}

function redirect(cluster: SimCluster, name: string, how: Redirection): Flight {
  const { queue } = cluster;
  const held = flightsOf(cluster);
  const { flight, header, event } = find(held, name);
  const { run, cargo } = event;
  const node = cluster.node(flight.to);
  if (run === null) return flight;
  switch (how.do) {
    case "deliver": {
      const before = how.before === undefined ? null : find(held, how.before).event;
      queue.cancel(event);
      if (before === null) queue.after(0, run, cargo);
      else queue.before(before, run, cargo);
      break;
    }
    case "delay":
      queue.cancel(event);
      queue.at(event.atMs + how.byMs, run, cargo);
      break;
    case "duplicate":
      queue.at(event.atMs, (fate) => fate !== "lost" && run("copied"), cargo);
      break;
    case "drop":
      queue.cancel(event);
      run("lost");
      // As its receiver's end would say it.
      if (node.status !== "down") node.options.observer.onWire(node, lineOfLost(header, "by_hand", flight.to));
  }
  return flight;
}

function find(held: ReadonlyMap<string, Held>, name: string): Held {
  const found = held.get(name);
  if (found === undefined) throw new RangeError(`${name} isn't on its way`);
  return found;
}
