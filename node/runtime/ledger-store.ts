/**
 * The ledger on disk: SQLite in WAL mode with synchronous=FULL, so that a commit that returned survives a power cut.
 *
 * Idea: group commit without a timer. All writes asked for in one turn of the event loop go into one transaction (at most 64
 * rows); what arrives while it is written joins the next. After a commit that failed the store takes no more writes and retries
 * nothing, because nobody knows what the disk holds then. Unique keys prevent what must never happen twice, whatever the code above does.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Row } from "../core/kernel/rows.ts";
import type { Archive } from "../core/ledger/recall.ts";
import type { NodeId } from "../wire/ids.ts";
import { makeDataDirectory } from "./data-directory.ts";
import { type DirectoryLock, lockDirectory } from "./directory-lock.ts";
import { messageOf, OperatorError } from "./errors.ts";
import { openArchive } from "./ledger-archive.ts";
import { checkLedger, type SoundLedger } from "./ledger-check.ts";
import { createRowWriter, type RowWriter, writeBoot, writeVoters } from "./ledger-rows.ts";
import { createLedgerFile, LEDGER_FILE, upgradeLedger } from "./ledger-schema.ts";
import type { WriteDone } from "./ports.ts";
import { damaged, explainTrouble } from "./sqlite-errors.ts";
import type { Store } from "./store.ts";

const ROWS_PER_COMMIT = 64;
const LOCK_FILE = "lock.db";
/** SQLite starts the log over at about 4 MB; what a large transaction or a slow reader made of it is given back. */
const LOG_BYTES_KEPT = 4 * 2 ** 20;

export interface LedgerStoreOptions {
  readonly directory: string;
  readonly id: NodeId;
  readonly bootId: string;
  /** Of the group, ascending; absent: whatever the ledger says (tests, tools). */
  readonly voters?: readonly NodeId[];
}

interface Write {
  readonly rows: readonly Row[];
  readonly done: WriteDone;
}

interface GroupWriter {
  /** Null before `begin`. */
  open: { readonly database: DatabaseSync; readonly write: RowWriter; readonly archive: Archive } | null;
  queue: Write[];
  isFlushAwaited: boolean;
  /** The first error; every write after it fails with it. */
  brokenBy: string | null;
}

/**
 * Opens and checks; writes nothing to a ledger that exists before `begin`.
 * Throws OperatorError: folder in use, not writable, of another node, of a group with other voters, of another version, or damaged.
 */
export function openLedgerStore(options: LedgerStoreOptions): Store {
  const { directory, id } = options;
  makeDataDirectory(directory);
  const lock = lockDirectory(directory, join(directory, LOCK_FILE));
  const path = join(directory, LEDGER_FILE);
  const sound = checkOrCreate(path, options, lock);
  const incarnation = sound.lastIncarnation + 1;
  const writer: GroupWriter = { open: null, queue: [], isFlushAwaited: false, brokenBy: null };
  return {
    incarnation,
    recovered: sound.recovered,
    get archive() {
      return writer.open?.archive ?? null;
    },
    begin() {
      try {
        const database = openDatabase(path);
        upgradeLedger(database, id);
        if (options.voters !== undefined) writeVoters(database, options.voters);
        writeBoot(database, incarnation, options.bootId);
        writer.open = { database, write: createRowWriter(database, id), archive: openArchive(database, id) };
      } catch (error) {
        throw explainTrouble(path, error);
      }
    },
    persist(_writeId, rows, done) {
      writer.queue.push({ rows, done });
      awaitFlush(writer);
    },
    close() {
      try {
        while (writer.queue.length > 0) flush(writer);
        writer.open?.database.close();
      } finally {
        lock.release();
      }
    },
  };
}

function checkOrCreate(path: string, { id, voters }: LedgerStoreOptions, lock: DirectoryLock): SoundLedger {
  try {
    if (!existsSync(path)) {
      // SQLite would move this log into the new file.
      if (existsSync(`${path}-wal`)) throw damaged(path, "its log is there, the file itself isn't");
      createLedgerFile(path, id);
    }
    const sound = checkLedger(path, id);
    if (voters !== undefined && sound.voters !== null) assertSameVoters(path, sound.voters, voters);
    return sound;
  } catch (error) {
    lock.release();
    throw explainTrouble(path, error);
  }
}

/** Two lists of voters can elect two coordinators in one term, and open an account twice. */
function assertSameVoters(path: string, known: readonly NodeId[], given: readonly NodeId[]): void {
  if (known.join(",") === given.join(",")) return;
  const name = (voters: readonly NodeId[]) => (voters.length === 0 ? "no voters" : `the voters ${voters.join(",")}`);
  throw new OperatorError(
    `the ledger ${path} belongs to a group with ${name(known)}, and this node is started with ${name(given)}`,
    `start it with DS_VOTERS=${known.join(",")}: the voters of a group never change. Another list is another group, with empty data directories; nothing was changed`,
  );
}

function openDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 0");
  database.exec(`PRAGMA journal_size_limit = ${LOG_BYTES_KEPT}; PRAGMA cell_size_check = ON`);
  return database;
}

function awaitFlush(writer: GroupWriter): void {
  if (writer.isFlushAwaited) return;
  writer.isFlushAwaited = true;
  setImmediate(() => {
    writer.isFlushAwaited = false;
    flush(writer);
  });
}

/** One transaction, and the answers to its writes. */
function flush(writer: GroupWriter): void {
  const batch = takeBatch(writer.queue);
  if (batch.length === 0) return;
  writer.brokenBy ??= tryCommit(writer, batch);
  if (writer.brokenBy !== null) {
    failAll(writer, batch, writer.brokenBy);
    return;
  }
  if (writer.queue.length > 0) awaitFlush(writer);
  for (const { done } of batch) done(null);
}

/** The batch and all that waits behind it. */
function failAll(writer: GroupWriter, batch: readonly Write[], reason: string): void {
  const lost = [...batch, ...writer.queue];
  writer.queue = [];
  for (const { done } of lost) done(reason);
}

/** Null, or what went wrong. */
function tryCommit({ open }: GroupWriter, batch: readonly Write[]): string | null {
  try {
    if (open === null) throw new Error("the store was not begun");
    commit(open.database, batch, open.write);
    return null;
  } catch (error) {
    return messageOf(error);
  }
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

function commit(database: DatabaseSync, batch: readonly Write[], write: RowWriter): void {
  database.exec("BEGIN IMMEDIATE");
  try {
    for (const { rows } of batch) for (const row of rows) write(row);
    database.exec("COMMIT");
  } catch (error) {
    // SQLite has rolled back by itself after a full disk. The first error is reported, not the rollback's.
    if (database.isTransaction) tryRollback(database);
    throw error;
  }
}

function tryRollback(database: DatabaseSync): void {
  try {
    database.exec("ROLLBACK");
  } catch {
    // The store takes nothing more anyway, and the next start reads what the disk then holds.
  }
}
