/**
 * A node's disk as a model: transactions are applied in order, become durable after a drawn delay, and a crash keeps any prefix of
 * what was not yet confirmed (the operating system may have written it or not). What it must never lose is what it confirmed.
 *
 * Group commit as in the runtime: a commit starts at once; what arrives meanwhile joins the next.
 */
import type { BuyIntent, Recovered, Row } from "../../node/core/types.ts";
import type { Genesis, TradeRecord } from "../../node/wire/message.ts";
import type { Draw } from "./draw.ts";
import type { EventQueue, ScheduledEvent } from "./event-queue.ts";

export interface DiskModel {
  readonly syncMinMs: number;
  readonly syncMaxMs: number;
}

/** What an SSD with WAL does; the upper end is a busy disk. */
export const DISK_SSD: DiskModel = { syncMinMs: 0.3, syncMaxMs: 2 };

interface PendingWrite {
  readonly writeId: number;
  readonly rows: readonly Row[];
  readonly done: (failure: string | null) => void;
}

export class SimStore {
  model: DiskModel;
  /** Every write fails from now on, with this reason (disk full); null: healthy. */
  failure: string | null = null;
  incarnation = 0;
  term = 0;
  votedFor: number | null = null;
  private readonly accounts = new Map<number, Genesis>();
  private readonly records: TradeRecord[] = [];
  private readonly counts = new Map<number, number>();
  private readonly intents = new Map<string, BuyIntent>();
  private queued: PendingWrite[] = [];
  private committing: PendingWrite[] = [];
  private commit: ScheduledEvent | null = null;

  private readonly queue: EventQueue;
  private readonly draw: Draw;

  constructor(queue: EventQueue, draw: Draw, model: Partial<DiskModel>) {
    this.queue = queue;
    this.draw = draw;
    this.model = { ...DISK_SSD, ...model };
  }

  write(writeId: number, rows: readonly Row[], done: (failure: string | null) => void): void {
    this.queued.push({ writeId, rows, done });
    if (this.commit === null) this.startCommit();
  }

  /** The process died. The rows of a random prefix of the unconfirmed writes survive; nobody is told. */
  crash(): void {
    if (this.commit !== null) this.queue.cancel(this.commit);
    this.commit = null;
    const pending = [...this.committing, ...this.queued];
    this.committing = [];
    this.queued = [];
    const survivors = this.failure === null ? this.draw.integer(0, pending.length) : 0;
    for (const write of pending.slice(0, survivors)) this.apply(write.rows);
  }

  /** An incarnation that no earlier boot used, durable before the first datagram. */
  nextIncarnation(): number {
    this.incarnation += 1;
    return this.incarnation;
  }

  /** An older backup was put back: the boots since then are forgotten. */
  forgetBoots(): void {
    this.incarnation = 0;
  }

  /** Another disk, an empty one. The process must be down. */
  wipe(): void {
    this.crash();
    this.incarnation = 0;
    this.term = 0;
    this.votedFor = null;
    for (const table of [this.accounts, this.counts, this.intents]) table.clear();
    this.records.length = 0;
  }

  /** Whether anything was ever stored: an empty disk boots without `recovered`. */
  get isEmpty(): boolean {
    return this.term === 0 && this.accounts.size === 0 && this.records.length === 0 && this.intents.size === 0;
  }

  recover(): Recovered {
    return structuredClone({
      term: this.term,
      votedFor: this.votedFor,
      accounts: [...this.accounts.values()],
      records: this.records,
      intents: [...this.intents.values()],
    });
  }

  /** Number of the last durable record of `origin`. */
  durableSeq(origin: number): number {
    return this.counts.get(origin) ?? 0;
  }

  /** The durable genesis of an account. */
  genesisOf(id: number): Genesis | undefined {
    return this.accounts.get(id);
  }

  /** A buy that was written down and is not decided. */
  hasIntent(tradeId: string): boolean {
    return this.intents.has(tradeId);
  }

  private startCommit(): void {
    this.committing = this.queued.splice(0, 64);
    this.commit = this.queue.after(this.draw.between(this.model.syncMinMs, this.model.syncMaxMs), () =>
      this.finishCommit(),
    );
  }

  private finishCommit(): void {
    const batch = this.committing;
    const failure = this.failure;
    this.committing = [];
    this.commit = null;
    if (failure === null) for (const write of batch) this.apply(write.rows);
    if (this.queued.length > 0) this.startCommit();
    for (const write of batch) write.done(failure);
  }

  private apply(rows: readonly Row[]): void {
    for (const row of rows) this.applyRow(row);
  }

  private applyRow(row: Row): void {
    switch (row.table) {
      case "record": {
        const { seller_id: origin, seq } = row.record;
        if (seq <= this.durableSeq(origin)) return;
        if (seq !== this.durableSeq(origin) + 1)
          throw new Error(`store: record ${origin}/${seq} leaves a gap after ${this.durableSeq(origin)}`);
        this.counts.set(origin, seq);
        this.records.push(structuredClone(row.record));
        return;
      }
      case "account":
        this.accounts.set(row.account.id, { ...row.account });
        return;
      case "vote":
        if (row.term < this.term) throw new Error(`store: term goes back from ${this.term} to ${row.term}`);
        this.term = row.term;
        this.votedFor = row.votedFor;
        return;
      case "incarnation":
        this.incarnation = Math.max(this.incarnation, row.atLeast);
        return;
      case "intent":
        if (row.done) this.intents.delete(row.intent.tradeId);
        else this.intents.set(row.intent.tradeId, { ...row.intent });
        return;
    }
  }
}
