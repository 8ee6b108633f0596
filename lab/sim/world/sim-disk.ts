/**
 * A node's disk as a model: transactions are applied in order, become durable after a drawn delay, and a crash keeps any prefix of
 * what was not yet confirmed (the operating system may have written it or not). What it must never lose is what it confirmed.
 *
 * It is slow at times, and it fails in two ways: full (nothing of a write is kept) and broken (the sync fails, and nobody knows what is
 * on the disk: any prefix of it). Either way all writes fail until somebody repairs it.
 *
 * Group commit as in the runtime: a commit starts at once; what arrives meanwhile joins the next.
 */

import type { BuyIntent, Departure, OwnStanding, Recovered, Row, SnapshotRow } from "../../../node/core/kernel/rows.ts";
import type { Archive } from "../../../node/core/ledger/recall.ts";
import { initiatorOf } from "../../../node/core/ledger/trade-index.ts";
import type { Genesis, TradeRecord } from "../../../node/wire/message.ts";
import type { Draw } from "./draw.ts";
import type { EventQueue, ScheduledEvent } from "./event-queue.ts";

export interface DiskModel {
  readonly syncMinMs: number;
  readonly syncMaxMs: number;
  /** Chance that a sync takes up to `stallMs` longer: another process has the disk. */
  readonly stall: number;
  readonly stallMs: number;
  /** Rows that contradict each other end the run: the core must not ask for them. False: a disk takes what it is given. */
  readonly isStrict: boolean;
}

/** What an SSD with WAL does; the upper end is a busy disk. */
export const DISK_SSD: DiskModel = { syncMinMs: 0.3, syncMaxMs: 2, stall: 0, stallMs: 500, isStrict: true };

/** `full`: no space left. `broken`: input/output errors. */
export type DiskFault = "full" | "broken";

const REASONS: Readonly<Record<DiskFault, string>> = { full: "disk full", broken: "input/output error" };

interface PendingWrite {
  readonly rows: readonly Row[];
  readonly done: (failure: string | null) => void;
}

/** The contents of a disk as plain data: a copy of it is a backup. */
export interface DiskImage {
  incarnation: number;
  term: number;
  votedFor: number | null;
  abstains: boolean;
  own: OwnStanding;
  readonly departures: Map<number, Departure>;
  readonly accounts: Map<number, Genesis>;
  readonly records: TradeRecord[];
  /** The same, by what they are asked for: debit, trade, and initiator with request. */
  readonly index: Map<string, TradeRecord[]>;
  /** Number of the last record of each account. */
  readonly counts: Map<number, number>;
  readonly intents: Map<string, BuyIntent>;
  readonly intended: Set<string>;
  readonly fences: Map<number, { readonly at: number; readonly asker?: number }>;
  readonly rows: Map<number, SnapshotRow>;
  ownSince: number;
}

function createDisk(): DiskImage {
  return {
    incarnation: 0,
    term: 0,
    votedFor: null,
    abstains: false,
    own: "whole",
    departures: new Map(),
    accounts: new Map(),
    records: [],
    index: new Map(),
    counts: new Map(),
    intents: new Map(),
    intended: new Set(),
    fences: new Map(),
    rows: new Map(),
    ownSince: 0,
  };
}

/** First in the bytes of a saved disk. */
const DISK_MARK = "disk of a simulated energy node";

/** A backup as a file: JSON, with maps and sets as lists of their entries. */
export function encodeDisk(image: DiskImage): Uint8Array {
  const asLists = (_key: string, value: unknown) =>
    value instanceof Map ? { map: [...value] } : value instanceof Set ? { set: [...value] } : value;
  return new TextEncoder().encode(JSON.stringify([DISK_MARK, image], asLists));
}

/** Null: other bytes. */
export function decodeDisk(bytes: Uint8Array): DiskImage | null {
  const fromLists = (_key: string, value: { map?: [unknown, unknown][]; set?: unknown[] } | null) =>
    Array.isArray(value?.map) ? new Map(value.map) : Array.isArray(value?.set) ? new Set(value.set) : value;
  try {
    const [mark, image] = JSON.parse(new TextDecoder().decode(bytes), fromLists) as [unknown, DiskImage];
    return mark === DISK_MARK ? image : null;
  } catch {
    return null;
  }
}

export class SimStore {
  model: DiskModel;
  /** Every write fails from now on; null: healthy. */
  fault: DiskFault | null = null;
  private disk = createDisk();
  private queued: PendingWrite[] = [];
  private committing: PendingWrite[] = [];
  private commit: ScheduledEvent | null = null;
  /** The process writes nothing more after its first failed write: what it would write builds on what may not be there. */
  private stoppedBy: DiskFault | null = null;

  private readonly queue: EventQueue;
  private readonly draw: Draw;

  constructor(queue: EventQueue, draw: Draw, model: Partial<DiskModel>) {
    this.queue = queue;
    this.draw = draw;
    this.model = { ...DISK_SSD, ...model };
  }

  write(rows: readonly Row[], done: (failure: string | null) => void): void {
    this.queued.push({ rows, done });
    if (this.commit === null) this.startCommit();
  }

  /** The process ends by itself: what waits is committed first. */
  close(): void {
    while (this.commit !== null) {
      this.queue.cancel(this.commit);
      this.finishCommit();
    }
  }

  /** The process died or ended. The rows of a random prefix of the unconfirmed writes survive; nobody is told. */
  crash(): void {
    if (this.commit !== null) this.queue.cancel(this.commit);
    this.commit = null;
    const pending = [...this.committing, ...this.queued];
    this.committing = [];
    this.queued = [];
    if (this.fault !== "full" && this.stoppedBy === null) this.applyPrefix(pending);
    this.stoppedBy = null;
  }

  /** An incarnation that no earlier boot used, durable before the first datagram. */
  nextIncarnation(): number {
    this.disk.incarnation += 1;
    return this.disk.incarnation;
  }

  /** A copy of what is on the disk now, also while the process runs. */
  save(): DiskImage {
    return structuredClone(this.disk);
  }

  /** The disk holds what it held when it was saved. The process must be down. */
  restore(image: DiskImage): void {
    this.crash();
    this.fault = null;
    this.disk = structuredClone(image);
  }

  /** Another disk, an empty one, which has no fault of the former. The process must be down. */
  wipe(): void {
    this.restore(createDisk());
  }

  /** The process has seen a write fail, or will as soon as it gets to it. */
  get hasFailed(): boolean {
    return this.stoppedBy !== null;
  }

  get term(): number {
    return this.disk.term;
  }

  get votedFor(): number | null {
    return this.disk.votedFor;
  }

  get incarnation(): number {
    return this.disk.incarnation;
  }

  /** Whether anything was ever stored: an empty disk boots without `recovered`. */
  get isEmpty(): boolean {
    return (
      this.disk.term === 0 &&
      this.disk.accounts.size === 0 &&
      this.disk.records.length === 0 &&
      this.disk.intents.size === 0
    );
  }

  recover(): Recovered {
    const { rows, ownSince } = this.disk;
    return {
      term: this.disk.term,
      votedFor: this.disk.votedFor,
      abstains: this.disk.abstains,
      own: this.disk.own,
      departures: [...this.disk.departures.values()].map(copyDeparture),
      accounts: [...this.disk.accounts.values()].map((account) => ({ ...account })),
      ...(rows.size === 0 ? {} : { compacted: { rows: [...rows.values()].map(copySnapshot), ownSince } }),
      // Frozen when they were written.
      records: this.disk.records.filter(({ seller_id, seq }) => seq > (rows.get(seller_id)?.seq ?? 0)),
      intents: [...this.disk.intents.values()].map((intent) => ({ ...intent })),
      fences: [...this.disk.fences].map(([account, fence]) => ({ account, ...fence })),
    };
  }

  /** What node `self` finds in its records, as the runtime's archive does. */
  archiveOf(self: number): Archive {
    const { records } = this.disk;
    const find = (name: string): readonly TradeRecord[] => this.disk.index.get(name) ?? [];
    const isOwn = ({ seller_id, buyer_id }: TradeRecord) => seller_id === self || buyer_id === self;
    return {
      recall(key) {
        if (key.kind === "trade") {
          const requested = key.requestId === null ? [] : find(nameOfRequest(key.payee, key.requestId));
          return [...find(nameOfTrade(key.tradeId)), ...requested].find(({ seller_id }) => seller_id === self) ?? null;
        }
        if (key.kind === "debit") return find(nameOfDebit(key.origin, key.seq))[0] ?? null;
        return find(nameOfRequest(self, key.requestId))[0] ?? null;
      },
      trade: (tradeId) => find(nameOfTrade(tradeId))[0] ?? null,
      page: (offset, limit) => ({ total: records.length, records: records.slice(offset, offset + limit) }),
      newestOfOwn: (limit) => records.filter(isOwn).slice(-limit),
    };
  }

  /** Number of the last durable record of `origin`. */
  durableSeq(origin: number): number {
    return this.disk.counts.get(origin) ?? 0;
  }

  /** The durable genesis of an account. */
  genesisOf(id: number): Genesis | undefined {
    return this.disk.accounts.get(id);
  }

  /** A buy that was written down, whether it is decided by now or not. */
  hasIntended(tradeId: string): boolean {
    return this.disk.intended.has(tradeId);
  }

  /** A promise to deliver nothing behind some number of that account. */
  hasPromised(account: number): boolean {
    return this.disk.fences.has(account);
  }

  private startCommit(): void {
    this.committing = this.queued.splice(0, 64);
    const { syncMinMs, syncMaxMs, stall, stallMs } = this.model;
    const stalledMs = this.draw.chance(stall) ? this.draw.between(0, stallMs) : 0;
    this.commit = this.queue.after(this.draw.between(syncMinMs, syncMaxMs) + stalledMs, () => this.finishCommit());
  }

  private finishCommit(): void {
    const batch = this.committing;
    const fault = this.stoppedBy ?? this.fault;
    this.committing = [];
    this.commit = null;
    if (fault === null) for (const write of batch) this.apply(write.rows);
    else if (fault === "broken" && this.stoppedBy === null) this.applyPrefix(batch);
    this.stoppedBy = fault;
    if (this.queued.length > 0) this.startCommit();
    for (const write of batch) write.done(fault === null ? null : REASONS[fault]);
  }

  /** Nobody knows how much of it reached the disk. */
  private applyPrefix(writes: readonly PendingWrite[]): void {
    for (const write of writes.slice(0, this.draw.integer(0, writes.length))) this.apply(write.rows);
  }

  private apply(rows: readonly Row[]): void {
    for (const row of rows) this.applyRow(row);
  }

  /** Records on disk don't change with those in memory: the core must not write into one. */
  private keep(record: TradeRecord): void {
    const { records, index } = this.disk;
    records.push(Object.freeze(record));
    const names = [nameOfDebit(record.seller_id, record.seq), nameOfTrade(record.trade_id)];
    if (record.request_id !== undefined) names.push(nameOfRequest(initiatorOf(record), record.request_id));
    for (const name of names) {
      const known = index.get(name);
      if (known === undefined) index.set(name, [record]);
      else known.push(record);
    }
  }

  private applyRow(row: Row): void {
    switch (row.table) {
      case "record": {
        const { seller_id: origin, seq } = row.record;
        const isKnown = this.disk.index.has(nameOfDebit(origin, seq));
        if (isKnown && !this.model.isStrict) return;
        if (isKnown) throw new Error(`store: record ${origin}/${seq} is written twice`);
        if (seq <= this.durableSeq(origin)) {
          // A snapshot covers it: it is kept for its trade and request.
          this.keep(row.record);
          return;
        }
        if (seq !== this.durableSeq(origin) + 1 && this.model.isStrict)
          throw new Error(`store: record ${origin}/${seq} leaves a gap after ${this.durableSeq(origin)}`);
        this.disk.counts.set(origin, seq);
        this.keep(row.record);
        return;
      }
      case "snapshot":
        for (const taken of row.rows) {
          this.disk.rows.set(taken.id, copySnapshot(taken));
          this.disk.counts.set(taken.id, Math.max(taken.seq, this.durableSeq(taken.id)));
        }
        this.disk.ownSince = row.ownSince;
        return;
      case "account":
        this.disk.accounts.set(row.account.id, { ...row.account });
        return;
      case "vote":
        if (row.term < this.disk.term && this.model.isStrict)
          throw new Error(`store: term goes back from ${this.disk.term} to ${row.term}`);
        this.disk.term = row.term;
        this.disk.votedFor = row.votedFor;
        this.disk.abstains = row.abstains;
        return;
      case "incarnation":
        this.disk.incarnation = Math.max(this.disk.incarnation, row.atLeast);
        return;
      case "own":
        this.disk.own = row.standing;
        return;
      case "departure":
        if (row.departure === null) this.disk.departures.delete(row.node);
        else this.disk.departures.set(row.node, copyDeparture(row.departure));
        return;
      case "fence":
        if (row.at === null) this.disk.fences.delete(row.account);
        else
          this.disk.fences.set(
            row.account,
            row.asker === undefined ? { at: row.at } : { at: row.at, asker: row.asker },
          );
        return;
      case "intent":
        if (row.done) this.disk.intents.delete(row.intent.tradeId);
        else this.disk.intents.set(row.intent.tradeId, { ...row.intent });
        this.disk.intended.add(row.intent.tradeId);
        return;
    }
  }
}

function copySnapshot(row: SnapshotRow): SnapshotRow {
  return { ...row, paid: new Map(row.paid), named: new Map(row.named) };
}

function copyDeparture(departure: Departure): Departure {
  return { ...departure, clock: new Map(departure.clock) };
}

function nameOfDebit(origin: number, seq: number): string {
  return `debit ${origin}/${seq}`;
}

function nameOfTrade(tradeId: string): string {
  return `trade ${tradeId}`;
}

function nameOfRequest(initiator: number, requestId: string): string {
  return `request ${initiator} ${requestId}`;
}
