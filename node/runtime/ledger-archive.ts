/**
 * Reading the ledger file while the node runs: the records that are no longer in memory, one or a page at a time.
 *
 * Every question has an index or the order of the file, so it takes microseconds however long the history is. The index is named: by
 * itself SQLite once chose to read all trades of this node for each new request, and half of a busy node's time went there.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Archive, RecallKey } from "../core/ledger/recall.ts";
import type { NodeId } from "../wire/ids.ts";
import type { TradeRecord } from "../wire/message.ts";
import { readRecord } from "./ledger-rows.ts";
import type { SqlValue } from "./ledger-schema.ts";

type SqlRow = Record<string, SqlValue>;

export function openArchive(database: DatabaseSync, self: NodeId): Archive {
  // Prepared when first used: most nodes never ask.
  const statements = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    const known = statements.get(sql) ?? database.prepare(sql);
    statements.set(sql, known);
    return known;
  };
  const find = (sql: string, ...values: (string | number)[]): TradeRecord | null => {
    const row = prepare(sql).get(...values);
    return row === undefined ? null : readRecord(row as SqlRow);
  };
  return {
    recall(key: RecallKey) {
      const debitOf = (requestId: string, initiator: NodeId) =>
        find(
          "SELECT * FROM records INDEXED BY debits_by_request WHERE own = 1 AND request_id = ? AND initiator = ?",
          requestId,
          initiator,
        );
      if (key.kind === "trade")
        return (
          find("SELECT * FROM records INDEXED BY debits_by_trade WHERE trade_id = ? AND own = 1", key.tradeId) ??
          (key.requestId === null ? null : debitOf(key.requestId, key.payee))
        );
      if (key.kind === "debit") return find("SELECT * FROM records WHERE origin = ? AND seq = ?", key.origin, key.seq);
      return (
        debitOf(key.requestId, self) ??
        find(
          "SELECT * FROM records INDEXED BY credits_by_request WHERE own = 0 AND mine = 1 AND request_id = ? AND initiator = ?",
          key.requestId,
          self,
        )
      );
    },
    trade: (tradeId) => find("SELECT * FROM records INDEXED BY records_by_trade WHERE trade_id = ?", tradeId),
    page(offset, limit) {
      const total = Number(prepare("SELECT coalesce(max(position), 0) AS total FROM records").get()?.total);
      const rows = prepare("SELECT * FROM records WHERE position > ? ORDER BY position LIMIT ?").all(offset, limit);
      return { total, records: rows.map((row) => readRecord(row as SqlRow)) };
    },
    newestOfOwn(limit) {
      const rows = prepare(
        "SELECT * FROM records INDEXED BY records_mine WHERE mine = 1 ORDER BY position DESC LIMIT ?",
      ).all(limit);
      return rows.map((row) => readRecord(row as SqlRow)).reverse();
    },
  };
}
