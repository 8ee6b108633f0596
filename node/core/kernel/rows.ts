/** Rows of the store: those that the core asks the shell to write, and those that it gets back at the next boot. */

import type { Clock } from "../../wire/clock.ts";
import type { NodeId } from "../../wire/ids.ts";
import type { Genesis, TradeRecord } from "../../wire/message.ts";
import type { Totals } from "../../wire/totals.ts";

/** The contents of the store at boot. Records in the order in which they were delivered. */
export interface Recovered {
  readonly term: number;
  readonly votedFor: NodeId | null;
  /** Its disk was lost, and it may not vote yet. */
  readonly abstains?: boolean;
  readonly accounts: readonly Genesis[];
  /** Absent: nothing was compacted yet. */
  readonly compacted?: Compacted;
  /** The records that are not compacted. */
  readonly records: readonly TradeRecord[];
  readonly intents: readonly BuyIntent[];
  /** Absent: `whole`. */
  readonly own?: OwnStanding;
  /** Promises that other nodes' lost disks asked for. */
  readonly fences?: readonly { readonly account: NodeId; readonly at: number; readonly asker?: number }[];
  /** Nodes that have said LEAVE and weren't heard since. */
  readonly departures?: readonly Departure[];
}

/** The last word of a node that left: all that it had delivered. */
export interface Departure {
  readonly node: NodeId;
  readonly incarnation: number;
  readonly clock: Clock;
}

/**
 * Of this node's own account. `unconfirmed`: minted, and too few others have it on disk. `lost`: an earlier disk was lost, and the log has
 * not been fenced. `whole`: it may be used.
 */
export type OwnStanding = "unconfirmed" | "lost" | "whole";

/** A buy that was asked for and not yet known to have happened or not: survives the buyer's restart. */
export interface BuyIntent {
  readonly tradeId: string;
  readonly requestId: string | null;
  readonly payer: NodeId;
  readonly payerIncarnation: number;
  readonly amount: number;
}

export type Row =
  | { readonly table: "record"; readonly record: TradeRecord }
  | { readonly table: "account"; readonly account: Genesis }
  /** Replaces the rows of these accounts; all of them in one transaction. */
  | ({ readonly table: "snapshot" } & Compacted)
  | { readonly table: "vote"; readonly term: number; readonly votedFor: NodeId | null; readonly abstains: boolean }
  /** The next boot must use an incarnation above this (JOIN refused as stale). */
  | { readonly table: "incarnation"; readonly atLeast: number }
  | { readonly table: "intent"; readonly intent: BuyIntent; readonly done: boolean }
  | { readonly table: "own"; readonly standing: OwnStanding }
  /** Null: it is back. */
  | { readonly table: "departure"; readonly node: NodeId; readonly departure: Departure | null }
  /**
   * No debit of the account after number `at` may be delivered before its fence. Null: the fence is there, or isn't wanted any more.
   * `asker`: incarnation of the process that asked for it; absent: unknown, as in older ledgers.
   */
  | { readonly table: "fence"; readonly account: NodeId; readonly at: number | null; readonly asker?: number };

/** Debits 1 to `seq` of one account in one row. Which account has paid what is all that balances depend on (snapshot.ts). */
export interface AccountBase {
  readonly seq: number;
  /** Chain hash after debit `seq`; with `seq` 0 that of the genesis. */
  readonly hash: string;
  readonly paid: Totals;
  /** Number of the last fence among these debits; 0: there is none. */
  readonly fenced: number;
  /** The highest incarnation in which each node asked for one of these trades: its names from then are used up. */
  readonly named: Clock;
  /** The debits up to this number came in another node's snapshot: this node never saw some of them. 0: none did. */
  readonly taken: number;
  /** Whether the next own record has to name debit `seq` as a cause, and whether its money may come from there (causes.ts). */
  readonly cause: "none" | "order" | "money";
}

export interface SnapshotRow extends AccountBase {
  readonly id: NodeId;
}

export interface Compacted {
  /** One for each account whose older debits were compacted. */
  readonly rows: readonly SnapshotRow[];
  /** Own debits made before this incarnation may be missing in the store (lost disk); 0: none is. */
  readonly ownSince: number;
}
