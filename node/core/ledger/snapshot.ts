/**
 * Snapshots: the older debits of each account in one row, which any two nodes can merge.
 *
 * A row says what an account paid to whom in its debits 1 to k. It is a function of (account, k) alone, so of two rows of one account
 * the longer one replaces the other, whichever node made it, and balances are what the rows and the records behind them add up to. A
 * table of balances could not be merged: two halves of a partition compact different debits. The rows of a node are a causally
 * closed cut (a prefix of its log), and so is what two of them merge to: no balance in them is negative.
 * Sources: Shapiro et al. 2011 (state-based replicated types: per-writer entries, merge by the longer one); node/protocol/compaction.md.
 */
import type { NodeId } from "../../wire/ids.ts";
import type { TradeRecord } from "../../wire/message.ts";
import { TOTAL_MODULUS } from "../../wire/totals.ts";
import type { AccountBase, SnapshotRow } from "../kernel/rows.ts";
import { hashAfter, lastSeq } from "./account.ts";
import type { Account, LedgerState } from "./ledger-state.ts";
import { parseTradeId } from "./trade-id.ts";
import { forgetRecord } from "./trade-index.ts";

/** The rows that replace a node's own, and the balances that belong to them. */
export interface MergePlan {
  readonly rows: ReadonlyMap<NodeId, SnapshotRow>;
  readonly balances: ReadonlyMap<NodeId, number>;
}

/** Moves the first `count` records of the log into the rows of their accounts; returns the accounts whose rows changed. */
export function foldLog(ledger: LedgerState, count: number): NodeId[] {
  const sums = new Map<NodeId, Sum>();
  for (const record of ledger.log.slice(0, count)) {
    const account = ledger.accounts.get(record.seller_id) as Account;
    const sum = sums.get(record.seller_id) ?? sumOf(account.base);
    sums.set(record.seller_id, sum);
    addTo(sum, record);
    forgetRecord(ledger, record);
  }
  for (const [id, sum] of sums) {
    const account = ledger.accounts.get(id) as Account;
    const debits = sum.seq - account.base.seq;
    account.base = { ...account.base, ...sum, hash: hashAfter(account, sum.seq) as string };
    account.records.splice(0, debits);
    account.positions.splice(0, debits);
  }
  ledger.log.splice(0, count);
  ledger.dropped += count;
  return [...sums.keys()];
}

/** A row that is being made. */
interface Sum {
  seq: number;
  fenced: number;
  readonly paid: Map<NodeId, number>;
  readonly named: Map<NodeId, number>;
}

function sumOf({ seq, fenced, paid, named }: AccountBase): Sum {
  return { seq, fenced, paid: new Map(paid), named: new Map(named) };
}

function addTo(sum: Sum, { seq, seller_id, buyer_id, amount, trade_id }: TradeRecord): void {
  sum.seq = seq;
  if (seller_id === buyer_id) sum.fenced = seq;
  sum.paid.set(buyer_id, ((sum.paid.get(buyer_id) ?? 0) + amount) % TOTAL_MODULUS);
  const name = parseTradeId(trade_id);
  if (name !== null) sum.named.set(name.from, Math.max(name.incarnation, sum.named.get(name.from) ?? 0));
}

/** At boot: the rows of the store take the place of the debits that they cover. */
export function restoreBases(ledger: LedgerState, rows: readonly SnapshotRow[]): void {
  if (rows.length === 0) return;
  const plan = planMerge(ledger, new Map(rows.map((row) => [row.id, row])));
  if (typeof plan === "string") throw new Error(`the store is corrupt: its snapshot: ${plan}`);
  applyMerge(ledger, plan);
}

/**
 * Plans the merge of another node's longer rows into this ledger, or says why they can't be true: another history of an
 * account than the one known here, or money that isn't there.
 */
export function planMerge(
  ledger: LedgerState,
  offered: ReadonlyMap<NodeId, SnapshotRow>,
): MergePlan | "unknown account" | "chain" | "overspend" {
  const rows = new Map<NodeId, SnapshotRow>();
  for (const [id, row] of offered) {
    const account = ledger.accounts.get(id);
    if (account === undefined) return "unknown account";
    for (const payee of row.paid.keys()) if (!ledger.accounts.has(payee)) return "unknown account";
    const known = hashAfter(account, row.seq);
    if (known !== undefined && known !== row.hash) return "chain";
    if (row.seq > account.base.seq) rows.set(id, row);
  }
  const balances = balancesWith(ledger, rows);
  return balances === null ? "overspend" : { rows, balances };
}

export function applyMerge(ledger: LedgerState, { rows, balances }: MergePlan): void {
  for (const [id, { id: _, ...base }] of rows) {
    const { seq, hash } = base;
    const account = ledger.accounts.get(id) as Account;
    const covered = seq - account.base.seq;
    if (seq >= lastSeq(account)) account.lastHash = hash;
    account.records.splice(0, covered);
    account.base = base;
    account.fencedAt = Math.max(account.fencedAt, base.fenced);
    ledger.clock.set(id, lastSeq(account));
  }
  for (const [id, balance] of balances) (ledger.accounts.get(id) as Account).balance = balance;
  keepUncovered(ledger);
}

/** The log without the records that rows cover now, and where each account's records are in it. */
function keepUncovered(ledger: LedgerState): void {
  const delivered = ledger.dropped + ledger.log.length;
  const kept: TradeRecord[] = [];
  for (const record of ledger.log) {
    if (record.seq > (ledger.accounts.get(record.seller_id) as Account).base.seq) kept.push(record);
    else forgetRecord(ledger, record);
  }
  ledger.log = kept;
  ledger.dropped = delivered - kept.length;
  for (const account of ledger.accounts.values()) account.positions = [];
  kept.forEach((record, index) => {
    (ledger.accounts.get(record.seller_id) as Account).positions.push(ledger.dropped + index);
  });
}

/** Balances from genesis, rows and the records behind them; null: somebody would have paid more than he had. */
function balancesWith(ledger: LedgerState, rows: ReadonlyMap<NodeId, SnapshotRow>): Map<NodeId, number> | null {
  const balances = new Map<NodeId, number>();
  let initials = 0;
  for (const [id, { genesis }] of ledger.accounts) {
    balances.set(id, genesis.initial);
    initials += genesis.initial;
  }
  const move = (payer: NodeId, payee: NodeId, amount: number): void => {
    balances.set(payer, ((balances.get(payer) ?? 0) - amount + TOTAL_MODULUS) % TOTAL_MODULUS);
    balances.set(payee, ((balances.get(payee) ?? 0) + amount) % TOTAL_MODULUS);
  };
  const bases = new Map<NodeId, AccountBase>();
  for (const [id, account] of ledger.accounts) {
    const base = rows.get(id) ?? account.base;
    bases.set(id, base);
    for (const [payee, amount] of base.paid) move(id, payee, amount);
  }
  for (const record of ledger.log)
    if (record.seq > (bases.get(record.seller_id) as AccountBase).seq)
      move(record.seller_id, record.buyer_id, record.amount);
  let sum = 0;
  for (const balance of balances.values()) {
    // A negative one has wrapped around to just below the modulus.
    if (balance > initials) return null;
    sum += balance;
  }
  return sum === initials ? balances : null;
}
