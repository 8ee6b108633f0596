/**
 * Reading one account: its debits in memory begin behind its base (the compacted ones), so positions are counted from there.
 */
import type { NodeId } from "../../wire/ids.ts";
import type { TradeRecord } from "../../wire/message.ts";
import type { Account, LedgerState } from "./ledger-state.ts";

/** Debit number `seq`; undefined: not delivered yet, or compacted. */
export function recordAt(account: Account, seq: number): TradeRecord | undefined {
  return account.records[seq - account.base.seq - 1];
}

/** Number of the account's last debit that was delivered here. */
export function lastSeq(account: Account): number {
  return account.base.seq + account.records.length;
}

/** Chain hash after debit `seq`: the next record carries it, the last one's and the base's are kept. Undefined: not known here. */
export function hashAfter(account: Account, seq: number): string | undefined {
  if (seq === account.base.seq) return account.base.hash;
  return recordAt(account, seq + 1)?.prev_hash ?? (seq === lastSeq(account) ? account.lastHash : undefined);
}

/** The vector of what is compacted: accounts with an entry above 0. */
export function baseClock(ledger: LedgerState): Map<NodeId, number> {
  const clock = new Map<NodeId, number>();
  for (const [id, { base }] of ledger.accounts) if (base.seq > 0) clock.set(id, base.seq);
  return clock;
}
