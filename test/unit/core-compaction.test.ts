// Compaction and snapshots (node/protocol/compaction.md): rows that any two nodes can merge, and the same ledger with and without.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { append } from "../../node/core/causal/broadcast.ts";
import type { SnapshotRow } from "../../node/core/kernel/rows.ts";
import { lastSeq, recordAt } from "../../node/core/ledger/account.ts";
import { applyRecord, balanceOf, createLedger, ledgerHash } from "../../node/core/ledger/ledger.ts";
import type { LedgerState } from "../../node/core/ledger/ledger-state.ts";
import { isUnanswerable, recallOf, withRecalled } from "../../node/core/ledger/recall.ts";
import { applyMerge, foldLog, planMerge } from "../../node/core/ledger/snapshot.ts";
import { compact } from "../../node/core/replication/compaction.ts";
import { planChunks } from "../../node/core/replication/state-transfer.ts";
import type { NodeState } from "../../node/core/state.ts";
import { encodeMessage } from "../../node/wire/codec.ts";
import { OVERHEAD_BYTES } from "../../node/wire/envelope.ts";
import { MEMBERS_MAX } from "../../node/wire/ids.ts";
import type { Message, TradeRecord } from "../../node/wire/message.ts";
import { TOTAL_MODULUS } from "../../node/wire/totals.ts";
import { CoreNode, genesisOf, originOf } from "../support/core-node.ts";
import { PayerLog } from "../support/records.ts";

const IDS = [1, 2, 3];
const accounts = IDS.map((id) => genesisOf(id));

/** Trades in one causal order that everybody can afford. */
function historyOf(moves: readonly (readonly [number, number, number])[]): TradeRecord[] {
  const logs = new Map(accounts.map((genesis) => [genesis.id, new PayerLog(genesis)]));
  const balances = new Map(IDS.map((id) => [id, 100]));
  const clock = new Map<number, number>();
  const made: TradeRecord[] = [];
  for (const [from, step, amount] of moves) {
    const payer = IDS[from] as number;
    const payee = IDS[(from + step) % IDS.length] as number;
    if ((balances.get(payer) ?? 0) < amount) continue;
    balances.set(payer, (balances.get(payer) ?? 0) - amount);
    balances.set(payee, (balances.get(payee) ?? 0) + amount);
    const log = logs.get(payer) as PayerLog;
    const seq = log.records.length + 1;
    made.push(log.pay(payee, amount, `${payer}-${payee}-1.${seq}`, [...clock]));
    clock.set(payer, seq);
  }
  return made;
}

const history = fc
  .array(fc.tuple(fc.nat(2), fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 60 })), { maxLength: 30 })
  .map(historyOf);

function ledgerOf(records: readonly TradeRecord[]): LedgerState {
  return createLedger({ term: 0, votedFor: null, accounts, records, intents: [] });
}

function rowsOf(ledger: LedgerState): Map<number, SnapshotRow> {
  const rows = [...ledger.accounts].filter(([, { base }]) => base.seq > 0);
  return new Map(rows.map(([id, { base }]) => [id, { id, ...base, taken: base.seq }]));
}

function summary(ledger: LedgerState) {
  return {
    clock: [...ledger.clock].sort(([a], [b]) => a - b),
    balances: [...ledger.accounts].map(([id, { balance }]) => [id, balance]).sort(),
    hashes: [...ledger.accounts].map(([id, { lastHash }]) => [id, lastHash]).sort(),
  };
}

/** Node 1 with the accounts of a group of three and their records, folded up to the last `keep`. */
function compacted(records: readonly TradeRecord[], keep: number, id = 1): CoreNode {
  const recovered = { term: 0, votedFor: null, accounts, records, intents: [] };
  const node = new CoreNode(id, { keepRecords: keep, expected: IDS.filter((other) => other !== id) }, {}, recovered);
  node.feed({ type: "start" });
  for (const peer of IDS) if (peer !== id) node.beat(peer, { digest: node.state.ledger.durable });
  return node;
}

const LONG = historyOf(Array.from({ length: 40 }, (_, i) => [i % 3, 1, 1] as const));

describe("folding", () => {
  test("must leave clock, balances, hashes and the ledger's hash as they are, wherever it cuts", () => {
    fc.assert(
      fc.property(history, fc.nat(30), (records, cut) => {
        const whole = ledgerOf(records);
        const folded = ledgerOf(records);
        foldLog(folded, Math.min(cut, records.length));
        expect(summary(folded)).toEqual(summary(whole));
        expect(folded.fingerprint).toEqual(whole.fingerprint);
        const compacted = { rows: [...rowsOf(folded).values()], ownSince: 0 };
        const reborn = createLedger({ term: 0, votedFor: null, accounts, compacted, records: folded.log, intents: [] });
        expect(summary(reborn)).toEqual(summary(whole));
        expect(reborn.fingerprint).toEqual(whole.fingerprint);
      }),
    );
  });

  test("must go on where it ended: records behind a fold are the next ones", () => {
    const ledger = ledgerOf(LONG.slice(0, 30));
    foldLog(ledger, 25);
    for (const record of LONG.slice(30)) applyRecord(ledger, record);
    expect(summary(ledger)).toEqual(summary(ledgerOf(LONG)));
    const account = ledger.accounts.get(1);
    if (account === undefined) throw new Error("no account");
    expect(recordAt(account, 1)).toBeUndefined();
    expect(recordAt(account, lastSeq(account))?.seq).toBe(lastSeq(account));
  });

  test("must keep balances exact when totals outgrow their modulus", () => {
    const ledger = ledgerOf(LONG);
    foldLog(ledger, LONG.length);
    const rows = rowsOf(ledger);
    // As if 1 and 2 had paid each other 2^50 - 5 before: the same balances, totals that wrap.
    const wrap = (id: number, payee: number) => {
      const row = rows.get(id) as SnapshotRow;
      const total = ((row.paid.get(payee) ?? 0) + TOTAL_MODULUS - 5) % TOTAL_MODULUS;
      rows.set(id, { ...row, paid: new Map([...row.paid, [payee, total]]) });
    };
    wrap(1, 2);
    wrap(2, 1);
    const compacted = { rows: [...rows.values()], ownSince: 0 };
    const reborn = createLedger({ term: 0, votedFor: null, accounts, compacted, records: [], intents: [] });
    expect(summary(reborn).balances).toEqual(summary(ledger).balances);
  });
});

describe("merging", () => {
  test("must make one ledger of two that folded different debits, as after a partition", () => {
    fc.assert(
      fc.property(history, fc.nat(30), fc.nat(30), (records, cutA, cutB) => {
        // Both know a causal cut of their own: their own debits and what these follow.
        const a = ledgerOf(records.slice(0, cutA));
        const b = ledgerOf(records.slice(0, cutB));
        foldLog(a, a.log.length);
        foldLog(b, Math.floor(b.log.length / 2));
        const plan = planMerge(b, rowsOf(a));
        if (typeof plan === "string") throw new Error(plan);
        applyMerge(b, plan);
        for (const record of records) if (record.seq > (b.clock.get(record.seller_id) ?? 0)) applyRecord(b, record);
        expect(summary(b)).toEqual(summary(ledgerOf(records)));
      }),
    );
  });

  test("must refuse another history of an account, and money that isn't there", () => {
    const ledger = ledgerOf(LONG);
    const other = ledgerOf(LONG);
    foldLog(other, LONG.length);
    const rows = rowsOf(other);
    const row = rows.get(1) as SnapshotRow;
    expect(planMerge(ledger, new Map([[1, { ...row, hash: "0123456789abcdef" }]]))).toBe("chain");
    const rich = { ...row, seq: row.seq + 1, paid: new Map([[2, 5_000]]) };
    expect(planMerge(ledger, new Map([[1, rich]]))).toBe("overspend");
    expect(planMerge(ledger, new Map([[9, { ...row, id: 9 }]]))).toBe("unknown account");
    expect(summary(ledger)).toEqual(summary(ledgerOf(LONG)));
  });
});

/** Node 1 of three, with all of `LONG` on its disk. */
function withHistory(keepRecords: number): CoreNode {
  const recovered = { term: 0, votedFor: null, accounts, records: LONG, intents: [] };
  return new CoreNode(1, { keepRecords, expected: [2, 3] }, {}, recovered);
}

describe("compaction", () => {
  test("must wait for what a live member lacks, and not for one that failed", () => {
    const node = withHistory(4);
    node.feed({ type: "start" });
    node.beat(3, { digest: new Map(IDS.map((id) => [id, 1])) });
    node.beat(2, { digest: node.state.ledger.durable });
    expect(node.state.ledger.log.length).toBe(LONG.length - 3);
    const member = node.state.members.get(3);
    if (member === undefined) throw new Error("no member 3");
    member.state = "FAILED";
    expect(compact(node.state)).toBe(LONG.length - 3 - 4);
    expect(node.state.ledger.log.length).toBe(4);
    expect(node.state.ledger.byTrade.size).toBe(4);
  });

  test("must not wait for ever for a member that is alive and gets no further", () => {
    const node = withHistory(2);
    node.feed({ type: "start" });
    node.beat(2, { digest: new Map([[1, 1]]) });
    expect(node.state.ledger.log.length).toBe(2);
  });

  test("must not fold what is not on the own disk", () => {
    const node = compacted(LONG.slice(0, 6), 4);
    for (const record of LONG.slice(6)) node.receive(record.seller_id, "TRADE_CONFIRM", { success: true, ...record });
    for (const peer of [2, 3])
      node.beat(peer, {
        digest: new Map([
          [1, 14],
          [2, 13],
          [3, 13],
        ]),
      });
    expect(node.state.ledger.dropped).toBeLessThanOrEqual(6);
  });
});

describe("a snapshot", () => {
  /** READY with nothing but its own account, and told by `old` how much there is. */
  function newcomer(id: number, old: CoreNode): CoreNode {
    const recovered = { term: 0, votedFor: null, accounts: [genesisOf(id)], records: [], intents: [] };
    const node = new CoreNode(id, { keepRecords: 4, expected: [1] }, {}, recovered);
    node.feed({ type: "start" });
    node.beat(1, { digest: old.state.ledger.durable, ledger_hash: ledgerHash(old.state) });
    return node;
  }

  function transfer(from: CoreNode, to: CoreNode, lose: (index: number) => boolean = () => false): void {
    for (let round = 0; round < 20; round++) {
      to.run(60);
      to.beat(from.state.self.id, { digest: from.state.ledger.durable });
      const asked = to.sent("STATE_REQUEST").filter((sent) => sent.to === from.state.self.id);
      to.clear();
      for (const { payload } of asked.slice(-1)) {
        from.clear().receive(to.state.self.id, "STATE_REQUEST", payload);
        for (const [index, chunk] of from.sent("STATE_CHUNK").entries())
          if (!lose(round + index)) to.receive(from.state.self.id, "STATE_CHUNK", chunk.payload);
        to.store();
      }
    }
  }

  test.each([
    ["that comes whole", () => false],
    ["of which chunks are lost", (index: number) => index % 2 === 0],
  ])("%s must bring a node with nothing to the same ledger, and only once it is on disk", (_, lose) => {
    const old = compacted(LONG, 4);
    const young = newcomer(4, old);
    transfer(old, young, lose as (index: number) => boolean);
    const { clock, accounts: there } = young.state.ledger;
    for (const id of IDS) {
      expect(clock.get(id)).toBe(old.state.ledger.clock.get(id));
      expect(there.get(id)?.lastHash).toBe(old.state.ledger.accounts.get(id)?.lastHash);
      expect(there.get(id)?.durableHash).toBe(there.get(id)?.lastHash);
      expect(balanceOf(young.state, id)).toBe(balanceOf(old.state, id));
    }
    expect(young.state.counters.get("snapshots_taken")).toBe(1);
  });

  test("must be a cause of the next own debit, also where a record names its direct causes only", () => {
    const old = compacted(LONG, 4);
    foldLog(old.state.ledger, old.state.ledger.log.length);
    const many = Array.from({ length: 20 }, (_, n) => genesisOf(n + 1));
    const recovered = { term: 0, votedFor: null, accounts: many, records: [], intents: [] };
    const young = new CoreNode(20, { expected: [1] }, {}, recovered);
    young.feed({ type: "start" });
    young.beat(1, { digest: old.state.ledger.durable, ledger_hash: ledgerHash(old.state) });
    transfer(old, young);
    const made = append(young.state, { tradeId: "20-1-1.1", payee: 1, amount: 1, requestId: null });
    for (const id of IDS) expect(made?.record.deps.get(id)).toBe(old.state.ledger.clock.get(id));
  });

  test("with debits of the node itself that it never made must stop it", () => {
    const old = compacted(LONG, 4);
    const young = newcomer(2, old);
    young.letIn(1);
    transfer(old, young);
    expect(young.state.phase).toBe("CONFLICT");
    expect(young.state.ledger.clock.get(1)).toBe(0);
  });

  test("must not be passed on before it is on the own disk", () => {
    const old = compacted(LONG, 4);
    const chunks = planChunks(old.state, everything);
    expect(chunks.some((chunk) => chunk.snapshot !== undefined)).toBe(true);
    const { ledger } = old.state;
    ledger.durable.set(1, 0);
    expect(planChunks(old.state, everything)).toEqual([]);
  });

  test("must fit its datagrams with 200 accounts that all paid each other the most", () => {
    const many = Array.from({ length: 200 }, (_, n) => genesisOf(65_535 - n * 300));
    const paid = new Map(many.map(({ id }) => [id, TOTAL_MODULUS - 1]));
    const named = new Map(many.map(({ id }) => [id, 0xffff_ffff]));
    const seq = 2 ** 48;
    const recovered = { term: 0, votedFor: null, accounts: many, records: [], intents: [] };
    const node = new CoreNode(65_535, {}, {}, recovered);
    for (const account of node.state.ledger.accounts.values()) {
      account.base = { ...account.base, seq, fenced: seq, paid, named };
      node.state.ledger.durable.set(account.genesis.id, seq);
    }
    const parts = new Set<number>();
    let total = 1;
    for (let from = 0; parts.size < total; from = parts.size) {
      const cursor =
        from === 0
          ? null
          : {
              of:
                [...new Set(chunksOf(node.state, null).map((c) => c.snapshot?.of))].find((of) => of !== undefined) ??
                "",
              from,
            };
      for (const chunk of chunksOf(node.state, cursor)) {
        expect(bytesOf(chunk)).toBeLessThanOrEqual(1_200);
        total = chunk.snapshot?.total ?? total;
        for (const index of chunk.snapshot?.parts.keys() ?? []) parts.add((chunk.snapshot?.first ?? 0) + index);
      }
    }
    expect(parts.size).toBe(1_800);
  });
});

type Chunk = ReturnType<typeof planChunks>[number];

/** The request of a node without any records. */
const everything = { have: new Map(), want: "records", after: 0, up_to: 65_535 } as const;

function chunksOf(state: NodeState, cursor: { of: string; from: number } | null): Chunk[] {
  const have = new Map([...state.ledger.accounts.keys()].map((id) => [id, 0]));
  return planChunks(state, { ...everything, have, ...(cursor !== null && { snapshot: cursor }) });
}

function bytesOf(payload: Chunk): number {
  const frame = { message_type: "STATE_CHUNK", sender_id: 65_535, sender_priority: 65_535, vector_clock: null };
  return (
    encodeMessage({ ...frame, payload, timestamp: 9_999_999_999_999.99 } as unknown as Message).length + OVERHEAD_BYTES
  );
}

describe("what was executed and folded", () => {
  const command = { op: "sell", requestId: "old", peer: 2, amount: 1, inc: null, until: "settled" } as const;

  test("must be asked of the store, and answered from it without another trade", () => {
    const node = compacted(LONG, 4);
    const input = { type: "command", command } as const;
    expect(recallOf(node.state, input)).toEqual({ kind: "request", requestId: "old" });
    const executed = { ...(LONG[0] as TradeRecord), request_id: "old" };
    node.clear().feed(withRecalled(node.state, input, () => executed));
    const replies = node.effects.filter((effect) => effect.type === "reply");
    expect(replies.at(-1)).toMatchObject({
      requestId: "old",
      result: { ok: true, data: { trade_id: executed.trade_id } },
    });
    expect(node.sent("TRADE_REQUEST")).toEqual([]);
  });

  test("must stop a request while the store can't be read", () => {
    const node = compacted(LONG, 4);
    const input = { type: "command", command } as const;
    expect(isUnanswerable(node.state, input)).toBe(true);
    node.clear().feed(input);
    expect(node.effects.at(-1)).toMatchObject({
      type: "reply",
      result: { ok: false, code: "STORAGE", definite: false },
    });
  });

  test("must answer a buyer that asks for it again with the record", () => {
    const node = compacted(LONG, 4);
    const old = LONG.find((record) => record.seller_id === 1) as TradeRecord;
    const asked = { ...old, trade_id: "2-1-1.1" };
    const payload = { target_id: 1, amount: old.amount, trade_type: "buy" as const, trade_id: "2-1-1.1", to_inc: 1 };
    const frame = { message_type: "TRADE_REQUEST", sender_id: 2, sender_priority: 2, vector_clock: null, timestamp: 0 };
    const input = { type: "message", message: { ...frame, payload } as unknown as Message, from: originOf(2) } as const;
    node.clear().feed(withRecalled(node.state, input, (key) => (key.kind === "trade" ? asked : null)));
    expect(node.sent("TRADE_RESPONSE")[0]?.payload).toMatchObject({ accepted: true });
    expect(node.sent("TRADE_CONFIRM")[0]?.payload).toMatchObject({ trade_id: "2-1-1.1", seq: old.seq });
  });
});

describe("a group without room", () => {
  test("must be reported with a reason, and ended by the newcomer with exit code 1", () => {
    const newcomer = new CoreNode(7);
    newcomer.feed({ type: "start" });
    newcomer.beat(1);
    newcomer.answerJoin(1, { refused: "FULL" });
    newcomer.run(newcomer.state.config.timing.discoveryMs + 5);
    const exit = newcomer.effects.find((effect) => effect.type === "exit");
    expect(exit).toMatchObject({ code: 1 });
    expect(exit?.type === "exit" ? exit.reason : "").toMatch(
      /Node 1 refused node 7: its group knows 1000 nodes.*Start with the number/,
    );
  });

  test("must refuse a newcomer when all accounts are taken", () => {
    const all = Array.from({ length: MEMBERS_MAX }, (_, n) => genesisOf(n + 1));
    const recovered = { term: 0, votedFor: null, accounts: all, records: [], intents: [] };
    const member = new CoreNode(1, {}, {}, recovered);
    member.feed({ type: "start" });
    member.clear().join(originOf(MEMBERS_MAX + 1));
    expect(member.sent("JOIN_RESPONSE")[0]?.payload).toMatchObject({ refused: "FULL" });
    member.clear().join(originOf(200));
    expect(member.sent("JOIN_RESPONSE")[0]?.payload.refused).toBeUndefined();
  });
});
