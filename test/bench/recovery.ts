/**
 * How long a node needs from the start of its process's work on the ledger to a core that can speak: the file read and checked, every
 * record behind the snapshot replayed. Once with all records to replay, once with all but the last 4,096 folded.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Row, SnapshotRow } from "../../node/core/kernel/rows.ts";
import { createLedger } from "../../node/core/ledger/ledger.ts";
import { foldLog } from "../../node/core/ledger/snapshot.ts";
import { KEEP_RECORDS } from "../../node/core/replication/compaction.ts";
import { openLedgerStore } from "../../node/runtime/ledger-store.ts";
import type { Store } from "../../node/runtime/store.ts";
import type { TradeRecord } from "../../node/wire/message.ts";
import { genesisOf } from "../support/core-node.ts";
import { PayerLog } from "../support/records.ts";
import type { Report } from "./report.ts";

const NODES = 5;

export async function benchRecovery(report: Report, options: { records: number; rounds: number }): Promise<void> {
  const { records: count, rounds } = options;
  report.heading(`recovery: ${count.toLocaleString("en")} records of ${NODES} nodes on disk`);
  const records = makeHistory(count);
  const folder = mkdtempSync(join(tmpdir(), "energy-lab-bench-"));
  try {
    await persist(folder, [
      ...accounts().map((account): Row => ({ table: "account", account })),
      ...records.map((record): Row => ({ table: "record", record })),
    ]);
    report.row({
      what: "start, every record replayed",
      unit: "ms",
      samples: boots(folder, rounds),
      goal: { of: "median", atMost: 800 },
    });
    const ledger = createLedger({ term: 0, votedFor: null, accounts: accounts(), records, intents: [] });
    foldLog(ledger, count - KEEP_RECORDS);
    const rows: SnapshotRow[] = [...ledger.accounts].map(([id, { base }]) => ({ id, ...base }));
    await persist(folder, [{ table: "snapshot", rows, ownSince: 0 }]);
    report.row({
      what: `start, all but the last ${KEEP_RECORDS} folded`,
      unit: "ms",
      samples: boots(folder, rounds),
      goal: { of: "median", atMost: 1_000 },
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function accounts() {
  return Array.from({ length: NODES }, (_, n) => genesisOf(n + 1));
}

/** Everybody pays its neighbour a credit, in turns. */
function makeHistory(count: number): TradeRecord[] {
  const logs = accounts().map((genesis) => new PayerLog(genesis));
  return Array.from({ length: count }, (_, n) => {
    const payer = (n % NODES) + 1;
    const payee = (payer % NODES) + 1;
    const causes = logs.map((log, index): [number, number] => [index + 1, log.records.length]);
    const log = logs[payer - 1] as PayerLog;
    return log.pay(payee, 1, `${payer}-${payee}-1.${log.records.length + 1}`, causes);
  });
}

function open(directory: string): Store {
  return openLedgerStore({ directory, id: 1, bootId: "00000000000000aa" });
}

async function persist(directory: string, rows: readonly Row[]): Promise<void> {
  const store = open(directory);
  store.begin();
  store.persist(1, rows, (failure) => {
    if (failure !== null) throw new Error(failure);
  });
  await nextTurn();
  store.close();
}

function boots(directory: string, rounds: number): number[] {
  return Array.from({ length: rounds }, () => {
    const startedAtMs = performance.now();
    const store = open(directory);
    createLedger(store.recovered ?? undefined);
    store.begin();
    const tookMs = performance.now() - startedAtMs;
    store.close();
    return tookMs;
  });
}
