// Reads the ledgers that nodes left on disk, and holds them against each other and against what clients were told. Independent of
// the core: it computes balances, chains and causes from the rows.
import { expect } from "vitest";
import { checkLedger } from "../../../node/runtime/ledger-check.ts";
import type { TradeRecord } from "../../../node/wire/message.ts";

export interface Expectations {
  /** Every account's beginning. */
  readonly initialCredits: number;
  /** Trades that a client was told are done: on both disks. */
  readonly done: Iterable<string>;
  /** Trades, or requests for some, that a client was told will never happen: on no disk. */
  readonly never: Iterable<string>;
}

/** `paths`: the ledger file of each node, none of which runs. Throws (vitest) when a promise is broken. */
export function auditLedgers(paths: ReadonlyMap<number, string>, expected: Expectations): void {
  const ledgers = new Map([...paths].map(([id, path]) => [id, checkLedger(path, id).recovered]));
  const byNumber = new Map<string, string>();
  for (const [id, { records, accounts }] of ledgers) {
    const balances = new Map(accounts.map((account) => [account.id, account.initial]));
    const numbers = new Map<number, number>();
    const trades = new Set<string>();
    const names = new Set(records.flatMap((record) => [record.trade_id, record.request_id ?? ""]));
    for (const account of accounts)
      expect(account.initial, `account ${account.id} at ${id}`).toBe(expected.initialCredits);
    for (const record of records) {
      const name = `record ${record.seller_id}/${record.seq} at node ${id}`;
      expect(record.seq, `${name} comes in order`).toBe((numbers.get(record.seller_id) ?? 0) + 1);
      numbers.set(record.seller_id, record.seq);
      expect(trades.has(record.trade_id), `${name} executes its trade for the first time`).toBe(false);
      trades.add(record.trade_id);
      for (const [origin, seq] of record.deps)
        if (origin !== record.seller_id)
          expect(numbers.get(origin) ?? 0, `${name} after its causes`).toBeGreaterThanOrEqual(seq);
      const content = contentOf(record);
      expect(byNumber.get(`${record.seller_id}/${record.seq}`) ?? content, `${name} is the same everywhere`).toBe(
        content,
      );
      byNumber.set(`${record.seller_id}/${record.seq}`, content);
      move(balances, record);
      expect(balances.get(record.seller_id), `balance of ${record.seller_id} after ${name}`).toBeGreaterThanOrEqual(0);
    }
    const sum = [...balances.values()].reduce((total, balance) => total + balance, 0);
    expect(sum, `credits at node ${id}`).toBe(accounts.length * expected.initialCredits);
    for (const name of expected.never) expect(names.has(name), `${name} was refused, and is at node ${id}`).toBe(false);
  }
  assertAccountsAgree(ledgers);
  for (const [key] of byNumber) {
    const [origin = 0, seq = 0] = key.split("/").map(Number);
    const own = ledgers.get(origin)?.records.some((record) => record.seller_id === origin && record.seq === seq);
    if (ledgers.has(origin)) expect(own, `record ${key} is on its payer's disk`).toBe(true);
  }
  for (const trade of expected.done) {
    for (const id of trade
      .split("-")
      .slice(0, 2)
      .map((word) => Number.parseInt(word, 10)))
      if (ledgers.has(id))
        expect(
          ledgers.get(id)?.records.some((record) => record.trade_id === trade),
          `trade ${trade}, done, is at node ${id}`,
        ).toBe(true);
  }
}

/** One genesis for each account, on every disk: no account was minted twice. */
function assertAccountsAgree(ledgers: ReadonlyMap<number, ReturnType<typeof checkLedger>["recovered"]>): void {
  const nonces = new Map<number, string>();
  for (const [holder, { accounts }] of ledgers)
    for (const { id, nonce } of accounts) {
      expect(nonces.get(id) ?? nonce, `account ${id} as node ${holder} knows it`).toBe(nonce);
      nonces.set(id, nonce);
    }
}

function move(balances: Map<number, number>, record: TradeRecord): void {
  balances.set(record.seller_id, (balances.get(record.seller_id) ?? Number.NaN) - record.amount);
  balances.set(record.buyer_id, (balances.get(record.buyer_id) ?? Number.NaN) + record.amount);
}

function contentOf({ deps, ...rest }: TradeRecord): string {
  return JSON.stringify({ ...rest, deps: [...deps].sort(([a], [b]) => a - b) });
}
