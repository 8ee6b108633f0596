// Journals made by hand, for tests of checkers: a few words a line.
import { runChecks } from "../../lab/check/checkers.ts";
import type { CheckResult } from "../../lab/check/verdict.ts";
import type { Entry } from "../../lab/journal/entry.ts";
import { assembleJournal, type Journal, type RunFacts } from "../../lab/journal/journal.ts";
import type { LabAction } from "../../lab/journal/lab-entry.ts";

const FACTS: RunFacts = {
  lab: "made",
  run: null,
  runtime: "local",
  profile: "fast",
  nodes: [1, 2, 3],
  voters: [1, 2, 3],
  seed: null,
  isDetailed: true,
  hasWire: false,
};

/** Numbers lines by itself; time goes on by a millisecond a line, or to what `at` says. */
export class MadeJournal {
  private readonly entries: Entry[] = [];
  private readonly seqs = new Map<string, number>();
  private readonly facts: RunFacts;
  private timeMs = 0;

  constructor(facts: Partial<RunFacts> = {}) {
    this.facts = { ...FACTS, ...facts };
  }

  /** Those that wrote something. */
  private nodes(): readonly number[] {
    return [...new Set(this.entries.map(({ node }) => node))].filter((node) => node !== 0);
  }

  at(timeMs: number): this {
    this.timeMs = timeMs - 1;
    return this;
  }

  line(node: number, fields: Partial<Entry>): this {
    const inc = fields.inc ?? (node === 0 ? 0 : 1);
    const key = `${node}.${inc}`;
    const seq = (this.seqs.get(key) ?? 0) + 1;
    this.seqs.set(key, seq);
    this.timeMs += 1;
    const clocks = { time: this.timeMs, mono: this.timeMs };
    this.entries.push({ kind: "state", level: "debug", msg: "", ...clocks, ...fields, node, inc, seq } as Entry);
    return this;
  }

  lab(action: LabAction): this {
    return this.line(0, { kind: "fault", ...action, node: 0 } as Partial<Entry>);
  }

  /** Begins a life; without `balances` every account has 100 credits. */
  boot(node: number, vc: Record<number, number>, fields: Partial<Entry> = {}): this {
    const balances = Object.fromEntries(Object.keys(vc).map((id) => [id, 100]));
    const issued = 100 * Object.keys(vc).length;
    return this.line(node, { books: "boot", vc, balances, issued, durable: true, seen: 0, ...fields });
  }

  /** The books as `node` says they are. */
  books(node: number, books: string, vc: Record<number, number>, fields: Partial<Entry> = {}): this {
    return this.boot(node, vc, { books, ...fields });
  }

  /** A delivery of debit `from`/`seq` at `node`; the payer's own line is that of its commit. */
  deliver(node: number, record: MadeRecord, fields: Partial<Entry> = {}): this {
    const { from, seq, to, amount = 10, vc = {}, trade = `${from}-${to}-1.${seq}` } = record;
    const own = node === from ? { kind: "trade" as const, outcome: "committed" } : { kind: "deliver" as const };
    const causes = { ...vc, [from]: seq };
    return this.line(node, { ...own, from, to, amount, record_seq: seq, id: trade, vc: causes, ...fields });
  }

  member(node: number, peer: number, state: string, fields: Partial<Entry> = {}): this {
    return this.line(node, { kind: "member", peer, state, peer_inc: 1, ...fields });
  }

  follow(node: number, coordinator: number | null, term: number, fields: Partial<Entry> = {}): this {
    const role = node === coordinator ? "COORDINATOR" : "FOLLOWER";
    return this.line(node, { kind: "election", coordinator, term, elected: true, role, seen: term, ...fields });
  }

  get journal(): Journal {
    return assembleJournal({ ...this.facts, nodes: this.nodes() }, this.entries);
  }
}

export interface MadeRecord {
  readonly from: number;
  readonly seq: number;
  readonly to: number;
  readonly amount?: number;
  /** Its causes beside its own number. */
  readonly vc?: Record<number, number>;
  readonly trade?: string;
}

/** The verdict of one checker. */
export function judge(name: string, made: MadeJournal): CheckResult {
  const [result] = runChecks(made.journal, [name]);
  if (result === undefined) throw new Error(`no checker ${name}`);
  return result;
}
