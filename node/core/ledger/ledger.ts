/**
 * The ledger: every account is a numbered log of debits written by its owner alone; a balance is a fold over those logs.
 *
 * Record 0 of an account is its genesis. A debit moves its amount from payer to payee in one step of one replica, so at every
 * replica the balances sum to the initial credits it knows, and equal vectors mean equal ledgers whatever order records came in.
 * Sources: Guerraoui et al., PODC 2019 (arXiv 1906.05574): money with single-owner accounts needs no consensus; node/protocol/trading.md.
 */
import { type Clock, encodeClock } from "../../wire/clock.ts";
import { hex32, readHex32 } from "../../wire/hex.ts";
import { MEMBERS_MAX, type NodeId } from "../../wire/ids.ts";
import type { Genesis, TradeRecord } from "../../wire/message.ts";
import { sha256Hex64 } from "../../wire/sha256.ts";
import { journal, persist } from "../kernel/outbox.ts";
import { drawHex64 } from "../kernel/random.ts";
import type { Recovered, Row, SnapshotRow } from "../kernel/rows.ts";
import { sortedIds } from "../kernel/vector-clock.ts";
import type { NodeState } from "../state.ts";
import { hashAfter, lastSeq } from "./account.ts";
import type { Account, LedgerState, LedgerWrite } from "./ledger-state.ts";
import { restoreBases } from "./snapshot.ts";
import { rememberRecord } from "./trade-index.ts";

/** Records of a store that contradict each other. */
export class CorruptLedgerError extends Error {
  override readonly name = "CorruptLedgerError";
}

/** The ledger of a node at boot. What the store held is durable. Throws CorruptLedgerError. */
export function createLedger(recovered?: Recovered): LedgerState {
  const ledger: LedgerState = {
    accounts: new Map(),
    log: [],
    dropped: 0,
    ownSince: recovered?.compacted?.ownSince ?? 0,
    clock: new Map(),
    durable: new Map(),
    frozenDurable: null,
    writes: new Map(),
    fingerprint: { high: 0, low: 0 },
    byTrade: new Map(),
    byRequest: new Map(),
    digest: { changed: new Set(), cursor: 0 },
  };
  for (const genesis of recovered?.accounts ?? []) {
    addAccount(ledger, genesis);
    markAccountDurable(ledger, genesis.id);
  }
  restoreBases(ledger, recovered?.compacted?.rows ?? []);
  for (const row of recovered?.compacted?.rows ?? []) markBaseDurable(ledger, row);
  for (const record of recovered?.records ?? []) {
    const fault = faultOf(ledger, record);
    if (fault !== null) throw new CorruptLedgerError(`record ${record.seller_id}/${record.seq}: ${fault}`);
    applyRecord(ledger, record);
  }
  // Once for each account: what was mixed into the fingerprint before would be taken out again.
  for (const account of ledger.accounts.values())
    if (account.records.length > 0) setDurable(ledger, account, lastSeq(account), account.lastHash);
  return ledger;
}

/** Makes the own account with a fresh nonce; returns the write that makes it durable, together with the rows of `extra`. */
export function mintAccount(state: NodeState, extra: readonly Row[]): number {
  assert(!state.ledger.accounts.has(state.self.id), "the account exists already");
  const genesis: Genesis = {
    id: state.self.id,
    epoch: 1,
    nonce: drawHex64(state.random),
    initial: state.config.initialCredits,
  };
  addAccount(state.ledger, genesis);
  const writeId = persistLedger(state, { accounts: [genesis.id], records: [] }, extra);
  tellAccount(state, genesis, writeId);
  return writeId;
}

/** Adds an account that another node knows. A different genesis under a known id is a conflict. There is always room for the own account. */
export function adoptAccount(
  state: NodeState,
  genesis: Genesis,
  extra: readonly Row[] = [],
): "adopted" | "same" | "conflict" | "no room" {
  const known = state.ledger.accounts.get(genesis.id);
  if (known !== undefined) return isSameGenesis(known.genesis, genesis) ? "same" : "conflict";
  const isOwnThere = genesis.id === state.self.id || state.ledger.accounts.has(state.self.id);
  if (state.phase === "HALTED" || state.ledger.accounts.size >= MEMBERS_MAX - (isOwnThere ? 0 : 1)) return "no room";
  if (genesis.initial !== state.config.initialCredits) {
    journal(state, {
      kind: "state",
      level: "warn",
      msg: `Node ${genesis.id} started with ${genesis.initial} credits, here DS_INITIAL_CREDITS is ${state.config.initialCredits}`,
      from: genesis.id,
    });
  }
  addAccount(state.ledger, genesis);
  tellAccount(state, genesis, persistLedger(state, { accounts: [genesis.id], records: [] }, extra));
  return "adopted";
}

export function accountOf(state: NodeState, id: NodeId): Account | undefined {
  return state.ledger.accounts.get(id);
}

/** Credits of an account as delivered here; 0 for an unknown one. */
export function balanceOf(state: NodeState, id: NodeId): number {
  return state.ledger.accounts.get(id)?.balance ?? 0;
}

/** Records on this disk, which others may know of. An account without debits appears with 0. */
export function durableClock(state: NodeState): Clock {
  return state.ledger.durable;
}

/** The durable vector as it is now, which later writes don't change. */
export function frozenDurable({ ledger }: NodeState): Clock {
  ledger.frozenDurable ??= new Map(ledger.durable);
  return ledger.frozenDurable;
}

/** Fingerprint of the durable ledger, 16 hex digits: equal durable vectors of one cluster give equal fingerprints. */
export function ledgerHash(state: NodeState): string {
  const { high, low } = state.ledger.fingerprint;
  return hex32(high) + hex32(low);
}

/** Sum of all balances beside the sum of the initial credits that were delivered: equal at every instant. */
export function conservation(state: NodeState): { balances: number; initials: number; holds: boolean } {
  let balances = 0;
  let initials = 0;
  let negative = false;
  for (const account of state.ledger.accounts.values()) {
    balances += account.balance;
    initials += account.genesis.initial;
    negative ||= account.balance < 0;
  }
  return { balances, initials, holds: balances === initials && !negative };
}

/** The owner of the account lost its disk: what it had written from this number on never counts, and this record is in its place. */
export function isFence(record: TradeRecord): boolean {
  return record.buyer_id === record.seller_id;
}

/** Link of the hash chain: covers the record and, through `prev_hash`, all of its origin's records before it. */
export function recordHash(record: TradeRecord): string {
  const { trade_id, buyer_id, seller_id, amount, seq, deps, prev_hash, request_id } = record;
  return sha256Hex64(
    JSON.stringify([trade_id, buyer_id, seller_id, amount, seq, encodeClock(deps), prev_hash, request_id ?? null]),
  );
}

/** Why the next record of its origin can't be right, or null. Only for a record whose causes have been delivered. */
export function faultOf(
  ledger: LedgerState,
  record: TradeRecord,
): "chain" | "overspend" | "unknown account" | "repeated trade" | null {
  const payer = ledger.accounts.get(record.seller_id);
  if (payer === undefined || !ledger.accounts.has(record.buyer_id)) return "unknown account";
  if (record.seq !== lastSeq(payer) + 1 || record.prev_hash !== payer.lastHash) return "chain";
  if (payer.balance < record.amount) return "overspend";
  if (ledger.byTrade.has(record.trade_id)) return "repeated trade";
  return null;
}

/** Moves the money. The caller has checked `faultOf`. */
export function applyRecord(ledger: LedgerState, record: TradeRecord): void {
  const payer = ledger.accounts.get(record.seller_id) as Account;
  const payee = ledger.accounts.get(record.buyer_id) as Account;
  payer.balance -= record.amount;
  payee.balance += record.amount;
  payer.records.push(record);
  payer.positions.push(ledger.dropped + ledger.log.length);
  payer.lastHash = recordHash(record);
  if (isFence(record)) payer.fencedAt = record.seq;
  ledger.log.push(record);
  ledger.clock.set(record.seller_id, record.seq);
  rememberRecord(ledger, record);
}

/** Asks for rows of the ledger (and others with them, in one transaction) to be made durable. */
export function persistLedger(state: NodeState, write: LedgerWrite, extra: readonly Row[] = []): number {
  const rows: Row[] = [];
  for (const id of write.accounts)
    rows.push({ table: "account", account: (state.ledger.accounts.get(id) as Account).genesis });
  for (const record of write.records) rows.push({ table: "record", record });
  if (write.taken !== undefined) rows.push({ table: "snapshot", rows: write.taken, ownSince: state.ledger.ownSince });
  const writeId = persist(state, [...rows, ...extra]);
  state.ledger.writes.set(writeId, write);
  return writeId;
}

/** A write of this ledger is on disk: the durable vector and fingerprint follow. Null: the write was not the ledger's. */
export function markDurable(state: NodeState, writeId: number): LedgerWrite | null {
  const write = state.ledger.writes.get(writeId);
  if (write === undefined) return null;
  state.ledger.writes.delete(writeId);
  for (const id of write.accounts) markAccountDurable(state.ledger, id);
  for (const record of write.records) markRecordDurable(state.ledger, record);
  for (const row of write.taken ?? []) markBaseDurable(state.ledger, row);
  return write;
}

function isSameGenesis(a: Genesis, b: Genesis): boolean {
  return a.id === b.id && a.epoch === b.epoch && a.nonce === b.nonce && a.initial === b.initial && a.key === b.key;
}

function genesisHash({ id, epoch, nonce, initial, key }: Genesis): string {
  return sha256Hex64(JSON.stringify([id, epoch, nonce, initial, ...(key === undefined ? [] : [key])]));
}

function addAccount(ledger: LedgerState, genesis: Genesis): void {
  assert(!ledger.accounts.has(genesis.id), `account ${genesis.id} exists already`);
  const hash = genesisHash(genesis);
  ledger.accounts.set(genesis.id, {
    genesis,
    balance: genesis.initial,
    base: { seq: 0, hash, paid: new Map(), fenced: 0, named: new Map(), taken: 0, cause: "none" },
    records: [],
    positions: [],
    lastHash: hash,
    durableHash: null,
    fencedAt: 0,
  });
  ledger.clock.set(genesis.id, 0);
}

function markAccountDurable(ledger: LedgerState, id: NodeId): void {
  if (ledger.durable.has(id)) return;
  const account = ledger.accounts.get(id) as Account;
  // A snapshot may have come in meanwhile.
  setDurable(ledger, account, 0, hashAfter(account, 0) ?? genesisHash(account.genesis));
}

function markRecordDurable(ledger: LedgerState, record: TradeRecord): void {
  const account = ledger.accounts.get(record.seller_id) as Account;
  assert(ledger.durable.get(record.seller_id) === record.seq - 1, "writes were not completed in order");
  // A snapshot may have taken the place of the record meanwhile.
  setDurable(ledger, account, record.seq, hashAfter(account, record.seq) ?? recordHash(record));
}

/** Another node's snapshot is on disk, and with it everything up to it. */
function markBaseDurable(ledger: LedgerState, row: SnapshotRow): void {
  const account = ledger.accounts.get(row.id) as Account;
  if ((ledger.durable.get(row.id) ?? 0) < row.seq) setDurable(ledger, account, row.seq, row.hash);
}

function setDurable(ledger: LedgerState, account: Account, seq: number, hash: string): void {
  const { id } = account.genesis;
  ledger.durable.set(id, seq);
  ledger.frozenDurable = null;
  ledger.digest.changed.add(id);
  if (account.durableHash !== null) mixIn(ledger, account.durableHash);
  mixIn(ledger, hash);
  account.durableHash = hash;
}

/** Exclusive or: mixing a hash in twice takes it out, and the order doesn't matter. */
function mixIn(ledger: LedgerState, hash: string): void {
  const { fingerprint } = ledger;
  fingerprint.high = (fingerprint.high ^ readHex32(hash, 0)) >>> 0;
  fingerprint.low = (fingerprint.low ^ readHex32(hash, 8)) >>> 0;
}

/** For checkers: an account is new here. */
function tellAccount(state: NodeState, { id, initial, nonce }: Genesis, writeId: number): void {
  if (!state.config.isDetailed) return;
  const msg = `Account of Node ${id}: ${initial} credits`;
  journal(state, { kind: "state", level: "debug", msg, account: id, initial, nonce }, writeId);
}

/** Accounts in ascending order of id. */
export function accountIds(state: NodeState): NodeId[] {
  return sortedIds(state.ledger.clock);
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`assertion: ${message}`);
}
