/**
 * The lives of the nodes: when each process of a node began, when and how it ended, and who says so.
 *
 * A life begins with its boot line (`books: boot`); in a journal without details, with a new incarnation. What a process wrote before its
 * boot line belongs to it too. A life ends with the node's own last word, with what the lab did, with what the engine says, or at the latest
 * when the next life begins. A life that only falls silent goes on: it may hang, and nothing else says that it is over.
 */
import type { NodeId } from "../../../node/wire/ids.ts";
import type { Entry } from "../entry.ts";
import type { RunFacts } from "../journal.ts";
import type { LabAction } from "../lab-entry.ts";
import { effectOfSignal } from "./signal-effect.ts";
import { append, type Growing, type Span } from "./span.ts";

export type EndCause =
  /** SIGKILL and other signals that nothing handles. */
  | "killed"
  /** SIGTERM, `lab stop`: it was asked to leave and exit. */
  | "stopped"
  /** It said that it leaves, or the lab told it to. */
  | "left"
  /** It ended itself, with an exit code. */
  | "exited"
  /** The engine found it dead, and nobody had said why. */
  | "died"
  /** The next life began, and no line tells of this one's end. */
  | "unseen";

export interface LifeEnd {
  /** Of an `unseen` end: the life's last line. */
  readonly atMs: number;
  readonly cause: EndCause;
  readonly by: "node" | "lab" | "engine" | "next life";
  /** The line that says so; null: `unseen`. */
  readonly entry: Entry | null;
  readonly exitCode?: number;
  /** Memory ran out. */
  readonly oom?: boolean;
  readonly signal?: string;
}

/** One process of a node. It lasts to its end, or to its own last line if that came later; Infinity: it runs. */
export interface Life extends Span {
  readonly node: NodeId;
  /** 0, 1, 2, … of its node. */
  readonly number: number;
  /** Of its first line that has one, and of its last: a process may go on under a higher one. 0: its store isn't open yet. */
  readonly firstInc: number;
  readonly inc: number;
  readonly lastMs: number;
  /** How many it wrote. */
  readonly lines: number;
  /** What it found on its disk; null: the line is missing, or the node doesn't tell details. */
  readonly boot: Entry | null;
  /** None of its lines is missing so far, as their numbers tell. */
  readonly isWhole: boolean;
  /** From here on it takes no part: it leaves, or another process has its id. Null: it takes part. */
  readonly retiredAtMs: number | null;
  readonly end: LifeEnd | null;
}

/** A stretch in which a node had no process that takes part. */
export interface Absence extends Span {
  /** From here on there surely was none: of some ends only the latest possible time is known. Infinity: never for sure. */
  readonly surelyFromMs: number;
}

type GrowingLife = { -readonly [K in keyof Life]: Life[K] } & {
  /** Where its last incarnation began: those lines belong to the next life, if a boot line follows. */
  turn: { readonly fromMs: number; readonly lastMs: number; readonly inc: number; readonly lines: number } | null;
};

export class Lives {
  /** In the order in which they began. */
  readonly all: Life[] = [];
  readonly ofNode = new Map<NodeId, Life[]>();
  readonly absences = new Map<NodeId, Growing<Absence>[]>();
  /** Nodes whose disk the lab replaced by an empty one or an older copy, with when. */
  readonly wiped = new Map<NodeId, number[]>();
  readonly #facts: Pick<RunFacts, "runtime" | "isDetailed">;
  /** What the lab last did to end a process of the node, unless it has started one since. */
  readonly #lastEnds = new Map<NodeId, LifeEnd>();
  /** Of each node's last line. */
  readonly #numbers = new Map<NodeId, { readonly inc: number; readonly seq: number }>();

  constructor(facts: Pick<RunFacts, "runtime" | "isDetailed">) {
    this.#facts = facts;
  }

  /** The node's last life, over or not. */
  current(node: NodeId): Life | undefined {
    return this.ofNode.get(node)?.at(-1);
  }

  /** @returns the life that wrote the line */
  addLine(entry: Entry): Life {
    let life = this.current(entry.node) as GrowingLife | undefined;
    if (life === undefined || this.#beginsLife(entry, life)) life = this.#begin(entry, life);
    else if (entry.inc > life.inc && life.firstInc > 0)
      life.turn = { fromMs: entry.time, lastMs: life.lastMs, inc: life.inc, lines: life.lines };
    if (this.#isBehindGap(entry)) life.isWhole = false;
    if (entry.books === "boot") life.boot = entry;
    if (entry.inc > life.inc) life.inc = entry.inc;
    if (life.firstInc === 0) life.firstInc = entry.inc;
    life.lines += 1;
    life.lastMs = Math.max(life.lastMs, entry.time);
    if (life.end !== null) life.toMs = Math.max(life.toMs, entry.time);
    this.#readEnd(entry, life);
    return life;
  }

  addAction(action: LabAction, entry: Entry): void {
    const { time: atMs } = entry;
    switch (action.action) {
      case "start":
        for (const id of action.nodes) this.#lastEnds.delete(id);
        return;
      case "kill": {
        const effect = effectOfSignal(action.signal, this.#facts.runtime);
        if (effect !== "ends" && effect !== "leaves") return;
        const cause = effect === "ends" ? "killed" : "stopped";
        for (const id of action.nodes) this.#end(id, { atMs, cause, by: "lab", entry, signal: action.signal });
        return;
      }
      case "stop":
        for (const id of action.nodes) this.#end(id, { atMs, cause: "stopped", by: "lab", entry });
        return;
      case "leave":
      case "remove":
        for (const id of action.nodes) this.#end(id, { atMs, cause: "left", by: "lab", entry });
        return;
      case "scale":
        for (const id of action.removed) this.#end(id, { atMs, cause: "left", by: "lab", entry });
        return;
      case "died":
        for (const id of action.nodes) this.#takeDeath(id, action, entry);
        return;
      case "wipe":
      case "restore":
        for (const id of action.nodes) append(this.wiped, id, atMs);
        return;
      default:
        return;
    }
  }

  #beginsLife(entry: Entry, life: GrowingLife): boolean {
    // A line of before the store was open can only be a new process's.
    if (entry.inc === 0) return life.inc > 0;
    if (life.firstInc === 0) return false;
    if (!this.#facts.isDetailed) return entry.inc !== life.inc;
    // Its own boot line may come after other lines of it.
    return entry.books === "boot" && (life.boot !== null || entry.inc !== life.inc || life.turn !== null);
  }

  #isBehindGap({ node, inc, seq }: Entry): boolean {
    const last = this.#numbers.get(node);
    this.#numbers.set(node, { inc, seq });
    const expected = last?.inc === inc ? last.seq + 1 : 1;
    return seq > expected;
  }

  #begin(entry: Entry, before: GrowingLife | undefined): GrowingLife {
    let fromMs = entry.time;
    let lines = 0;
    const turn = before?.turn ?? null;
    if (before !== undefined && turn !== null && before.inc === entry.inc) {
      fromMs = turn.fromMs;
      lines = before.lines - turn.lines;
      Object.assign(before, { lastMs: turn.lastMs, inc: turn.inc, lines: turn.lines, turn: null });
      if (before.end !== null) before.toMs = Math.max(before.end.atMs, before.lastMs);
    }
    if (before !== undefined && before.end === null)
      this.#close(
        before,
        { atMs: before.lastMs, cause: "unseen", by: "next life", entry: null },
        Number.POSITIVE_INFINITY,
      );
    // Started and ended in one instant, and the lab's lines come first: it is over already.
    const lastEnd = this.#lastEnds.get(entry.node);
    const end = lastEnd !== undefined && lastEnd.atMs >= fromMs ? lastEnd : null;
    const absence = this.absences.get(entry.node)?.at(-1);
    if (end === null && absence?.toMs === Number.POSITIVE_INFINITY) absence.toMs = Math.max(absence.fromMs, fromMs);
    const life: GrowingLife = {
      ...{ node: entry.node, number: (before?.number ?? -1) + 1, firstInc: entry.inc, inc: entry.inc },
      ...{ fromMs, toMs: end === null ? Number.POSITIVE_INFINITY : end.atMs, lastMs: fromMs, lines },
      ...{ boot: null, isWhole: true, retiredAtMs: null, end, turn: null },
    };
    this.all.push(life);
    append(this.ofNode, entry.node, life);
    return life;
  }

  #readEnd(entry: Entry, life: GrowingLife): void {
    const { time: atMs, exit, phase } = entry;
    const isGoing = phase === "LEAVING" || phase === "LEFT" || phase === "CONFLICT";
    if (isGoing && life.retiredAtMs === null) {
      life.retiredAtMs = atMs;
      this.#openAbsence(life.node, atMs);
    }
    if (typeof exit !== "number") return;
    if (life.end !== null) life.end = { ...life.end, exitCode: exit };
    else {
      const cause = life.retiredAtMs === null || exit !== 0 ? "exited" : "left";
      this.#close(life, { atMs, cause, by: "node", entry, exitCode: exit });
    }
  }

  #end(node: NodeId, end: LifeEnd): void {
    this.#lastEnds.set(node, end);
    const life = this.current(node) as GrowingLife | undefined;
    if (life === undefined) this.#openAbsence(node, end.atMs);
    else if (life.end === null) this.#close(life, end);
  }

  #close(life: GrowingLife, end: LifeEnd, surelyFromMs = end.atMs): void {
    life.end = end;
    life.toMs = Math.max(end.atMs, life.lastMs);
    this.#openAbsence(life.node, end.atMs, surelyFromMs);
  }

  /** What the engine says comes late: the life that it is about may have a successor. */
  #takeDeath(node: NodeId, action: Extract<LabAction, { action: "died" }>, entry: Entry): void {
    const { exitCode, oom, signal } = action;
    const knownMs = action.atMs ?? entry.time;
    const life = this.ofNode.get(node)?.findLast(({ fromMs }) => fromMs <= knownMs) as GrowingLife | undefined;
    if (life === undefined) {
      this.#openAbsence(node, knownMs);
      return;
    }
    // At the earliest right after its last line.
    const atMs = action.atMs ?? life.lastMs;
    const facts = {
      ...(exitCode === null ? {} : { exitCode }),
      ...(oom ? { oom } : {}),
      ...(signal === undefined ? {} : { signal }),
    };
    if (life.end === null) this.#close(life, { atMs, cause: "died", by: "engine", entry, ...facts }, knownMs);
    else if (life.end.cause === "unseen")
      life.end = { ...life.end, atMs, cause: "died", by: "engine", entry, ...facts };
    else life.end = { ...facts, ...life.end };
  }

  #openAbsence(node: NodeId, fromMs: number, surelyFromMs = fromMs): void {
    const last = this.absences.get(node)?.at(-1);
    if (last !== undefined && last.toMs === Number.POSITIVE_INFINITY) return;
    append(this.absences, node, { fromMs, surelyFromMs, toMs: Number.POSITIVE_INFINITY });
  }
}
