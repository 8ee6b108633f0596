/** Rows of the core as rows of the ledger file, both ways. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type {
  AccountBase,
  BuyIntent,
  Departure,
  OwnStanding,
  Recovered,
  Row,
  SnapshotRow,
} from "../core/kernel/rows.ts";
import { initiatorOf } from "../core/ledger/trade-index.ts";
import { decodeClock, encodeClock } from "../wire/clock.ts";
import type { NodeId } from "../wire/ids.ts";
import type { Genesis, TradeRecord } from "../wire/message.ts";
import { decodeTotals } from "../wire/totals.ts";
import { COLUMNS, insertStatement, RECORD_COLUMNS, rowSum, type SqlValue, type TableName } from "./ledger-schema.ts";

export type RowWriter = (row: Row) => void;

/** Throws SQLite's error, such as a unique key that exists. */
export function createRowWriter(database: DatabaseSync, self: NodeId): RowWriter {
  // Prepared when first used: most nodes never need most of them. A table's rows always meet a conflict in the same way.
  const statements = new Map<string, StatementSync>();
  const prepare = (name: string, sql: string): StatementSync => {
    const statement = database.prepare(sql);
    statements.set(name, statement);
    return statement;
  };
  const run = (sql: string, values: readonly SqlValue[]): void =>
    void (statements.get(sql) ?? prepare(sql, sql)).run(...values);
  const insert = (table: TableName, values: readonly SqlValue[], conflict = ""): void => {
    const statement = statements.get(table) ?? prepare(table, insertStatement(table, conflict));
    statement.run(...values, rowSum(values));
  };
  return (row) => {
    switch (row.table) {
      case "record":
        insert("records", recordValues(row.record, self));
        return;
      case "account": {
        const { id, epoch, nonce, initial, key } = row.account;
        insert("accounts", [id, epoch, nonce, initial], "OR REPLACE");
        if (key !== undefined) insert("account_keys", [id, key], "OR REPLACE");
        return;
      }
      case "snapshot":
        for (const { id, seq, hash, fenced, paid, named, taken, cause } of row.rows) {
          const values = [id, seq, hash, fenced, encodeClock(paid), encodeClock(named), taken, cause];
          insert("snapshot", values, "OR REPLACE");
        }
        insert("own_since", [1, row.ownSince], "OR REPLACE");
        return;
      case "vote":
        insert("vote", [1, row.term, row.votedFor, row.abstains ? 1 : 0], "OR REPLACE");
        return;
      case "incarnation":
        insert("boots", [row.atLeast, null, null], "OR IGNORE");
        return;
      case "own":
        insert("own", [1, row.standing], "OR REPLACE");
        return;
      case "departure": {
        const { node, departure } = row;
        if (departure === null) run("DELETE FROM departures WHERE node = ?", [node]);
        else insert("departures", [node, departure.incarnation, encodeClock(departure.clock)], "OR REPLACE");
        return;
      }
      case "fence":
        if (row.at === null) run("DELETE FROM fences WHERE account = ?", [row.account]);
        else {
          insert("fences", [row.account, row.at], "OR REPLACE");
          if (row.asker !== undefined) insert("askers", [row.account, row.asker], "OR REPLACE");
        }
        return;
      case "intent": {
        const { tradeId, requestId, payer, payerIncarnation, amount } = row.intent;
        if (row.done) run("DELETE FROM intents WHERE trade_id = ?", [tradeId]);
        else insert("intents", [tradeId, requestId, payer, payerIncarnation, amount], "OR REPLACE");
        return;
      }
    }
  };
}

/** The next incarnation, on disk when this returns. */
export function writeBoot(database: DatabaseSync, incarnation: number, bootId: string): void {
  const values = [incarnation, bootId, Date.now()];
  database.prepare(insertStatement("boots")).run(...values, rowSum(values));
}

/** The voters of the group, which stay. */
export function writeVoters(database: DatabaseSync, voters: readonly NodeId[]): void {
  const values = [1, voters.join(",")];
  database.prepare(insertStatement("voters", "OR IGNORE")).run(...values, rowSum(values));
}

interface Ledger {
  readonly owner: NodeId;
  readonly lastIncarnation: number;
  readonly voters: readonly NodeId[] | null;
  readonly recovered: Recovered;
}

/**
 * Reads the part of the file that a boot needs: all of it but the compacted records. Throws when a row's sum is wrong or a value can't be
 * read. @param isNew of the newest format; else it lacks some tables
 */
export function readLedger(database: DatabaseSync, isNew: boolean): Ledger {
  const readAdded = (table: TableName, order: string) => (isNew ? readTable(database, table, order) : []);
  const [own] = readAdded("own", "one");
  const [voters] = readAdded("voters", "one");
  const keys = new Map(readAdded("account_keys", "id").map(({ id, key }) => [Number(id), String(key)]));
  const [vote] = readTable(database, "vote", "one");
  const [meta] = readTable(database, "meta", "node");
  const [ownSince] = readTable(database, "own_since", "one");
  const rows = readTable(database, "snapshot", "id").map(toSnapshotRow);
  const accounts = readTable(database, "accounts", "id").map((row) => toAccount(row, keys));
  const owner = Number(meta?.node);
  const askers = new Map(readAdded("askers", "account").map((row) => [Number(row.account), Number(row.incarnation)]));
  const fences = readTable(database, "fences", "account").map((row) => toFence(row, askers));
  const isLost = fences.some(({ account }) => account === owner);
  return {
    owner,
    voters: voters === undefined ? null : String(voters.ids).split(",").filter(Boolean).map(Number),
    lastIncarnation: Number(readTable(database, "boots", "incarnation").at(-1)?.incarnation ?? 0),
    recovered: {
      term: Number(vote?.term ?? 0),
      votedFor: vote?.voted_for == null ? null : Number(vote.voted_for),
      abstains: vote?.abstains === 1,
      accounts,
      ...(rows.length === 0 ? {} : { compacted: { rows, ownSince: Number(ownSince?.incarnation ?? 0) } }),
      records: readRecords(database, rows),
      intents: readTable(database, "intents", "trade_id").map(toIntent),
      own: isLost ? "lost" : ((own?.standing ?? "whole") as OwnStanding),
      fences: fences.filter(({ account }) => account !== owner),
      departures: readAdded("departures", "node").map(toDeparture),
    },
  };
}

type SqlRow = Record<string, SqlValue>;

function readTable(database: DatabaseSync, table: TableName, order: string): SqlRow[] {
  const columns: readonly string[] = COLUMNS[table];
  const rows = database.prepare(`SELECT ${columns.join(", ")}, sum FROM ${table} ORDER BY ${order}`).all() as SqlRow[];
  for (const [index, row] of rows.entries()) checkSum(table, row, index + 1);
  return rows;
}

function checkSum(table: TableName, row: SqlRow, index: number): void {
  const values = COLUMNS[table].map((column: string) => row[column] ?? null);
  if (row.sum !== rowSum(values)) throw new Error(`row ${index} of ${table} doesn't match its sum`);
}

/** The records behind the snapshot, in the order of their delivery; a long history isn't read at each boot. */
function readRecords(database: DatabaseSync, snapshot: readonly SnapshotRow[]): TradeRecord[] {
  if (snapshot.length === 0) {
    const records: TradeRecord[] = [];
    const all = prepareRecords(database, "ORDER BY position");
    // One at a time: as a list, a long history's rows would outlive the young heap.
    for (const row of all.iterate()) records.push(readRecord(row as unknown as RecordRow));
    return records;
  }
  const covered = new Map(snapshot.map((row) => [row.id, row.seq]));
  const behind = prepareRecords(database, "WHERE origin = ? AND seq > ?");
  const rows: RecordRow[] = [];
  for (const { origin } of database.prepare("SELECT id AS origin FROM accounts").all() as { origin: number }[])
    rows.push(...(behind.all(origin, covered.get(origin) ?? 0) as unknown as RecordRow[]));
  return rows.sort((a, b) => Number(a[0]) - Number(b[0])).map(readRecord);
}

/** Columns as in `RECORD_COLUMNS`. */
export type RecordRow = readonly SqlValue[];

/** A query of `records` that returns `RecordRow`s. */
export function prepareRecords(database: DatabaseSync, where: string): StatementSync {
  const statement = database.prepare(`SELECT ${RECORD_COLUMNS} FROM records ${where}`);
  statement.setReturnArrays(true);
  return statement;
}

/** Throws when the row's sum is wrong or a value can't be read. */
export function readRecord(row: RecordRow): TradeRecord {
  const [position, origin, seq, tradeId, buyer, amount, deps, hash, requestId] = row;
  if (row.at(-1) !== rowSum(row.slice(1, -1))) throw new Error(`row ${position} of records doesn't match its sum`);
  const causes = decodeClock(String(deps));
  if (causes === null) throw new Error(`record ${origin}/${seq} has unreadable dependencies`);
  return {
    trade_id: String(tradeId),
    buyer_id: Number(buyer),
    seller_id: Number(origin),
    amount: Number(amount),
    seq: Number(seq),
    deps: causes,
    prev_hash: String(hash),
    ...(requestId === null ? {} : { request_id: String(requestId) }),
  };
}

function recordValues(record: TradeRecord, self: NodeId): SqlValue[] {
  return [
    record.seller_id,
    record.seq,
    record.trade_id,
    record.buyer_id,
    record.amount,
    encodeClock(record.deps),
    record.prev_hash,
    record.request_id ?? null,
    // Its debits; and those that concern it at all.
    record.seller_id === self ? 1 : 0,
    record.seller_id === self || record.buyer_id === self ? 1 : 0,
    initiatorOf(record),
  ];
}

function toSnapshotRow(row: SqlRow): SnapshotRow {
  const paid = decodeTotals(String(row.paid));
  const named = decodeClock(String(row.named));
  if (paid === null || named === null) throw new Error(`the snapshot of account ${row.id} has unreadable totals`);
  const cause = row.cause as AccountBase["cause"];
  const [id, seq, fenced, taken] = [row.id, row.seq, row.fenced, row.taken].map(Number) as [
    number,
    number,
    number,
    number,
  ];
  return { id, seq, hash: String(row.hash), fenced, paid, named, taken, cause };
}

function toAccount(row: SqlRow, keys: ReadonlyMap<NodeId, string>): Genesis {
  const id = Number(row.id);
  const key = keys.get(id);
  const genesis = { id, epoch: Number(row.epoch), nonce: String(row.nonce), initial: Number(row.initial) };
  return key === undefined ? genesis : { ...genesis, key };
}

function toDeparture(row: SqlRow): Departure {
  const clock = decodeClock(String(row.clock));
  if (clock === null) throw new Error(`the departure of node ${row.node} has an unreadable clock`);
  return { node: Number(row.node), incarnation: Number(row.incarnation), clock };
}

function toFence(row: SqlRow, askers: ReadonlyMap<NodeId, number>): { account: NodeId; at: number; asker?: number } {
  const account = Number(row.account);
  const asker = askers.get(account);
  return { account, at: Number(row.at), ...(asker === undefined ? {} : { asker }) };
}

function toIntent(row: SqlRow): BuyIntent {
  return {
    tradeId: String(row.trade_id),
    requestId: row.request_id === null ? null : String(row.request_id),
    payer: Number(row.payer),
    payerIncarnation: Number(row.payer_incarnation),
    amount: Number(row.amount),
  };
}
