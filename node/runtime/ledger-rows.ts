/** Rows of the core as rows of the ledger file, both ways. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { AccountBase, BuyIntent, Recovered, Row, SnapshotRow } from "../core/kernel/rows.ts";
import { initiatorOf } from "../core/ledger/trade-index.ts";
import { decodeClock, encodeClock } from "../wire/clock.ts";
import type { NodeId } from "../wire/ids.ts";
import type { Genesis, TradeRecord } from "../wire/message.ts";
import { decodeTotals } from "../wire/totals.ts";
import { COLUMNS, insertStatement, rowSum, type SqlValue, type TableName } from "./ledger-schema.ts";

export type RowWriter = (row: Row) => void;

/** Throws SQLite's error, such as a unique key that exists. */
export function createRowWriter(database: DatabaseSync, self: NodeId): RowWriter {
  // Prepared when first used: most nodes never need most of them.
  const statements = new Map<string, StatementSync>();
  const run = (sql: string, values: readonly SqlValue[]): void => {
    const statement = statements.get(sql) ?? database.prepare(sql);
    statements.set(sql, statement);
    statement.run(...values);
  };
  const insert = (table: TableName, values: readonly SqlValue[], conflict = ""): void =>
    run(insertStatement(table, conflict), [...values, rowSum(values)]);
  return (row) => {
    switch (row.table) {
      case "record":
        insert("records", recordValues(row.record, self));
        return;
      case "account": {
        const { id, epoch, nonce, initial } = row.account;
        insert("accounts", [id, epoch, nonce, initial], "OR REPLACE");
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
      case "fence":
        if (row.at === null) run("DELETE FROM fences WHERE account = ?", [row.account]);
        else insert("fences", [row.account, row.at], "OR REPLACE");
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

/** Reads the part of the file that a boot needs: all of it but the compacted records. Throws when a row's sum is wrong or a value can't be read. */
export function readLedger(database: DatabaseSync): { owner: NodeId; lastIncarnation: number; recovered: Recovered } {
  const [vote] = readTable(database, "vote", "one");
  const [meta] = readTable(database, "meta", "node");
  const [ownSince] = readTable(database, "own_since", "one");
  const rows = readTable(database, "snapshot", "id").map(toSnapshotRow);
  const accounts = readTable(database, "accounts", "id").map(toAccount);
  return {
    owner: Number(meta?.node),
    lastIncarnation: Number(readTable(database, "boots", "incarnation").at(-1)?.incarnation ?? 0),
    recovered: {
      term: Number(vote?.term ?? 0),
      votedFor: vote?.voted_for == null ? null : Number(vote.voted_for),
      abstains: vote?.abstains === 1,
      accounts,
      ...(rows.length === 0 ? {} : { compacted: { rows, ownSince: Number(ownSince?.incarnation ?? 0) } }),
      records: readRecords(database, rows),
      intents: readTable(database, "intents", "trade_id").map(toIntent),
      fences: readTable(database, "fences", "account").map(toFence),
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
  if (snapshot.length === 0) return readTable(database, "records", "position").map(toRecord);
  const covered = new Map(snapshot.map((row) => [row.id, row.seq]));
  const behind = database.prepare("SELECT * FROM records WHERE origin = ? AND seq > ?");
  const rows: SqlRow[] = [];
  for (const { origin } of database.prepare("SELECT id AS origin FROM accounts").all() as { origin: number }[])
    rows.push(...(behind.all(origin, covered.get(origin) ?? 0) as SqlRow[]));
  return rows.sort((a, b) => Number(a.position) - Number(b.position)).map(readRecord);
}

/** A whole row of `records`. Throws when its sum is wrong or a value can't be read. */
export function readRecord(row: SqlRow): TradeRecord {
  checkSum("records", row, Number(row.position));
  return toRecord(row);
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

function toRecord(row: SqlRow): TradeRecord {
  const deps = decodeClock(String(row.deps));
  if (deps === null) throw new Error(`record ${row.origin}/${row.seq} has unreadable dependencies`);
  return {
    trade_id: String(row.trade_id),
    buyer_id: Number(row.buyer),
    seller_id: Number(row.origin),
    amount: Number(row.amount),
    seq: Number(row.seq),
    deps,
    prev_hash: String(row.prev_hash),
    ...(row.request_id === null ? {} : { request_id: String(row.request_id) }),
  };
}

function toAccount(row: SqlRow): Genesis {
  return { id: Number(row.id), epoch: Number(row.epoch), nonce: String(row.nonce), initial: Number(row.initial) };
}

function toFence(row: SqlRow): { account: NodeId; at: number } {
  return { account: Number(row.account), at: Number(row.at) };
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
