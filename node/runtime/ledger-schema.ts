/**
 * The ledger file's tables, and how a new one comes to be. Any SQLite tool can read it.
 *
 * Each row carries a sum over its other columns: SQLite finds damage in the structure of a file, not in the values. `records` are the
 * debits of all accounts in the order in which they were delivered here; they are never deleted, being the history that users see and the
 * proof that a trade was executed. `snapshot` sums up the older ones of each account, and memory holds only those behind it.
 */
import { renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import type { NodeId } from "../wire/ids.ts";
import { syncDirectory } from "./data-directory.ts";

export const LEDGER_FILE = "ledger.db";
export const SCHEMA_VERSION = 6;
/** The oldest format that is taken over: the node's first write adds what it lacks. */
export const SCHEMA_VERSION_OLDEST = 5;

/** One statement each, as SQLite keeps them: what a sound file of the oldest format holds is compared with these. */
export const SCHEMA_OLDEST: readonly string[] = [
  `CREATE TABLE records (
  position   INTEGER PRIMARY KEY,
  origin     INTEGER NOT NULL,
  seq        INTEGER NOT NULL CHECK (seq >= 1),
  trade_id   TEXT NOT NULL,
  buyer      INTEGER NOT NULL,
  amount     INTEGER NOT NULL CHECK (amount >= 1 OR (amount = 0 AND buyer = origin)),
  deps       TEXT NOT NULL,
  prev_hash  TEXT NOT NULL,
  request_id TEXT,
  own        INTEGER NOT NULL,
  mine       INTEGER NOT NULL,
  initiator  INTEGER NOT NULL,
  sum        INTEGER NOT NULL,
  UNIQUE (origin, seq)
) STRICT`,
  // One trade and one request at one node make one debit of ours, across restarts. Other nodes' records are theirs to judge.
  `CREATE UNIQUE INDEX debits_by_trade ON records (trade_id) WHERE own = 1`,
  `CREATE UNIQUE INDEX debits_by_request ON records (request_id, initiator) WHERE own = 1 AND request_id IS NOT NULL`,
  // For what is asked of the past: the trades of a name, the buys of this node by request, and its newest trades.
  `CREATE INDEX records_by_trade ON records (trade_id)`,
  `CREATE INDEX credits_by_request ON records (request_id) WHERE own = 0 AND mine = 1 AND request_id IS NOT NULL`,
  `CREATE INDEX records_mine ON records (mine) WHERE mine = 1`,
  `CREATE TABLE snapshot (
  id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, hash TEXT NOT NULL, fenced INTEGER NOT NULL, paid TEXT NOT NULL,
  named TEXT NOT NULL, taken INTEGER NOT NULL, cause TEXT NOT NULL, sum INTEGER NOT NULL
) STRICT`,
  `CREATE TABLE own_since (one INTEGER PRIMARY KEY CHECK (one = 1), incarnation INTEGER NOT NULL, sum INTEGER NOT NULL) STRICT`,
  `CREATE TABLE accounts (
  id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, nonce TEXT NOT NULL, initial INTEGER NOT NULL, sum INTEGER NOT NULL
) STRICT`,
  // `abstains`: the disk was lost and the other voters have not told their terms yet.
  `CREATE TABLE vote (
  one INTEGER PRIMARY KEY CHECK (one = 1), term INTEGER NOT NULL, voted_for INTEGER, abstains INTEGER NOT NULL, sum INTEGER NOT NULL
) STRICT`,
  `CREATE TABLE boots (incarnation INTEGER PRIMARY KEY, boot_id TEXT, started_at INTEGER, sum INTEGER NOT NULL) STRICT`,
  `CREATE TABLE intents (
  trade_id TEXT PRIMARY KEY, request_id TEXT, payer INTEGER NOT NULL, payer_incarnation INTEGER NOT NULL,
  amount INTEGER NOT NULL, sum INTEGER NOT NULL
) STRICT`,
  // After this number nothing of the account is delivered before its fence. In format 5 a row of the own account: the disk was lost.
  `CREATE TABLE fences (account INTEGER PRIMARY KEY, at INTEGER NOT NULL, sum INTEGER NOT NULL) STRICT`,
  `CREATE TABLE meta (node INTEGER PRIMARY KEY, sum INTEGER NOT NULL) STRICT`,
];

/** Tables that format 6 has beside those. */
const SCHEMA_ADDED: readonly string[] = [
  // Of the own account: unconfirmed, lost or whole. No row: whole.
  `CREATE TABLE own (one INTEGER PRIMARY KEY CHECK (one = 1), standing TEXT NOT NULL, sum INTEGER NOT NULL) STRICT`,
  // The voters of the group that this ledger belongs to: they never change.
  `CREATE TABLE voters (one INTEGER PRIMARY KEY CHECK (one = 1), ids TEXT NOT NULL, sum INTEGER NOT NULL) STRICT`,
  `CREATE TABLE departures (
  node INTEGER PRIMARY KEY, incarnation INTEGER NOT NULL, clock TEXT NOT NULL, sum INTEGER NOT NULL
) STRICT`,
  // Of the processes that `fences` were promised to: their incarnations.
  `CREATE TABLE askers (account INTEGER PRIMARY KEY, incarnation INTEGER NOT NULL, sum INTEGER NOT NULL) STRICT`,
  // Only of accounts with a key.
  `CREATE TABLE account_keys (id INTEGER PRIMARY KEY, key TEXT NOT NULL, sum INTEGER NOT NULL) STRICT`,
];
export const SCHEMA: readonly string[] = [...SCHEMA_OLDEST, ...SCHEMA_ADDED];

/** The columns that a row's sum covers, in this order. `records.position` is SQLite's to give. */
export const COLUMNS = {
  records: [
    "origin",
    "seq",
    "trade_id",
    "buyer",
    "amount",
    "deps",
    "prev_hash",
    "request_id",
    "own",
    "mine",
    "initiator",
  ],
  snapshot: ["id", "seq", "hash", "fenced", "paid", "named", "taken", "cause"],
  own_since: ["one", "incarnation"],
  accounts: ["id", "epoch", "nonce", "initial"],
  vote: ["one", "term", "voted_for", "abstains"],
  boots: ["incarnation", "boot_id", "started_at"],
  intents: ["trade_id", "request_id", "payer", "payer_incarnation", "amount"],
  fences: ["account", "at"],
  meta: ["node"],
  own: ["one", "standing"],
  voters: ["one", "ids"],
  departures: ["node", "incarnation", "clock"],
  askers: ["account", "incarnation"],
  account_keys: ["id", "key"],
} as const;

/** A whole row of `records`, for statements that return arrays: objects of so many columns are slow to make and to read. */
export const RECORD_COLUMNS = ["position", ...COLUMNS.records, "sum"].join(", ");

export type TableName = keyof typeof COLUMNS;
export type SqlValue = string | number | null;

/** CRC-32 over the columns of `COLUMNS`, as JSON. */
export function rowSum(values: readonly SqlValue[]): number {
  return crc32(JSON.stringify(values));
}

/** `INSERT` (or with `conflict`: `INSERT OR …`) of all columns of `COLUMNS` and the sum. */
export function insertStatement(table: TableName, conflict = ""): string {
  const columns = [...COLUMNS[table], "sum"];
  return `INSERT ${conflict} INTO ${table} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`;
}

/** Makes an empty ledger: whole or not at all, so that a file of this name without content is damage and no beginning. */
export function createLedgerFile(path: string, id: NodeId): void {
  const unfinished = `${path}.new`;
  for (const name of [unfinished, `${unfinished}-wal`, `${unfinished}-shm`]) rmSync(name, { force: true });
  const database = new DatabaseSync(unfinished);
  try {
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN IMMEDIATE");
    for (const statement of SCHEMA) database.exec(statement);
    database.prepare(insertStatement("meta")).run(id, rowSum([id]));
    database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`);
  } finally {
    database.close();
  }
  renameSync(unfinished, path);
  syncDirectory(dirname(path));
}

/** Adds to a ledger of an older format what it lacks, in one transaction. A ledger of this format stays as it is. */
export function upgradeLedger(database: DatabaseSync, id: NodeId): void {
  if (database.prepare("PRAGMA user_version").get()?.user_version === SCHEMA_VERSION) return;
  database.exec("BEGIN IMMEDIATE");
  for (const statement of SCHEMA_ADDED) database.exec(statement);
  const isLost = database.prepare("DELETE FROM fences WHERE account = ?").run(id).changes > 0;
  if (isLost) database.prepare(insertStatement("own")).run(1, "lost", rowSum([1, "lost"]));
  database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`);
}
