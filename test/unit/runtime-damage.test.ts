// A damaged ledger: found before anything is written, told in words, and left as it is to the last byte.
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import type { Recovered, Row } from "../../node/core/kernel/rows.ts";
import { OperatorError } from "../../node/runtime/errors.ts";
import { rowSum } from "../../node/runtime/ledger-schema.ts";
import { openLedgerStore } from "../../node/runtime/ledger-store.ts";
import type { Store } from "../../node/runtime/store.ts";
import { hashDirectory } from "../support/directory-hash.ts";
import { isExtended } from "../support/extended.ts";
import { testSeed } from "../support/test-seed.ts";

const root = mkdtempSync(join(tmpdir(), "energy-lab-damage-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const seed = testSeed("DAMAGE_SEED", 1);
const COMMITS = 40;

let copies = 0;
function copyOf(image: string): string {
  const path = join(root, `copy-${++copies}`);
  cpSync(image, path, { recursive: true });
  return path;
}

function open(directory: string, id = 1): Store {
  return openLedgerStore({ directory, id, bootId: "00000000000000aa" });
}

/** Opens the folder and returns its content or the refusal. It writes nothing. */
function read(directory: string): Recovered | OperatorError {
  try {
    const store = open(directory);
    store.close();
    return store.recovered as Recovered;
  } catch (error) {
    if (error instanceof OperatorError) return error;
    throw error;
  }
}

function rowsOf(commit: number): Row[] {
  const record: Row = {
    table: "record",
    record: {
      trade_id: `1-2-1.${commit}`,
      buyer_id: 2,
      seller_id: 1,
      amount: commit,
      seq: commit,
      deps: new Map([[1, commit]]),
      prev_hash: commit.toString(16).padStart(16, "0"),
      request_id: `request ${commit}`,
    },
  };
  return [record, { table: "vote", term: commit, votedFor: 1, abstains: false }];
}

/** Two folders with the same content: of a node that closed its ledger, and of one that was killed. */
async function makeImages(): Promise<{ closed: string; killed: string }> {
  const directory = join(root, "original");
  const store = open(directory);
  store.begin();
  const account = { id: 1, epoch: 1, nonce: "00000000000000cc", initial: 100_000 };
  const intent = { tradeId: "1-2-1.9", requestId: "r", payer: 2, payerIncarnation: 3, amount: 5 };
  const onDone = (failure: string | null) => expect(failure).toBeNull();
  const first: Row[] = [
    { table: "account", account },
    { table: "intent", intent, done: false },
  ];
  store.persist(1, first, onDone);
  for (let commit = 1; commit <= COMMITS; commit++) {
    store.persist(1 + commit, rowsOf(commit), onDone);
    await nextTurn();
  }
  const killed = copyOf(directory);
  store.close();
  return { closed: directory, killed };
}

const { closed, killed } = await makeImages();
const content = read(copyOf(closed)) as Recovered;

function assertRefused(directory: string, message: RegExp, id = 1): void {
  const before = hashDirectory(directory);
  let refusal: unknown = null;
  try {
    open(directory, id).close();
  } catch (error) {
    refusal = error;
  }
  expect(refusal).toBeInstanceOf(OperatorError);
  expect((refusal as OperatorError).message).toMatch(message);
  expect((refusal as OperatorError).hint).toContain("nothing was changed");
  expect(hashDirectory(directory)).toBe(before);
}

function edit(directory: string, change: (database: DatabaseSync) => void): string {
  const database = new DatabaseSync(join(directory, "ledger.db"));
  change(database);
  database.close();
  return directory;
}

describe("a ledger that is read before it is written to", () => {
  test("must be whole after a clean end and after a kill", () => {
    expect(content.records).toHaveLength(COMMITS);
    expect(content.term).toBe(COMMITS);
    expect(statSync(join(killed, "ledger.db-wal")).size).toBeGreaterThan(COMMITS * 4096);
    expect(read(copyOf(killed))).toEqual(content);
  });

  test("must not change by being read", () => {
    for (const image of [closed, killed]) {
      const directory = copyOf(image);
      const before = hashDirectory(directory);
      read(directory);
      expect(hashDirectory(directory)).toBe(before);
    }
  });

  const damages: readonly [what: string, message: RegExp, damage: (directory: string) => void][] = [
    ["an empty file", /is damaged: it is empty/, (directory) => truncateSync(join(directory, "ledger.db"), 0)],
    ["half a file", /is damaged/, (directory) => truncateSync(join(directory, "ledger.db"), 5 * 4096)],
    ["part of a page", /is damaged/, (directory) => truncateSync(join(directory, "ledger.db"), 3 * 4096 + 100)],
    [
      "garbage in the header",
      /is damaged: file is not a database/,
      (directory) => overwrite(join(directory, "ledger.db"), 0, "not SQLite at all"),
    ],
    [
      "a missing table",
      /is damaged: its table or index "vote" is missing/,
      (directory) => edit(directory, (database) => database.exec("DROP TABLE vote")),
    ],
    [
      "a missing index",
      /is damaged: its table or index "debits_by_request" is missing/,
      (directory) => edit(directory, (database) => database.exec("DROP INDEX debits_by_request")),
    ],
    [
      "an altered amount",
      /is damaged: row 7 of records doesn't match its sum/,
      (directory) => edit(directory, (database) => database.exec("UPDATE records SET amount = 99 WHERE seq = 7")),
    ],
    [
      "a lower term",
      /is damaged: row 1 of vote doesn't match its sum/,
      (directory) => edit(directory, (database) => database.exec("UPDATE vote SET term = 3")),
    ],
    [
      "a newer format",
      /has format 9, this program knows 5 and 6/,
      (directory) => edit(directory, (database) => database.exec("PRAGMA user_version = 9")),
    ],
    [
      "no format",
      /is damaged: it says nothing about its format/,
      (directory) => edit(directory, (database) => database.exec("PRAGMA user_version = 0")),
    ],
  ];
  test.each(damages)("must be refused with %s", (_what, message, damage) => {
    const directory = copyOf(closed);
    damage(directory);
    assertRefused(directory, message);
  });

  test("must be refused with other voters than it was made with, and stay as it is; a ledger without a list takes the first one", () => {
    const directory = copyOf(closed);
    const openWith = (voters: readonly number[]) =>
      openLedgerStore({ directory, id: 1, bootId: "00000000000000aa", voters });
    const first = openWith([1, 2, 3]);
    first.begin();
    first.close();
    const before = hashDirectory(directory);
    expect(() => openWith([1, 2, 3, 4])).toThrow(
      /belongs to a group with the voters 1,2,3, and this node is started with the voters 1,2,3,4/,
    );
    expect(() => openWith([])).toThrow(/started with no voters/);
    expect(hashDirectory(directory)).toBe(before);
    openWith([1, 2, 3]).close();
  });

  test("of the format before must be taken over whole, with a lost disk as such", () => {
    const directory = copyOf(closed);
    edit(directory, (database) => {
      for (const table of ["own", "voters", "departures", "askers", "account_keys"])
        database.exec(`DROP TABLE ${table}`);
      database.exec(
        `INSERT INTO fences VALUES (1, 0, ${rowSum([1, 0])}), (4, 7, ${rowSum([4, 7])}); PRAGMA user_version = 5`,
      );
    });
    const before = openLedgerStore({ directory, id: 1, bootId: "00000000000000aa" });
    before.begin();
    before.persist(1, [{ table: "own", standing: "whole" }], () => {});
    before.close();
    const after = openLedgerStore({ directory, id: 1, bootId: "00000000000000aa" });
    after.close();
    expect(before.recovered).toMatchObject({ own: "lost", fences: [{ account: 4, at: 7 }] });
    expect(after.recovered).toMatchObject({ own: "whole", fences: [{ account: 4, at: 7 }] });
    expect(after.recovered?.records).toEqual(before.recovered?.records);
  });

  test("must be refused when it is another node's", () => {
    assertRefused(copyOf(closed), /belongs to node 1, not to node 2/, 2);
    assertRefused(copyOf(killed), /belongs to node 1, not to node 2/, 2);
  });

  test("must be refused when only its log is there, which would become part of a new file", () => {
    const directory = copyOf(killed);
    rmSync(join(directory, "ledger.db"));
    assertRefused(directory, /its log is there, the file itself isn't/);
  });

  test("must be refused when its log is garbage, which SQLite would take for an empty one", () => {
    const directory = copyOf(killed);
    writeFileSync(join(directory, "ledger.db-wal"), "x".repeat(50_000));
    assertRefused(directory, /its log .* header is wrong/);
  });

  test("must be refused when its log changed under commits that were confirmed", () => {
    const directory = copyOf(killed);
    overwrite(join(directory, "ledger.db-wal"), 32 + 10 * 4120 + 2000, "garbage");
    assertRefused(directory, /its log .* frame 11 of \d+ is wrong/);
  });

  test("must lose nothing to a commit that was cut short at its end", () => {
    const directory = copyOf(killed);
    const log = join(directory, "ledger.db-wal");
    const whole = readFileSync(log);
    writeFileSync(log, Buffer.concat([whole, whole.subarray(32, 32 + 3000)]));
    expect(read(directory)).toEqual(content);
  });

  const flips = isExtended ? 4_000 : 120;
  test.each([
    ["closed", closed],
    ["killed", killed],
  ])(
    `must give the same or be refused whatever bit flips: ${flips} in a %s one (DAMAGE_SEED=${seed})`,
    (_name, image) => {
      const directory = copyOf(image);
      const before = hashDirectory(directory);
      const random = drawFrom(seed);
      let refused = 0;
      for (let i = 0; i < flips; i++) {
        const names = image === killed ? ["ledger.db", "ledger.db-wal"] : ["ledger.db"];
        const path = join(directory, names[random(names.length)] as string);
        const bytes = readFileSync(path);
        const at = random(bytes.length);
        const flipped = Buffer.from(bytes);
        flipped[at] = (flipped[at] ?? 0) ^ (1 << random(8));
        writeFileSync(path, flipped);
        const changed = hashDirectory(directory);
        const found = read(directory);
        expect(hashDirectory(directory)).toBe(changed);
        if (found instanceof OperatorError) refused += 1;
        else
          expect(withoutLastCommit(found, path), `bit of byte ${at} of ${path}`).toEqual(
            withoutLastCommit(content, path),
          );
        writeFileSync(path, bytes);
      }
      expect(hashDirectory(directory)).toBe(before);
      // Most bytes of a small ledger are empty page: a twelfth of all flips hits something.
      expect(refused).toBeGreaterThan(0);
    },
  );
});

/** A flip in the last commit of a log can't be told from a commit that never ended. */
function withoutLastCommit(found: Recovered, path: string): Recovered {
  if (!path.endsWith("-wal")) return found;
  const records = found.records.filter((record) => record.seq < COMMITS);
  return { ...found, records, term: Math.min(found.term, COMMITS - 1) };
}

function overwrite(path: string, at: number, text: string): void {
  const bytes = readFileSync(path);
  bytes.write(text, at);
  writeFileSync(path, bytes);
}

/** Whole numbers below a bound, the same for the same seed. */
function drawFrom(start: number): (bound: number) => number {
  let state = start >>> 0;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}
