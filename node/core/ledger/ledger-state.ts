/** The state of the ledger as plain data: accounts, the uncompacted log, and the rows that stand for the compacted one. */

import type { Clock } from "../../wire/clock.ts";
import type { NodeId } from "../../wire/ids.ts";
import type { Genesis, TradeRecord } from "../../wire/message.ts";
import type { AccountBase, SnapshotRow } from "../kernel/rows.ts";

/** A pure fold over the delivered records. */
export interface LedgerState {
  readonly accounts: Map<NodeId, Account>;
  /** The records that are not compacted, in the order of their delivery here, for state transfer. */
  log: TradeRecord[];
  /** Records that were delivered here and are in no log any more; with the log's length a count that only grows. */
  dropped: number;
  /** As in `Compacted`. */
  ownSince: number;
  /** Delivered (in memory). */
  readonly clock: Map<NodeId, number>;
  /** Delivered and on disk: what may be advertised. An account that is on disk appears with 0. */
  readonly durable: Map<NodeId, number>;
  /** A copy of `durable` for the store; null: it has changed since the last one. */
  frozenDurable: Clock | null;
  /** Writes of this ledger that are not known durable yet, oldest first. */
  readonly writes: Map<number, LedgerWrite>;
  /** Exclusive or of the durable accounts' chain hashes, two words of 32 bits. */
  readonly fingerprint: { high: number; low: number };
  readonly byTrade: Map<string, TradeRecord>;
  /** Executed trades by `initiator/control request`: at most once, across restarts too. */
  readonly byRequest: Map<string, TradeRecord>;
  /** Durable rows that changed since the last digest, and the id after which the rotating window goes on. */
  readonly digest: { readonly changed: Set<NodeId>; cursor: NodeId };
}

export interface LedgerWrite {
  readonly accounts: readonly NodeId[];
  readonly records: readonly TradeRecord[];
  /** Rows of a snapshot that another node sent. */
  readonly taken?: readonly SnapshotRow[];
}

export interface Account {
  readonly genesis: Genesis;
  balance: number;
  /** The compacted debits. */
  base: AccountBase;
  /** Debit base.seq + k is at index k - 1. */
  records: TradeRecord[];
  /** Where these are in the ledger's log, counted from the first record that was ever in it. */
  positions: number[];
  lastHash: string;
  /** Number of the last fence in the log; 0: its owner never lost its disk. */
  fencedAt: number;
  /** Chain hash after the last durable debit; null: the account isn't on disk yet. */
  durableHash: string | null;
}
