/** Candidacies and reigns, as the nodes themselves report them: one span for each claim of one process. */
import type { NodeId } from "../../../node/wire/ids.ts";
import type { Entry } from "../entry.ts";
import type { Life } from "./lives.ts";
import type { Growing, Span } from "./span.ts";

export interface Reign extends Span {
  readonly node: NodeId;
  /** Of the node. */
  readonly life: Life;
  readonly role: "COORDINATOR" | "CANDIDATE";
  readonly term: number;
  /** False: provisional, without a majority. */
  readonly elected: boolean;
  /** The line that began it. */
  readonly entry: Entry;
}

export class Reigns {
  /** In the order in which they began. */
  readonly all: Reign[] = [];
  readonly #open = new Map<NodeId, Growing<Reign>>();

  addLine(entry: Entry, life: Life): void {
    const { role, term = 0, elected = false } = entry;
    const open = this.#open.get(life.node);
    if (open !== undefined && open.life !== life) this.endLife(open.life);
    if (entry.kind !== "election" || role === undefined) return;
    const current = this.#open.get(life.node);
    if (current?.role === role && current.term === term && current.elected === elected) return;
    if (current !== undefined) this.#close(current, entry.time);
    if (role !== "COORDINATOR" && role !== "CANDIDATE") return;
    const span = { fromMs: entry.time, toMs: Number.POSITIVE_INFINITY };
    const reign = { ...span, node: life.node, life, role, term, elected, entry } as const;
    this.#open.set(life.node, reign);
    this.all.push(reign);
  }

  /** To be called when a life is known to be over. */
  endLife(life: Life): void {
    const open = this.#open.get(life.node);
    if (open !== undefined && open.life === life && life.end !== null) this.#close(open, life.toMs);
  }

  #close(reign: Growing<Reign>, atMs: number): void {
    reign.toMs = Math.max(reign.fromMs, atMs);
    this.#open.delete(reign.node);
  }
}
