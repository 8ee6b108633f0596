/**
 * The ledger file: its tables, the checks before anything is written to it, and what a boot reads from it.
 *
 * Any SQLite tool can read it. `records` are the debits of all accounts in the order in which they were delivered here.
 */
import type { DatabaseSync } from "node:sqlite";
import type { BuyIntent, Recovered } from "../core/types.ts";
import { decodeClock } from "../wire/clock.ts";
import type { NodeId } from "../wire/ids.ts";
import type { Genesis, TradeRecord } from "../wire/message.ts";
import { OperatorError } from "./errors.ts";

export const LEDGER_FILE = "ledger.db";
const SCHEMA_VERSION = 1;
const DAMAGED_HINT = "nothing was changed; move the folder away (keep it) or put a copy back, then start again";

const SCHEMA = `
CREATE TABLE records (
  position   INTEGER PRIMARY KEY,
  origin     INTEGER NOT NULL,
  seq        INTEGER NOT NULL CHECK (seq >= 1),
  trade_id   TEXT NOT NULL UNIQUE,
  buyer      INTEGER NOT NULL,
  amount     INTEGER NOT NULL CHECK (amount >= 1),
  deps       TEXT NOT NULL,
  prev_hash  TEXT NOT NULL,
  request_id TEXT,
  own        INTEGER NOT NULL,
  initiator  INTEGER NOT NULL,
  UNIQUE (origin, seq)
) STRICT;
-- One request at one node makes one debit of ours, across restarts. Other nodes' records are theirs to judge.
CREATE UNIQUE INDEX records_by_request ON records (request_id, initiator) WHERE own = 1 AND request_id IS NOT NULL;
CREATE TABLE accounts (id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, nonce TEXT NOT NULL, initial INTEGER NOT NULL) STRICT;
CREATE TABLE vote (one INTEGER PRIMARY KEY CHECK (one = 1), term INTEGER NOT NULL, voted_for INTEGER) STRICT;
CREATE TABLE boots (incarnation INTEGER PRIMARY KEY, boot_id TEXT, started_at INTEGER) STRICT;
CREATE TABLE intents (
  trade_id TEXT PRIMARY KEY, request_id TEXT, payer INTEGER NOT NULL, payer_incarnation INTEGER NOT NULL, amount INTEGER NOT NULL
) STRICT;
CREATE TABLE meta (node INTEGER NOT NULL) STRICT;
`;

/** Reads only. Throws OperatorError when the file isn't a sound ledger of this node and version. */
export function checkLedger(database: DatabaseSync, path: string, id: NodeId): void {
  const damaged = (detail: string): OperatorError =>
    new OperatorError(`the ledger ${path} is damaged: ${detail}`, DAMAGED_HINT);
  let version: unknown;
  try {
    const report = database.prepare("PRAGMA quick_check(1)").get()?.quick_check;
    if (report !== "ok") throw damaged(String(report));
    version = database.prepare("PRAGMA user_version").get()?.user_version;
  } catch (error) {
    // 11: malformed, 26: not a database. Everything else is no damage.
    const code = (error as { errcode?: number }).errcode;
    throw code === 11 || code === 26 ? damaged((error as Error).message) : error;
  }
  if (version === 0) return;
  if (version !== SCHEMA_VERSION)
    throw new OperatorError(
      `the ledger ${path} has format ${String(version)}, this program knows ${SCHEMA_VERSION}`,
      "use the version of the program that made it",
    );
  const owner = database.prepare("SELECT node FROM meta").get()?.node;
  if (owner !== id)
    throw new OperatorError(
      `the ledger ${path} belongs to node ${String(owner)}, not to node ${id}`,
      "give this node a --data-dir of its own",
    );
}

/** Makes the tables in a new file; sets what holds for each connection. */
export function openSchema(database: DatabaseSync, id: NodeId): void {
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 0");
  const version = database.prepare("PRAGMA user_version").get()?.user_version;
  if (version === SCHEMA_VERSION) return;
  database.exec("BEGIN IMMEDIATE");
  database.exec(SCHEMA);
  database.prepare("INSERT INTO meta VALUES (?)").run(id);
  database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
  database.exec("COMMIT");
}

export function readRecovered(database: DatabaseSync): Recovered {
  const vote = database.prepare("SELECT term, voted_for FROM vote").get();
  return {
    term: Number(vote?.term ?? 0),
    votedFor: vote?.voted_for == null ? null : Number(vote.voted_for),
    accounts: database.prepare("SELECT id, epoch, nonce, initial FROM accounts ORDER BY id").all().map(toAccount),
    records: database.prepare("SELECT * FROM records ORDER BY position").all().map(toRecord),
    intents: database.prepare("SELECT * FROM intents ORDER BY trade_id").all().map(toIntent),
  };
}

type SqlRow = Record<string, unknown>;

function toAccount(row: SqlRow): Genesis {
  return { id: Number(row.id), epoch: Number(row.epoch), nonce: String(row.nonce), initial: Number(row.initial) };
}

function toRecord(row: SqlRow): TradeRecord {
  const deps = decodeClock(String(row.deps));
  if (deps === null)
    throw new OperatorError(
      `the ledger is damaged: record ${String(row.origin)}/${String(row.seq)} has unreadable dependencies`,
      DAMAGED_HINT,
    );
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

function toIntent(row: SqlRow): BuyIntent {
  return {
    tradeId: String(row.trade_id),
    requestId: row.request_id === null ? null : String(row.request_id),
    payer: Number(row.payer),
    payerIncarnation: Number(row.payer_incarnation),
    amount: Number(row.amount),
  };
}
