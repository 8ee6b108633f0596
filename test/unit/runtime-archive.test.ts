// The disk after a long life: a snapshot and the later records for the next boot, and all records for any node that asks (node/protocol/storage.md).
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { Recovered, Row } from "../../node/core/kernel/rows.ts";
import { createLedger } from "../../node/core/ledger/ledger.ts";
import { foldLog } from "../../node/core/ledger/snapshot.ts";
import { openLedgerStore } from "../../node/runtime/ledger-store.ts";
import type { Store } from "../../node/runtime/store.ts";
import { genesisOf } from "../support/core-node.ts";
import { PayerLog } from "../support/records.ts";
import { makeTempFolder } from "../support/temp-folder.ts";

const RECORDS = 50;
const FOLDED = 30;

function open(directory: string): Store {
  const store = openLedgerStore({ directory, id: 1, bootId: "00000000000000aa" });
  store.begin();
  return store;
}

/** A ledger of 50 debits of node 1, of which 30 are folded. */
async function compactedFolder(): Promise<{ directory: string; recovered: Recovered }> {
  const directory = makeTempFolder();
  const store = open(directory);
  const log = new PayerLog(genesisOf(1));
  const accounts = [genesisOf(1), genesisOf(2)];
  for (let n = 1; n <= RECORDS; n++) {
    const asked = n % 2 === 0 ? `2-1-1.${n}` : `1-2-1.${n}`;
    log.pay(2, 1, asked, []);
  }
  const records = log.records.map((record) => ({ ...record, request_id: `request ${record.seq}` }));
  const ledger = createLedger({ term: 0, votedFor: null, accounts, records: log.records, intents: [] });
  foldLog(ledger, FOLDED);
  const base = ledger.accounts.get(1)?.base;
  if (base === undefined) throw new Error("no account");
  const rows: Row[] = accounts.map((account) => ({ table: "account", account }));
  const onDone = (failure: string | null) => expect(failure).toBeNull();
  store.persist(1, [...rows, ...records.map((record): Row => ({ table: "record", record }))], onDone);
  store.persist(2, [{ table: "snapshot", rows: [{ id: 1, ...base }], ownSince: 3 }], onDone);
  await nextTurn();
  await nextTurn();
  store.close();
  const again = open(directory);
  const recovered = again.recovered as Recovered;
  again.close();
  return { directory, recovered };
}

describe("a compacted ledger", () => {
  test("must give a boot its rows and the records behind them, which make the whole ledger", async () => {
    const { recovered } = await compactedFolder();
    expect(recovered.compacted?.ownSince).toBe(3);
    expect(recovered.compacted?.rows.map(({ id, seq }) => [id, seq])).toEqual([[1, FOLDED]]);
    expect(recovered.records.map(({ seq }) => seq)).toEqual(
      Array.from({ length: RECORDS - FOLDED }, (_, n) => FOLDED + 1 + n),
    );
    const ledger = createLedger({ ...recovered, records: [] });
    expect(ledger.accounts.get(2)?.balance).toBe(100 + FOLDED);
  });

  test("must answer for every trade it ever had: by trade, by request, by page", async () => {
    const { directory } = await compactedFolder();
    const store = open(directory);
    const { archive } = store;
    if (archive === null) throw new Error("no archive");
    expect(archive.recall({ kind: "trade", tradeId: "2-1-1.2", payee: 1, requestId: null })?.seq).toBe(2);
    expect(archive.recall({ kind: "trade", tradeId: "2-1-1.200", payee: 1, requestId: null })).toBeNull();
    // A trade under another name, for a request that was paid.
    const renamed = { kind: "trade", tradeId: "2-1-1.200", requestId: "request 4" } as const;
    expect(archive.recall({ ...renamed, payee: 2 })?.seq).toBe(4);
    expect(archive.recall({ ...renamed, payee: 3 })).toBeNull();
    expect(archive.recall({ kind: "request", requestId: "request 3" })?.seq).toBe(3);
    // Node 2 asked for that one, under a request id of its own.
    expect(archive.recall({ kind: "request", requestId: "request 4" })).toBeNull();
    expect(archive.recall({ kind: "debit", origin: 1, seq: 7 })?.trade_id).toBe("1-2-1.7");
    expect(archive.trade("1-2-1.1")?.seq).toBe(1);
    expect(archive.page(10, 3)).toMatchObject({ total: RECORDS, records: [{ seq: 11 }, { seq: 12 }, { seq: 13 }] });
    expect(archive.newestOfOwn(2).map(({ seq }) => seq)).toEqual([RECORDS - 1, RECORDS]);
    store.close();
  });

  test("must not give out a record whose bytes have changed", async () => {
    const { directory } = await compactedFolder();
    const database = new DatabaseSync(join(directory, "ledger.db"));
    database.exec("UPDATE records SET amount = 99 WHERE seq = 5");
    database.close();
    // It is behind the snapshot, so the start doesn't read it.
    const store = open(directory);
    expect(() => store.archive?.trade("1-2-1.5")).toThrow(/doesn't match its sum/);
    store.close();
  });
});
