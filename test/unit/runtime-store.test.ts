import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { Row } from "../../node/core/kernel/rows.ts";
import { OperatorError } from "../../node/runtime/errors.ts";
import { openLedgerStore } from "../../node/runtime/ledger-store.ts";
import { openMemoryStore, type Store } from "../../node/runtime/store.ts";
import { makeTempFolder } from "../support/temp-folder.ts";

function record(seq: number, changes: Record<string, unknown> = {}): Row {
  return {
    table: "record",
    record: {
      trade_id: `1-2-1.${seq}`,
      buyer_id: 2,
      seller_id: 1,
      amount: 10,
      seq,
      deps: new Map([
        [1, seq],
        [300, 7],
      ]),
      prev_hash: "00000000000000ff",
      request_id: `request ${seq}`,
      ...changes,
    },
  };
}

class Bench {
  readonly stored: number[] = [];
  readonly failed: number[] = [];
  readonly batches: number[] = [];
  reason = "";
  private isTelling = false;
  readonly store: Store;

  constructor(directory: string, id = 1) {
    this.store = openLedgerStore({ directory, id, bootId: "00000000000000aa" });
    this.store.begin();
  }

  persist(writeId: number, rows: readonly Row[]): void {
    this.store.persist(writeId, rows, (failure) => {
      if (failure === null) this.noteStored(writeId);
      else {
        this.failed.push(writeId);
        this.reason = failure;
      }
    });
  }

  /** What is told in one go was committed together. */
  private noteStored(writeId: number): void {
    this.stored.push(writeId);
    if (!this.isTelling) {
      this.batches.push(0);
      this.isTelling = true;
      queueMicrotask(() => {
        this.isTelling = false;
      });
    }
    this.batches.push((this.batches.pop() ?? 0) + 1);
  }
}

describe("the ledger store", () => {
  test("must give back what was stored, and a greater incarnation at every boot", async () => {
    const directory = makeTempFolder();
    const first = new Bench(directory);
    expect(first.store.incarnation).toBe(1);
    expect(first.store.recovered).toEqual({
      term: 0,
      votedFor: null,
      abstains: false,
      accounts: [],
      records: [],
      intents: [],
      own: "whole",
      fences: [],
      departures: [],
    });
    const account = { id: 1, epoch: 0, nonce: "00000000000000cc", initial: 100, key: "ab".repeat(32) };
    const departure = { node: 6, incarnation: 2, clock: new Map([[1, 2]]) };
    const intent = { tradeId: "1-2-1.9", requestId: "r", payer: 2, payerIncarnation: 3, amount: 5 };
    first.persist(1, [{ table: "account", account }, record(1), record(2, { request_id: undefined })]);
    first.persist(2, [{ table: "vote", term: 7, votedFor: 3, abstains: true }]);
    first.persist(3, [{ table: "intent", intent, done: false }]);
    first.persist(4, [{ table: "intent", intent: { ...intent, tradeId: "1-2-1.8" }, done: false }]);
    first.persist(5, [{ table: "intent", intent: { ...intent, tradeId: "1-2-1.8" }, done: true }]);
    first.persist(6, [{ table: "fence", account: 4, at: 3 }]);
    first.persist(7, [{ table: "fence", account: 4, at: 7 }]);
    first.persist(8, [{ table: "fence", account: 5, at: 2 }]);
    first.persist(9, [{ table: "fence", account: 5, at: null }]);
    first.persist(10, [{ table: "own", standing: "unconfirmed" }]);
    first.persist(11, [{ table: "departure", node: 6, departure }]);
    first.persist(12, [
      { table: "departure", node: 7, departure: { ...departure, node: 7 } },
      { table: "departure", node: 7, departure: null },
    ]);
    await nextTurn();
    expect(first.stored).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(first.batches).toEqual([12]);
    first.store.close();

    const second = new Bench(directory);
    expect(second.store.incarnation).toBe(2);
    expect(second.store.recovered).toEqual({
      term: 7,
      votedFor: 3,
      abstains: true,
      accounts: [account],
      records: [record(1), record(2, { request_id: undefined })].map((row) => {
        const { request_id, ...rest } = (row as Extract<Row, { table: "record" }>).record;
        return request_id === undefined ? rest : { ...rest, request_id };
      }),
      intents: [intent],
      own: "unconfirmed",
      fences: [{ account: 4, at: 7 }],
      departures: [departure],
    });
    second.persist(1, [{ table: "incarnation", atLeast: 40 }]);
    second.store.close();
    const third = new Bench(directory);
    expect(third.store.incarnation).toBe(41);
    third.store.close();
  });

  test("must answer only after the step that asked, and commit at most 64 rows at once", async () => {
    const bench = new Bench(makeTempFolder());
    for (let i = 1; i <= 150; i++) bench.persist(i, [record(i)]);
    expect(bench.stored).toEqual([]);
    while (bench.stored.length < 150) await nextTurn();
    expect(bench.batches).toEqual([64, 64, 22]);
    expect(bench.stored).toEqual(Array.from({ length: 150 }, (_, i) => i + 1));
    bench.store.close();
  });

  const twice: readonly [what: string, row: Row][] = [
    ["the same number of the same account", record(1, { trade_id: "other", request_id: "other" })],
    ["the same trade", record(2, { trade_id: "1-2-1.1", request_id: "other" })],
    ["the same request", record(2, { request_id: "request 1" })],
  ];
  test.each(twice)("must refuse %s twice, and everything after that", async (_what, row) => {
    const bench = new Bench(makeTempFolder());
    bench.persist(1, [record(1)]);
    await nextTurn();
    bench.persist(2, [row]);
    await nextTurn();
    bench.persist(3, [record(3)]);
    await nextTurn();
    expect(bench.stored).toEqual([1]);
    expect(bench.failed).toEqual([2, 3]);
    expect(bench.reason).toContain("UNIQUE");
    bench.store.close();
  });

  test("must take other nodes' records with any request id", async () => {
    const bench = new Bench(makeTempFolder());
    bench.persist(1, [record(1), record(1, { seller_id: 3, buyer_id: 2, trade_id: "3-2-1.1" })]);
    await nextTurn();
    expect(bench.stored).toEqual([1]);
    bench.store.close();
  });

  test("must not share a folder", () => {
    const directory = makeTempFolder();
    const first = new Bench(directory);
    expect(() => new Bench(directory)).toThrow(/another node uses the folder/);
    first.store.close();
    new Bench(directory).store.close();
  });

  test("must not take the ledger of another node", () => {
    const directory = makeTempFolder();
    new Bench(directory).store.close();
    expect(() => new Bench(directory, 2)).toThrow(/belongs to node 1, not to node 2/);
  });

  test("must refuse a damaged ledger, say what to do, and touch nothing", () => {
    const directory = makeTempFolder();
    const garbage = Buffer.from("this was a ledger once ".repeat(500));
    writeFileSync(join(directory, "ledger.db"), garbage);
    const error = catchError(() => new Bench(directory));
    expect(error).toBeInstanceOf(OperatorError);
    expect((error as OperatorError).message).toContain("damaged");
    expect((error as OperatorError).hint).toContain("move the folder away");
    expect(readFileSync(join(directory, "ledger.db")).equals(garbage)).toBe(true);
  });

  test("must find damage inside a file that still looks like a database", async () => {
    const directory = makeTempFolder();
    const bench = new Bench(directory);
    for (let i = 1; i <= 300; i++) bench.persist(i, [record(i)]);
    while (bench.stored.length < 300) await nextTurn();
    bench.store.close();
    const path = join(directory, "ledger.db");
    const bytes = readFileSync(path);
    bytes.fill(0xab, 8192, 8192 + 3000);
    writeFileSync(path, bytes);
    expect(() => new Bench(directory)).toThrow(/damaged/);
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });

  test("must say so when the folder can't be made", () => {
    const file = join(makeTempFolder(), "file");
    writeFileSync(file, "");
    expect(() => new Bench(join(file, "sub"))).toThrow(/can't make the folder/);
    expect(() => new Bench(file)).toThrow(/is a file, not a folder/);
  });

  test("must make a folder of several levels, and begin again where a first start was cut short", () => {
    const directory = join(makeTempFolder(), "a", "b");
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "ledger.db.new"), "half of a ledg");
    new Bench(directory).store.close();
    new Bench(join(directory, "c", "d")).store.close();
    expect(readdirSync(directory).sort()).toEqual(["c", "ledger.db", "lock.db"]);
  });

  test("must not let its log grow for ever, and give back what a reader made of it", async () => {
    const directory = makeTempFolder();
    const bench = new Bench(directory);
    const log = join(directory, "ledger.db-wal");
    let written = 0;
    const write = async (records: number): Promise<void> => {
      const end = written + records;
      while (written < end) bench.persist(++written, [record(written, { request_id: "r".repeat(900) + written })]);
      while (bench.stored.length < written) await nextTurn();
    };
    await write(6_000);
    expect(statSync(log).size).toBeLessThan(6 * 2 ** 20);

    const reader = new DatabaseSync(join(directory, "ledger.db"), { readOnly: true });
    reader.exec("BEGIN");
    reader.prepare("SELECT count(*) FROM records").get();
    await write(6_000);
    expect(statSync(log).size).toBeGreaterThan(6 * 2 ** 20);
    reader.close();
    await write(2_000);
    expect(statSync(log).size).toBeLessThan(6 * 2 ** 20);
    expect(bench.failed).toEqual([]);
    bench.store.close();
  });
});

describe("the memory store", () => {
  test("must have a greater incarnation at a later boot, and store nothing", async () => {
    const stored: (string | null)[] = [];
    const early = openMemoryStore(Date.UTC(2026, 0, 1));
    const late = openMemoryStore(Date.UTC(2026, 0, 1) + 1000);
    expect(late.incarnation).toBeGreaterThan(early.incarnation);
    expect(late.incarnation).toBeLessThan(2 ** 32);
    expect(early.recovered).toBeNull();
    early.persist(1, [], (failure) => stored.push(failure));
    expect(stored).toEqual([]);
    await nextTurn();
    expect(stored).toEqual([null]);
  });
});

function catchError(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}
