/**
 * Checks a ledger before a node writes to it, by reading alone: a refused ledger stays as it is, every byte of it,
 * for a person who wants to save what can be saved.
 *
 * SQLite itself would write: opening makes files, and closing moves the log into the file. So a ledger without a log is opened as
 * immutable, and one with a log without the right to change its index.
 */
import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import type { Recovered } from "../core/kernel/rows.ts";
import type { NodeId } from "../wire/ids.ts";
import { OperatorError } from "./errors.ts";
import { readLedger } from "./ledger-rows.ts";
import { SCHEMA, SCHEMA_OLDEST, SCHEMA_VERSION, SCHEMA_VERSION_OLDEST } from "./ledger-schema.ts";
import { damaged, explainReading } from "./sqlite-errors.ts";
import { findLogDamage } from "./wal-check.ts";

export interface SoundLedger {
  readonly lastIncarnation: number;
  /** The voters that the node has run with; null: not written down yet. */
  readonly voters: readonly NodeId[] | null;
  readonly recovered: Recovered;
}

/** Throws OperatorError when the file isn't a sound ledger of this node and version. */
export function checkLedger(path: string, id: NodeId): SoundLedger {
  const log = `${path}-wal`;
  const index = `${path}-shm`;
  const hasLog = (statSync(log, { throwIfNoEntry: false })?.size ?? 0) > 0;
  const hasIndex = existsSync(index);
  let database: DatabaseSync | null = null;
  try {
    if (statSync(path).size === 0) throw damaged(path, "it is empty");
    const logDamage = hasLog ? findLogDamage(readFileSync(log)) : null;
    if (logDamage !== null) throw damaged(path, `its log ${log}: ${logDamage}`);
    const address = pathToFileURL(path);
    address.search = hasLog ? (hasIndex ? "mode=ro&readonly_shm=1" : "mode=ro") : "mode=ro&immutable=1";
    database = new DatabaseSync(address, { readOnly: true });
    return readSound(database, path, id);
  } catch (error) {
    throw explainReading(path, error);
  } finally {
    database?.close();
    if (!hasIndex) rmSync(index, { force: true });
  }
}

function readSound(database: DatabaseSync, path: string, id: NodeId): SoundLedger {
  const version = database.prepare("PRAGMA user_version").get()?.user_version;
  const isKnown = version === SCHEMA_VERSION || version === SCHEMA_VERSION_OLDEST;
  if (typeof version === "number" && version > 0 && !isKnown)
    throw new OperatorError(
      `the ledger ${path} has format ${version}, this program knows ${SCHEMA_VERSION_OLDEST} and ${SCHEMA_VERSION}`,
      "use the version of the program that made it; nothing was changed",
    );
  // Not only the structure but the indexes too: what must never happen twice rests on them. About 1 µs a record.
  const report = database.prepare("PRAGMA integrity_check(1)").get()?.integrity_check;
  if (report !== "ok") throw damaged(path, String(report));
  if (!isKnown) throw damaged(path, "it says nothing about its format");
  assertTables(database, path, version === SCHEMA_VERSION ? SCHEMA : SCHEMA_OLDEST);
  const { owner, ...ledger } = readLedger(database, version === SCHEMA_VERSION);
  if (owner !== id)
    throw new OperatorError(
      `the ledger ${path} belongs to node ${owner}, not to node ${id}`,
      "give this node a --data-dir of its own; nothing was changed",
    );
  return ledger;
}

function assertTables(database: DatabaseSync, path: string, schema: readonly string[]): void {
  const rows = database.prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL").all();
  const found = new Set(rows.map((row) => row.sql));
  for (const statement of schema) {
    const [, , name = ""] = statement.replace("UNIQUE ", "").split(" ");
    if (!found.has(statement)) throw damaged(path, `its table or index "${name}" is missing or altered`);
  }
}
