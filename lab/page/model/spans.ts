/**
 * What lasts: who led, who was down, frozen or cut off, what was held back, and the moments worth a mark on the time line. Grown line
 * by line with the journal, so that a picture of any stretch needn't read it again.
 */
import type { Entry } from "../../journal/entry.ts";
import { readLabAction } from "../../journal/lab-entry.ts";
import type { ClusterState } from "./cluster-state.ts";
import { keyOf } from "./fold-money.ts";

export type SpanKind = "lead" | "down" | "paused" | "fault" | "held";

export interface Span {
  readonly kind: SpanKind;
  /** Whose; 0: the network's. */
  readonly node: number;
  /** Names it among spans of its kind and node: a fault's id, a record. */
  readonly key: string;
  readonly label: string;
  readonly fromMs: number;
  /** Infinity: it goes on. */
  toMs: number;
  /** Number of the entry that began it. */
  readonly index: number;
}

export type MarkKind = "leader" | "election" | "fault" | "heal" | "end" | "begin" | "failed" | "step" | "violation";

export interface Mark {
  readonly kind: MarkKind;
  readonly node: number;
  readonly atMs: number;
  readonly index: number;
  /** What a screen reader says and a tooltip shows: "Node 4 is coordinator, term 2". */
  readonly text: string;
}

/** Elections that follow each other closer than this are one mark. */
const ELECTION_GAP_MS = 200;

export class Spans {
  readonly all: Span[] = [];
  readonly marks: Mark[] = [];
  readonly #open = new Map<string, Span>();
  #electionAtMs = Number.NEGATIVE_INFINITY;
  readonly #failedAtMs = new Map<number, number>();

  /** To be called with the state after the entry. */
  add(entry: Entry, index: number, atMs: number, state: ClusterState): void {
    if (entry.node === 0) {
      this.#addLab(entry, index, atMs, state);
      return;
    }
    const node = state.nodes.get(entry.node);
    if (node === undefined) return;
    if (this.#close("down", node.id, "", atMs, node.process === "running"))
      this.#mark("begin", node.id, atMs, index, `Node ${node.id} is back`);
    this.#close("paused", node.id, "", atMs, node.process === "running" && entry.kind === "state");
    if (entry.kind === "election") this.#addElection(entry, index, atMs, node.role === "COORDINATOR", node.elected);
    else if (entry.kind === "hold") this.#addHold(entry, index, atMs);
    else if (entry.kind === "member" && entry.state === "FAILED") this.#addFailed(entry, index, atMs);
    else if (entry.kind === "state" && (node.process === "stopped" || node.process === "left"))
      this.#begin("down", node.id, "", node.process === "left" ? "left" : "stopped", atMs, index);
    else if (entry.kind === "state" && entry.level === "error")
      this.#mark("violation", node.id, atMs, index, entry.msg);
  }

  /** What touches the stretch of time, in the order of beginning. */
  within(fromMs: number, toMs: number, kind?: SpanKind): readonly Span[] {
    return this.all.filter(
      (span) => span.fromMs <= toMs && span.toMs >= fromMs && (kind === undefined || span.kind === kind),
    );
  }

  marksWithin(fromMs: number, toMs: number): readonly Mark[] {
    return this.marks.filter((mark) => mark.atMs >= fromMs && mark.atMs <= toMs);
  }

  /** Forgets what was over before. */
  trim(fromMs: number): void {
    const kept = this.all.filter((span) => span.toMs >= fromMs);
    this.all.splice(0, this.all.length, ...kept);
    const marks = this.marks.filter((mark) => mark.atMs >= fromMs);
    this.marks.splice(0, this.marks.length, ...marks);
  }

  /** Something that a checker found. */
  addViolation(mark: Omit<Mark, "kind">): void {
    this.marks.push({ ...mark, kind: "violation" });
    this.marks.sort((a, b) => a.atMs - b.atMs);
  }

  #addElection(entry: Entry, index: number, atMs: number, leads: boolean, elected: boolean): void {
    const { node, term = 0 } = entry;
    const key = `${term}${elected ? "" : " provisional"}`;
    const span = this.#open.get(`lead/${node}/`);
    if (!leads) {
      this.#close("lead", node, "", atMs, true);
      if (entry.role === "CANDIDATE" && atMs - this.#electionAtMs > ELECTION_GAP_MS)
        this.#mark("election", node, atMs, index, `Node ${node} starts an election`);
      if (entry.role === "CANDIDATE") this.#electionAtMs = atMs;
      return;
    }
    if (span !== undefined && span.label === key) return;
    this.#close("lead", node, "", atMs, true);
    this.#begin("lead", node, "", key, atMs, index);
    const how = elected ? `elected in term ${term}` : "provisional: no quorum";
    this.#mark("leader", node, atMs, index, `Node ${node} is coordinator, ${how}`);
  }

  #addHold(entry: Entry, index: number, atMs: number): void {
    const key = keyOf(entry.from ?? 0, entry.record_seq ?? 0);
    if (entry.released === true) this.#close("held", entry.node, key, atMs, true);
    else
      this.#begin("held", entry.node, key, `${key}: ${entry.amount ?? 0} credits to ${entry.to ?? "?"}`, atMs, index);
  }

  /** All who notice one death make one mark. */
  #addFailed(entry: Entry, index: number, atMs: number): void {
    const peer = entry.peer ?? 0;
    const before = this.#failedAtMs.get(peer) ?? Number.NEGATIVE_INFINITY;
    this.#failedAtMs.set(peer, atMs);
    if (atMs - before < 5_000) return;
    this.#mark("failed", peer, atMs, index, `Node ${peer} is FAILED, says node ${entry.node}`);
  }

  #addLab(entry: Entry, index: number, atMs: number, state: ClusterState): void {
    const action = readLabAction(entry);
    if (action === null) return;
    switch (action.action) {
      case "kill":
      case "stop":
      case "leave":
        for (const id of action.nodes) this.#endNode(id, state, atMs, index);
        this.#mark("end", action.nodes[0] ?? 0, atMs, index, entry.msg);
        break;
      case "wipe":
        this.#mark("end", action.nodes[0] ?? 0, atMs, index, entry.msg);
        break;
      case "pause":
        for (const id of action.nodes) {
          this.#begin("paused", id, "", "paused", atMs, index);
          const span = this.#open.get(`paused/${id}/`);
          if (span !== undefined && action.untilMs !== null) span.toMs = action.untilMs;
        }
        this.#mark("end", action.nodes[0] ?? 0, atMs, index, entry.msg);
        break;
      case "resume":
        for (const id of action.nodes) this.#close("paused", id, "", atMs, true);
        this.#mark("begin", action.nodes[0] ?? 0, atMs, index, entry.msg);
        break;
      case "impair":
        this.#begin("fault", 0, action.fault, entry.msg, atMs, index, action.untilMs ?? Number.POSITIVE_INFINITY);
        this.#mark("fault", 0, atMs, index, entry.msg);
        break;
      case "unplug":
        this.#begin("fault", 0, action.fault, entry.msg, atMs, index);
        this.#mark("fault", 0, atMs, index, entry.msg);
        break;
      case "heal":
        for (const fault of action.healed) this.#close("fault", 0, fault, atMs, true);
        this.#mark("heal", 0, atMs, index, entry.msg);
        break;
      case "step":
        if (action.state !== "end") {
          const isFailed = action.state === "failed";
          this.#mark(isFailed ? "violation" : "step", 0, atMs, index, entry.msg);
        }
        break;
      default:
        break;
    }
  }

  #endNode(id: number, state: ClusterState, atMs: number, index: number): void {
    const process = state.nodes.get(id)?.process;
    if (process === undefined || process === "running" || process === "paused") return;
    this.#close("lead", id, "", atMs, true);
    this.#close("paused", id, "", atMs, true);
    for (const span of [...this.#open.values()])
      if (span.kind === "held" && span.node === id) this.#close("held", id, span.key, atMs, true);
    this.#begin("down", id, "", process, atMs, index);
  }

  #begin(
    kind: SpanKind,
    node: number,
    key: string,
    label: string,
    fromMs: number,
    index: number,
    toMs = Number.POSITIVE_INFINITY,
  ): void {
    const name = `${kind}/${node}/${key}`;
    if (this.#open.has(name)) return;
    const span = { kind, node, key, label, fromMs, toMs, index };
    this.all.push(span);
    this.#open.set(name, span);
  }

  #close(kind: SpanKind, node: number, key: string, atMs: number, isDue: boolean): boolean {
    const name = `${kind}/${node}/${key}`;
    const span = this.#open.get(name);
    if (span === undefined || !isDue) return false;
    span.toMs = Math.min(span.toMs, atMs);
    this.#open.delete(name);
    return true;
  }

  #mark(kind: MarkKind, node: number, atMs: number, index: number, text: string): void {
    this.marks.push({ kind, node, atMs, index, text });
  }
}
