// The ledger as a fold: whatever causal order the records come in, the money and the fingerprint are the same.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Recovered } from "../../node/core/kernel/rows.ts";
import { covers } from "../../node/core/kernel/vector-clock.ts";
import {
  adoptAccount,
  applyRecord,
  balanceOf,
  CorruptLedgerError,
  conservation,
  createLedger,
  faultOf,
  ledgerHash,
  recordHash,
} from "../../node/core/ledger/ledger.ts";
import type { NodeState } from "../../node/core/state.ts";
import type { Genesis, TradeRecord } from "../../node/wire/message.ts";
import { CoreNode, genesisOf } from "../support/core-node.ts";

const IDS = [1, 2, 3, 4];

/** Trades among four accounts, each made with the whole history in view: (payer, payee, amount). */
const trades = fc.array(fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 60 })), {
  maxLength: 25,
});

function recovered(accounts: readonly Genesis[], records: readonly TradeRecord[]): Recovered {
  return { term: 0, votedFor: null, accounts, records, intents: [] };
}

/** Of node 1, which has not done anything yet. */
function stateWith(held: Recovered): NodeState {
  return new CoreNode(1, {}, {}, held).state;
}

/** A valid causal history; trades that can't be paid are left out. Each payer sees about half of what happened before. */
function makeHistory(moves: readonly (readonly [number, number, number])[]): TradeRecord[] {
  const accounts = IDS.map((id) => genesisOf(id));
  const views = new Map(IDS.map((id) => [id, createLedger(recovered(accounts, []))]));
  const made: TradeRecord[] = [];
  for (const [from, step, amount] of moves) {
    const payer = IDS[from] as number;
    const payee = IDS[(from + step) % IDS.length] as number;
    const view = views.get(payer);
    if (view === undefined) continue;
    for (const [index, record] of made.entries()) {
      const isNext = (view.clock.get(record.seller_id) ?? 0) + 1 === record.seq;
      if (
        index % 2 === step % 2 &&
        isNext &&
        covers(view.clock, new Map([...record.deps].filter(([id]) => id !== record.seller_id)))
      )
        applyRecord(view, record);
    }
    const account = view.accounts.get(payer);
    if (account === undefined || account.balance < amount) continue;
    const seq = account.records.length + 1;
    const deps = new Map([...view.clock].sort(([a], [b]) => a - b)).set(payer, seq);
    const record = {
      trade_id: `${payer}-${payee}-1.${seq}`,
      buyer_id: payee,
      seller_id: payer,
      amount,
      seq,
      deps,
      prev_hash: account.lastHash,
    };
    applyRecord(view, record);
    made.push(record);
  }
  return made;
}

/** A random order of the records that respects causality. */
function shuffleCausally(records: readonly TradeRecord[], picks: readonly number[]): TradeRecord[] {
  const left = [...records];
  const clock = new Map<number, number>();
  const result: TradeRecord[] = [];
  for (let i = 0; left.length > 0; i++) {
    const ready = left.filter((record) => {
      const others = new Map([...record.deps].filter(([id]) => id !== record.seller_id));
      return (clock.get(record.seller_id) ?? 0) + 1 === record.seq && covers(clock, others);
    });
    const next = ready[(picks[i % Math.max(1, picks.length)] ?? 0) % ready.length] as TradeRecord;
    clock.set(next.seller_id, next.seq);
    result.push(next);
    left.splice(left.indexOf(next), 1);
  }
  return result;
}

describe("the ledger", () => {
  test("must have the same balances and fingerprint in every causal order, and conserve money throughout", () => {
    fc.assert(
      fc.property(trades, fc.array(fc.nat(10), { maxLength: 25 }), (moves, picks) => {
        const records = makeHistory(moves);
        const accounts = IDS.map((id) => genesisOf(id));
        const straight = stateWith(recovered(accounts, records));
        const order = shuffleCausally(records, picks);
        const shuffled = stateWith(recovered([...accounts].reverse(), order));
        expect(ledgerHash(shuffled)).toBe(ledgerHash(straight));
        for (const id of IDS) expect(balanceOf(shuffled, id)).toBe(balanceOf(straight, id));
        const growing = createLedger(recovered(accounts, []));
        for (const record of order) {
          applyRecord(growing, record);
          const balances = [...growing.accounts.values()].map((account) => account.balance);
          expect(Math.min(...balances)).toBeGreaterThanOrEqual(0);
          expect(balances.reduce((sum, balance) => sum + balance, 0)).toBe(400);
        }
        expect(conservation(straight)).toEqual({ balances: 400, initials: 400, holds: true });
      }),
    );
  });

  test("must have another fingerprint for every other ledger", () => {
    const accounts = IDS.map((id) => genesisOf(id));
    const hashes = new Set<string>();
    const records = makeHistory([
      [0, 1, 10],
      [1, 1, 5],
      [2, 1, 7],
      [0, 2, 1],
    ]);
    for (let count = 0; count <= records.length; count++) {
      hashes.add(ledgerHash(stateWith(recovered(accounts, records.slice(0, count)))));
    }
    for (let count = 1; count < accounts.length; count++) {
      hashes.add(ledgerHash(stateWith(recovered(accounts.slice(0, count), []))));
    }
    expect(hashes.size).toBe(records.length + accounts.length);
  });

  test("must refuse what doesn't fit its log", () => {
    const ledger = createLedger(
      recovered(
        IDS.map((id) => genesisOf(id)),
        [],
      ),
    );
    const record = {
      trade_id: "1-2-1.1",
      buyer_id: 2,
      seller_id: 1,
      amount: 30,
      seq: 1,
      deps: new Map([[1, 1]]),
      prev_hash: ledger.accounts.get(1)?.lastHash ?? "",
    };
    expect(faultOf(ledger, record)).toBeNull();
    expect(faultOf(ledger, { ...record, amount: 101 })).toBe("overspend");
    expect(faultOf(ledger, { ...record, prev_hash: "0".repeat(16) })).toBe("chain");
    expect(faultOf(ledger, { ...record, seq: 2 })).toBe("chain");
    expect(faultOf(ledger, { ...record, buyer_id: 9 })).toBe("unknown account");
    applyRecord(ledger, record);
    expect(faultOf(ledger, { ...record, seq: 2, prev_hash: recordHash(record) })).toBe("repeated trade");
    expect(() => createLedger(recovered([genesisOf(1), genesisOf(2)], [{ ...record, amount: 101 }]))).toThrow(
      CorruptLedgerError,
    );
  });

  test("must adopt an account once and call another genesis of it a conflict", () => {
    const state = stateWith(recovered([], []));
    expect(adoptAccount(state, genesisOf(7))).toBe("adopted");
    expect(adoptAccount(state, genesisOf(7))).toBe("same");
    expect(adoptAccount(state, { ...genesisOf(7), nonce: "f".repeat(16) })).toBe("conflict");
    expect(conservation(state)).toEqual({ balances: 100, initials: 100, holds: true });
    expect(state.outbox.filter((effect) => effect.type === "persist")).toHaveLength(1);
    expect(state.ledger.durable.has(7)).toBe(false);
  });
});
