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
import { prepareRecords, type RecordRow, readRecord } from "./ledger-rows.ts";

export function openArchive(database: DatabaseSync, self: NodeId): Archive {
  // Prepared when first used: most nodes never ask.
  const statements = new Map<string, StatementSync>();
  const prepare = (where: string): StatementSync => {
    const known = statements.get(where) ?? prepareRecords(database, where);
    statements.set(where, known);
    return known;
  };
  const find = (where: string, ...values: (string | number)[]): TradeRecord | null => {
    const row = prepare(where).get(...values);
    return row === undefined ? null : readRecord(row as unknown as RecordRow);
  };
  const findAll = (where: string, ...values: number[]): TradeRecord[] =>
    prepare(where)
      .all(...values)
      .map((row) => readRecord(row as unknown as RecordRow));
  const newest = database.prepare("SELECT coalesce(max(position), 0) AS total FROM records");
  return {
    recall(key: RecallKey) {
      const debitOf = (requestId: string, initiator: NodeId) =>
        find("INDEXED BY debits_by_request WHERE own = 1 AND request_id = ? AND initiator = ?", requestId, initiator);
      if (key.kind === "trade")
        return (
          find("INDEXED BY debits_by_trade WHERE trade_id = ? AND own = 1", key.tradeId) ??
          (key.requestId === null ? null : debitOf(key.requestId, key.payee))
        );
      if (key.kind === "debit") return find("WHERE origin = ? AND seq = ?", key.origin, key.seq);
      return (
        debitOf(key.requestId, self) ??
        find(
          "INDEXED BY credits_by_request WHERE own = 0 AND mine = 1 AND request_id = ? AND initiator = ?",
          key.requestId,
          self,
        )
      );
    },
    trade: (tradeId) => find("INDEXED BY records_by_trade WHERE trade_id = ?", tradeId),
    page(offset, limit) {
      const total = Number(newest.get()?.total);
      return { total, records: findAll("WHERE position > ? ORDER BY position LIMIT ?", offset, limit) };
    },
    newestOfOwn(limit) {
      return findAll("INDEXED BY records_mine WHERE mine = 1 ORDER BY position DESC LIMIT ?", limit).reverse();
    },
  };
}
