/**
 * The fate of each message: sent by one node, received by some, thrown away or never seen by others, received twice. Lines of `send`,
 * `recv`, `drop` and `duplicate` are put together by the message's name (node/runtime/wire-lines.ts).
 */
import type { NodeId } from "../../../node/wire/ids.ts";
import type { Entry } from "../entry.ts";
import { kindOfMessage, type MessageKind } from "../message-kinds.ts";
import { append } from "./span.ts";

export interface Arrival {
  readonly node: NodeId;
  readonly atMs: number;
  readonly entry: Entry;
}

export interface Loss extends Arrival {
  /** `cut`, `lost`, `rate_dropped`, `stale_incarnation`, … */
  readonly cause: string;
}

export interface Trip {
  readonly id: string;
  readonly type: string;
  readonly kind: MessageKind;
  readonly from: NodeId;
  /** Null: to all. */
  readonly to: NodeId | null;
  readonly sentAtMs: number;
  /** The line of its send, or what was made up for one that is lost (`reconstructed`). */
  readonly entry: Entry;
  /** Each receiver's first copy, by arrival. */
  readonly arrivals: readonly Arrival[];
  /** Second and later copies. */
  readonly doubles: readonly Arrival[];
}

type GrowingTrip = Trip & { readonly arrivals: Arrival[]; readonly doubles: Arrival[] };

export class Trips {
  /** In the order of sending. What was received and never sent, as far as the lines tell, has none. */
  readonly all: Trip[] = [];
  readonly #byId = new Map<string, GrowingTrip>();
  /** Of messages whose sends come later in the journal, or never. */
  readonly #early = new Map<string, { readonly arrivals: Arrival[]; readonly doubles: Arrival[] }>();
  /** By datagram: what is dropped unread has only its name. */
  readonly #losses = new Map<string, Loss[]>();

  addLine(entry: Entry): void {
    const { id, node, kind, time: atMs } = entry;
    // Lines about trades have the trade's id.
    if (id === undefined || !/^\d+-\d+\.\d+(\/\d+)?$/.test(id)) return;
    if (kind === "send") this.#send(entry, id);
    else if (kind === "recv") {
      const { arrivals, doubles } = this.#tracesOf(id);
      // Named twice by one node: the second one is a copy, whatever it is called.
      const list = arrivals.some((arrival) => arrival.node === node) ? doubles : arrivals;
      list.push({ node, atMs, entry });
    } else if (kind === "duplicate") this.#tracesOf(id).doubles.push({ node, atMs, entry });
    else if (kind === "drop") {
      // The simulator's network tells of losses in the sender's journal.
      const receiver = node === entry.from && entry.to !== undefined ? entry.to : node;
      const cause = typeof entry.reason === "string" ? entry.reason.replace("impaired_", "") : "lost";
      append(this.#losses, datagramOf(id), { node: receiver, atMs, cause, entry });
    }
  }

  of(id: string): Trip | undefined {
    return this.#byId.get(id);
  }

  /** Nodes that did not get the message, from their own lines that they dropped it: a receiver's first one. */
  lossesOf({ id, arrivals }: Trip): readonly Loss[] {
    const losses = this.#losses.get(datagramOf(id)) ?? [];
    return losses.filter(
      ({ node }, at) =>
        !arrivals.some((arrival) => arrival.node === node) && losses.findIndex((loss) => loss.node === node) === at,
    );
  }

  /** Forgets what was sent before: a live page keeps a bounded stretch. */
  forget(beforeMs: number): void {
    const kept = this.all.findIndex(({ sentAtMs }) => sentAtMs >= beforeMs);
    const gone = this.all.splice(0, kept < 0 ? this.all.length : kept);
    for (const { id } of gone) this.#byId.delete(id);
    for (const [id, { arrivals, doubles }] of this.#early)
      if ([...arrivals, ...doubles].every(({ atMs }) => atMs < beforeMs)) this.#early.delete(id);
    for (const [name, losses] of this.#losses)
      if (losses.every(({ atMs }) => atMs < beforeMs)) this.#losses.delete(name);
  }

  #send(entry: Entry, id: string): void {
    if (this.#byId.has(id)) return;
    const type = entry.type ?? "message";
    const traces = this.#early.get(id) ?? { arrivals: [], doubles: [] };
    this.#early.delete(id);
    const sent = { from: entry.node, to: entry.to ?? null, sentAtMs: entry.time, entry };
    const trip = { id, type, kind: kindOfMessage(type), ...sent, ...traces };
    this.#byId.set(id, trip);
    this.all.push(trip);
  }

  #tracesOf(id: string): { readonly arrivals: Arrival[]; readonly doubles: Arrival[] } {
    const known = this.#byId.get(id) ?? this.#early.get(id);
    if (known !== undefined) return known;
    const traces = { arrivals: [], doubles: [] };
    this.#early.set(id, traces);
    return traces;
  }
}

/** Name of the datagram in which a message travels. */
function datagramOf(id: string): string {
  const slash = id.indexOf("/");
  return slash < 0 ? id : id.slice(0, slash);
}
