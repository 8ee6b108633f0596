/**
 * The ledger on disk: SQLite in WAL mode with synchronous=FULL, so that a commit that returned survives a power cut.
 *
 * Idea: group commit without a timer. All writes asked for in one turn of the event loop go into one transaction (at most 64
 * rows); what arrives while it is written joins the next. A commit that fails ends all promises: it is never retried, because what
 * the disk then holds is unknown. Unique keys guard what must never happen twice, whatever the code above believes.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { BuyIntent, Row } from "../core/types.ts";
import { encodeClock } from "../wire/clock.ts";
import type { NodeId } from "../wire/ids.ts";
import type { TradeRecord } from "../wire/message.ts";
import { type DirectoryLock, lockDirectory } from "./directory-lock.ts";
import { messageOf, OperatorError } from "./errors.ts";
import { checkLedger, LEDGER_FILE, openSchema, readRecovered } from "./ledger-schema.ts";
import type { Store, StoreEvents } from "./store.ts";

const ROWS_PER_COMMIT = 64;
const LOCK_FILE = "lock.db";

export interface LedgerStoreOptions {
  readonly directory: string;
  readonly id: NodeId;
  readonly bootId: string;
  readonly events: StoreEvents;
}

interface Write {
  readonly writeId: number;
  readonly rows: readonly Row[];
}

/** Throws OperatorError: folder in use, not writable, of another node, of a newer version, or damaged (then nothing is touched). */
export function openLedgerStore(options: LedgerStoreOptions): Store {
  const { directory, events } = options;
  try {
    mkdirSync(directory, { recursive: true });
  } catch (error) {
    throw new OperatorError(
      `can't make the folder ${directory}: ${messageOf(error)}`,
      "give a --data-dir that this user can write to",
    );
  }
  const lock = lockDirectory(directory, join(directory, LOCK_FILE));
  const database = openDatabase(join(directory, LEDGER_FILE), options, lock);
  const recovered = readRecovered(database);
  const incarnation = beginBoot(database, options.bootId);
  const insert = prepareInserts(database, options.id);

  let queue: Write[] = [];
  let isFlushAwaited = false;
  let brokenBy: string | null = null;

  const fail = (writes: readonly Write[], reason: string): void => {
    if (writes.length === 0) return;
    events.onFailed(
      writes.map((write) => write.writeId),
      reason,
    );
  };
  const awaitFlush = (): void => {
    if (isFlushAwaited) return;
    isFlushAwaited = true;
    setImmediate(() => {
      isFlushAwaited = false;
      flush();
    });
  };
  const flush = (): void => {
    const batch = takeBatch(queue);
    if (batch.length === 0) return;
    if (brokenBy === null) {
      try {
        commit(database, batch, insert);
      } catch (error) {
        brokenBy = messageOf(error);
      }
    }
    if (brokenBy !== null) {
      const lost = [...batch, ...queue];
      queue = [];
      fail(lost, brokenBy);
      return;
    }
    if (queue.length > 0) awaitFlush();
    events.onStored(batch.map((write) => write.writeId));
  };

  return {
    incarnation,
    recovered,
    persist(writeId, rows) {
      queue.push({ writeId, rows });
      awaitFlush();
    },
    close() {
      while (queue.length > 0) flush();
      database.close();
      lock.release();
    },
  };
}

function openDatabase(path: string, options: LedgerStoreOptions, lock: DirectoryLock): DatabaseSync {
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(path);
    checkLedger(database, path, options.id);
    openSchema(database, options.id);
    return database;
  } catch (error) {
    lock.release();
    // A damaged database isn't closed: closing would write its log into it. The process ends now anyway.
    if (error instanceof OperatorError) throw error;
    throw new OperatorError(
      `can't use the ledger ${path}: ${messageOf(error)}`,
      "check that the disk isn't full and that this user can write there; nothing was changed",
    );
  }
}

/** The next incarnation, on disk before anybody hears of it. */
function beginBoot(database: DatabaseSync, bootId: string): number {
  const last = database.prepare("SELECT max(incarnation) AS last FROM boots").get()?.last;
  const incarnation = (typeof last === "number" ? last : 0) + 1;
  database.prepare("INSERT INTO boots VALUES (?, ?, ?)").run(incarnation, bootId, Date.now());
  return incarnation;
}

/** As many writes as make up one transaction; a write is never split. */
function takeBatch(queue: Write[]): Write[] {
  let rows = 0;
  let end = 0;
  for (const write of queue) {
    if (end > 0 && rows + write.rows.length > ROWS_PER_COMMIT) break;
    rows += write.rows.length;
    end += 1;
  }
  return queue.splice(0, end);
}

function commit(database: DatabaseSync, batch: readonly Write[], insert: (row: Row) => void): void {
  database.exec("BEGIN IMMEDIATE");
  try {
    for (const write of batch) for (const row of write.rows) insert(row);
    database.exec("COMMIT");
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

function prepareInserts(database: DatabaseSync, self: NodeId): (row: Row) => void {
  // Prepared when first used: most nodes never need most of them.
  const statements = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    const known = statements.get(sql) ?? database.prepare(sql);
    statements.set(sql, known);
    return known;
  };
  return (row) => {
    switch (row.table) {
      case "record": {
        const record = row.record;
        prepare(
          "INSERT INTO records (origin, seq, trade_id, buyer, amount, deps, prev_hash, request_id, own, initiator) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ).run(
          record.seller_id,
          record.seq,
          record.trade_id,
          record.buyer_id,
          record.amount,
          encodeClock(record.deps),
          record.prev_hash,
          record.request_id ?? null,
          record.seller_id === self ? 1 : 0,
          initiatorOf(record),
        );
        return;
      }
      case "account":
        prepare("INSERT OR REPLACE INTO accounts (id, epoch, nonce, initial) VALUES (?, ?, ?, ?)").run(
          row.account.id,
          row.account.epoch,
          row.account.nonce,
          row.account.initial,
        );
        return;
      case "vote":
        prepare("INSERT OR REPLACE INTO vote (one, term, voted_for) VALUES (1, ?, ?)").run(row.term, row.votedFor);
        return;
      case "incarnation":
        prepare("INSERT OR IGNORE INTO boots VALUES (?, NULL, NULL)").run(row.atLeast);
        return;
      case "intent":
        writeIntent(prepare, row.intent, row.done);
        return;
    }
  };
}

/** A trade's name begins with the node that asked for it. */
function initiatorOf(record: TradeRecord): NodeId {
  const initiator = Number.parseInt(record.trade_id, 10);
  return Number.isNaN(initiator) ? record.seller_id : initiator;
}

function writeIntent(prepare: (sql: string) => StatementSync, intent: BuyIntent, done: boolean): void {
  if (done) {
    prepare("DELETE FROM intents WHERE trade_id = ?").run(intent.tradeId);
    return;
  }
  prepare("INSERT OR REPLACE INTO intents VALUES (?, ?, ?, ?, ?)").run(
    intent.tradeId,
    intent.requestId,
    intent.payer,
    intent.payerIncarnation,
    intent.amount,
  );
}
