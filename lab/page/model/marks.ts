/** The moments worth a mark on the timeline, grown line by line with the journal. */
import type { Entry } from "../../journal/entry.ts";
import { type LabAction, readLabAction } from "../../journal/lab-entry.ts";
import type { Life } from "../../journal/story/lives.ts";

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

const FAILED_GAP_MS = 5_000;

export class Marks {
  readonly all: Mark[] = [];
  readonly #lives = new Map<number, Life>();
  readonly #leads = new Map<number, string>();
  readonly #failedAtMs = new Map<number, number>();
  #electionAtMs = Number.NEGATIVE_INFINITY;

  /** @param life the one that wrote the line; null: the lab did */
  add(entry: Entry, index: number, life: Life | null): void {
    const place = { atMs: entry.time, index };
    if (life === null) {
      const action = readLabAction(entry);
      if (action !== null) this.#addAction(action, entry, place);
      return;
    }
    const { node } = life;
    const before = this.#lives.get(node);
    this.#lives.set(node, life);
    if (before !== undefined && before !== life) {
      this.#leads.delete(node);
      this.#mark("begin", node, place, `Node ${node} is back`);
    }
    if (entry.kind === "election") this.#addElection(entry, place);
    else if (entry.kind === "member" && entry.state === "FAILED") this.#addFailed(entry, place);
    else if (entry.kind === "state" && entry.level === "error") this.#mark("violation", node, place, entry.msg);
  }

  within(fromMs: number, toMs: number): readonly Mark[] {
    return this.all.filter((mark) => mark.atMs >= fromMs && mark.atMs <= toMs);
  }

  /** Forgets what was over before. */
  forget(beforeMs: number): void {
    const marks = this.all.filter((mark) => mark.atMs >= beforeMs);
    this.all.splice(0, this.all.length, ...marks);
  }

  /** Something that a checker found. */
  addViolation(mark: Omit<Mark, "kind">): void {
    this.all.push({ ...mark, kind: "violation" });
    this.all.sort((a, b) => a.atMs - b.atMs);
  }

  #addElection({ node, role, term = 0, elected = false }: Entry, place: Place): void {
    if (role === undefined) return;
    const lead = role === "COORDINATOR" ? `${term} ${elected}` : "";
    const isNew = this.#leads.get(node) !== lead;
    this.#leads.set(node, lead);
    if (role === "COORDINATOR" && isNew) {
      const how = elected ? `elected in term ${term}` : "provisional: no quorum";
      this.#mark("leader", node, place, `Node ${node} is coordinator, ${how}`);
    }
    if (role !== "CANDIDATE") return;
    if (place.atMs - this.#electionAtMs > ELECTION_GAP_MS)
      this.#mark("election", node, place, `Node ${node} starts an election`);
    this.#electionAtMs = place.atMs;
  }

  /** All nodes that notice one death make one mark. */
  #addFailed({ node, peer = 0 }: Entry, place: Place): void {
    const before = this.#failedAtMs.get(peer) ?? Number.NEGATIVE_INFINITY;
    this.#failedAtMs.set(peer, place.atMs);
    if (place.atMs - before >= FAILED_GAP_MS)
      this.#mark("failed", peer, place, `Node ${peer} is FAILED, says node ${node}`);
  }

  #addAction(action: LabAction, entry: Entry, place: Place): void {
    const kind = ACTION_MARKS[action.action];
    const node = "nodes" in action && kind !== "fault" ? (action.nodes[0] ?? 0) : 0;
    if (kind !== undefined) this.#mark(kind, node, place, entry.msg);
    else if (action.action === "step" && action.state !== "end")
      this.#mark(action.state === "failed" ? "violation" : "step", 0, place, entry.msg);
  }

  #mark(kind: MarkKind, node: number, { atMs, index }: Place, text: string): void {
    this.all.push({ kind, node, atMs, index, text });
  }
}

type Place = Pick<Mark, "atMs" | "index">;

const ACTION_MARKS: Readonly<Partial<Record<LabAction["action"], MarkKind>>> = {
  kill: "end",
  stop: "end",
  leave: "end",
  died: "end",
  wipe: "end",
  restore: "end",
  pause: "end",
  resume: "begin",
  impair: "fault",
  unplug: "fault",
  heal: "heal",
};
