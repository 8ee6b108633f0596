/** Network faults that the lab made, as spans: cut and impaired links, pulled cables. */
import type { Impairment } from "../../../node/wire/control.ts";
import type { NodeId } from "../../../node/wire/ids.ts";
import type { Entry } from "../entry.ts";
import type { LabAction } from "../lab-entry.ts";
import { append, type Growing, type Span } from "./span.ts";

export interface Fault extends Span {
  /** `f1`: what `heal` names. */
  readonly id: string;
  readonly kind: "partition" | "netem" | "unplug";
  /** Whose links or cables; of links the senders. */
  readonly nodes: readonly NodeId[];
  /** Directed; the same node twice: what it sends, to everybody alike. None: cables. */
  readonly pairs: readonly { readonly from: NodeId; readonly to: NodeId }[];
  /** Null: cables. */
  readonly impairment: Impairment | null;
  /** The line that set it; its sentence is the fault's name for people. */
  readonly entry: Entry;
}

export class Faults {
  /** In the order in which they began. `toMs` of one with a planned end is that end, from the beginning. */
  readonly all: Fault[] = [];
  /** When each node's cable was out. */
  readonly unplugged = new Map<NodeId, Growing<Span>[]>();
  readonly #open = new Map<string, Growing<Fault>>();

  addAction(action: LabAction, entry: Entry): void {
    const { time: atMs } = entry;
    if (action.action === "impair") {
      const { fault, pairs, impairment, untilMs } = action;
      const kind = impairment.cut || impairment.loss >= 1 ? "partition" : "netem";
      const nodes = [...new Set(pairs.map(({ from }) => from))].sort((a, b) => a - b);
      this.#end(fault, atMs);
      this.#begin({ id: fault, kind, nodes, pairs, impairment, entry, fromMs: atMs, toMs: untilMs ?? forEver });
    } else if (action.action === "unplug") {
      this.#end(action.fault, atMs);
      for (const id of action.nodes) {
        this.#plug(id, atMs);
        append(this.unplugged, id, { fromMs: atMs, toMs: forEver });
      }
      const cables = { kind: "unplug", nodes: action.nodes, pairs: [], impairment: null } as const;
      this.#begin({ id: action.fault, ...cables, entry, fromMs: atMs, toMs: forEver });
    } else if (action.action === "heal") {
      for (const id of action.healed) this.#end(id, atMs);
      for (const id of action.plugged) this.#plug(id, atMs);
      for (const fault of [...this.#open.values()])
        if (fault.kind === "unplug" && fault.nodes.every((id) => !this.#isOut(id))) this.#end(fault.id, atMs);
    }
  }

  #begin(fault: Growing<Fault>): void {
    this.all.push(fault);
    this.#open.set(fault.id, fault);
  }

  #end(id: string, atMs: number): void {
    const fault = this.#open.get(id);
    if (fault === undefined) return;
    this.#open.delete(id);
    fault.toMs = Math.min(fault.toMs, atMs);
    if (fault.kind === "unplug") for (const node of fault.nodes) this.#plug(node, atMs);
  }

  #plug(node: NodeId, atMs: number): void {
    const last = this.unplugged.get(node)?.at(-1);
    if (last !== undefined) last.toMs = Math.min(last.toMs, atMs);
  }

  #isOut(node: NodeId): boolean {
    return this.unplugged.get(node)?.at(-1)?.toMs === forEver;
  }
}

const forEver = Number.POSITIVE_INFINITY;
