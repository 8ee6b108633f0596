// Causal delivery, the hold-back queue and its repair, on single cores fed by hand.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { append } from "../../node/core/causal/broadcast.ts";
import { HELD_MAX, HELD_PER_ORIGIN_MAX } from "../../node/core/causal/holdback.ts";
import type { Recovered } from "../../node/core/kernel/rows.ts";
import { fireTimer, nextTimeoutMs, takeDue } from "../../node/core/kernel/timers.ts";
import type { Effect } from "../../node/core/kernel/types.ts";
import { covers } from "../../node/core/kernel/vector-clock.ts";
import { accountIds, adoptAccount, balanceOf, conservation, createLedger } from "../../node/core/ledger/ledger.ts";
import { moneyTimers, onMoneyStored } from "../../node/core/lifecycle/storage.ts";
import { onTradeConfirm } from "../../node/core/replication/delivery.ts";
import { buildDigest, onDigest, onNak } from "../../node/core/replication/repair.ts";
import { planChunks } from "../../node/core/replication/state-transfer.ts";
import type { NodeState } from "../../node/core/state.ts";
import { encodeMessage } from "../../node/wire/codec.ts";
import type { Message, MessageOf, TradeRecord } from "../../node/wire/message.ts";
import { createMoneyState, dispatch, genesisOf, originOf } from "../support/money-cluster.ts";

const IDS = [1, 2, 3, 4];

function recovered(ids: readonly number[], initial = 100): Recovered {
  return { term: 0, votedFor: null, accounts: ids.map((id) => genesisOf(id, initial)), records: [], intents: [] };
}

function stateOf(id: number, ids: readonly number[] = IDS, initial = 100): NodeState {
  return createMoneyState(id, ids, { recovered: recovered(ids, initial) });
}

/** The node appends a debit and its disk keeps it. */
function pay(state: NodeState, payee: number, amount: number): TradeRecord {
  const seq = (state.ledger.clock.get(state.self.id) ?? 0) + 1;
  const made = append(state, { tradeId: `${state.self.id}-${payee}-1.${seq}`, payee, amount, requestId: null });
  if (made === null) throw new Error("too many causes");
  onMoneyStored(state, made.writeId);
  return made.record;
}

function give(state: NodeState, record: TradeRecord, via = record.seller_id): Effect[] {
  onTradeConfirm(state, {
    sender_id: via,
    vector_clock: record.deps,
    payload: { success: true, ...record },
  } as MessageOf<"TRADE_CONFIRM">);
  return take(state);
}

function take(state: NodeState): Effect[] {
  const effects = state.outbox;
  state.outbox = [];
  for (const effect of effects) if (effect.type === "persist") onMoneyStored(state, effect.writeId);
  return effects;
}

function messagesOf(effects: readonly Effect[]): string[] {
  return effects.flatMap((effect) => (effect.type === "journal" ? [effect.event.msg] : []));
}

function sentOf(effects: readonly Effect[]): { to: number | null; message: Message }[] {
  return effects.flatMap((effect): { to: number | null; message: Message }[] => {
    if (effect.type === "unicast") return [{ to: effect.to, message: effect.message }];
    return effect.type === "multicast" ? [{ to: null, message: effect.message }] : [];
  });
}

function runTimers(state: NodeState, untilMs: number): Effect[] {
  for (let atMs = nextTimeoutMs(state.timers); atMs !== null && atMs <= untilMs; atMs = nextTimeoutMs(state.timers)) {
    state.nowMs = Math.max(state.nowMs, atMs);
    const due = takeDue(state.timers, state.nowMs);
    if (due !== null) fireTimer(moneyTimers, state, due);
  }
  state.nowMs = untilMs;
  return take(state);
}

describe("delivery", () => {
  test("must be causal, once and complete under any arrival order, with repeats", () => {
    const move = fc.tuple(
      fc.nat(3),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 0, max: 15 }),
    );
    fc.assert(
      fc.property(
        fc.array(move, { maxLength: 20 }),
        fc.array(fc.nat(1_000), { minLength: 1, maxLength: 60 }),
        (moves, picks) => {
          const payers = new Map(IDS.map((id) => [id, stateOf(id)]));
          const records: TradeRecord[] = [];
          for (const [from, step, amount, hears] of moves) {
            const payer = payers.get(IDS[from] as number) as NodeState;
            const payee = IDS[(from + step) % 4] as number;
            if (balanceOf(payer, payer.self.id) < amount) continue;
            const record = pay(payer, payee, amount);
            records.push(record);
            for (const id of IDS) if ((hears >> (id - 1)) & 1) give(payers.get(id) as NodeState, record);
          }
          const observer = createMoneyState(9, IDS, { recovered: recovered([...IDS, 9]) });
          const causes = new Map(records.map((record) => [record.trade_id, record.deps]));
          const left = [...records];
          for (let i = 0; left.length > 0; i++) {
            const index = (picks[i % picks.length] as number) % left.length;
            const record = left[index] as TradeRecord;
            give(observer, record);
            if (i % 3 !== 0) left.splice(index, 1);
            expect(conservation(observer).holds).toBe(true);
          }
          expect(observer.ledger.log).toHaveLength(records.length);
          expect(observer.causal.held).toBe(0);
          const seen = new Map<number, number>();
          for (const record of observer.ledger.log) {
            const others = new Map([...(causes.get(record.trade_id) ?? [])].filter(([id]) => id !== record.seller_id));
            expect(covers(seen, others)).toBe(true);
            expect(record.seq).toBe((seen.get(record.seller_id) ?? 0) + 1);
            seen.set(record.seller_id, record.seq);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  test("must hold what comes early, say so, and deliver it behind its causes", () => {
    const [one, two, three] = [stateOf(1), stateOf(2), stateOf(3)];
    const first = pay(one, 2, 100);
    give(two, first);
    const second = pay(two, 3, 150);
    expect(messagesOf(give(three, second))).toContain("Buffering message for causal delivery");
    expect(balanceOf(three, 3)).toBe(100);
    const effects = give(three, first);
    expect(messagesOf(effects)).toEqual([
      "Delivering buffered message from Node 2",
      "Delivered trade of 100 credits from Node 1 to Node 2",
      "BUY 150 credits from Node 2 [100 -> 250]",
    ]);
    expect(effects.filter((effect) => effect.type === "persist")).toHaveLength(1);
  });

  test("must acknowledge only behind the write, and again for a repeat", () => {
    const [one, two] = [stateOf(1), stateOf(2)];
    const record = pay(one, 2, 10);
    const effects = give(two, record);
    const write = effects.find((effect) => effect.type === "persist");
    const ack = effects.find((effect) => effect.type === "unicast" && effect.message.message_type === "ACK");
    expect(ack).toMatchObject({ to: 1, afterWrite: write?.type === "persist" ? write.writeId : -1 });
    const again = sentOf(give(two, record));
    expect(again).toMatchObject([{ to: 1, message: { payload: { origin: 1, seq: 1 } } }]);
    expect(balanceOf(two, 2)).toBe(110);
  });

  test("must advertise nothing that isn't on disk", () => {
    const two = stateOf(2);
    const record = pay(stateOf(1), 2, 10);
    onTradeConfirm(two, {
      sender_id: 1,
      vector_clock: null,
      payload: { success: true, ...record },
    } as unknown as MessageOf<"TRADE_CONFIRM">);
    expect(two.ledger.clock.get(1)).toBe(1);
    expect(buildDigest(two, 10).get(1)).toBe(0);
    expect(planChunks(two, new Map(), "records").flatMap((chunk) => chunk.records)).toEqual([]);
    take(two);
    expect(buildDigest(two, 10).get(1)).toBe(1);
    expect(planChunks(two, new Map(), "records").flatMap((chunk) => chunk.records)).toHaveLength(1);
  });

  test("must not apply two records of one number, and say EQUIVOCATION", () => {
    const [one, other, three] = [stateOf(1), stateOf(1), stateOf(3)];
    give(three, pay(one, 2, 10));
    const forged = { ...pay(other, 3, 90), trade_id: "1-3-1.1" };
    const effects = give(three, forged);
    expect(messagesOf(effects).join()).toMatch(/EQUIVOCATION/);
    const next = pay(other, 3, 5);
    // Counted; the line about this account has just been written.
    expect(messagesOf(give(three, next)).join()).not.toMatch(/EQUIVOCATION/);
    expect(three.counters.get("equivocations")).toBe(2);
    expect(balanceOf(three, 3)).toBe(100);
  });

  test("must stop trading when an own debit comes back that this disk never had", () => {
    const [before, after] = [stateOf(1), stateOf(1)];
    const lost = pay(before, 2, 10);
    expect(messagesOf(give(after, lost, 2)).join()).toMatch(/EQUIVOCATION/);
    expect(after.phase).toBe("CONFLICT");
    const joining = stateOf(1);
    joining.phase = "SYNCING";
    give(joining, lost, 2);
    expect(joining.phase).toBe("SYNCING");
    expect(balanceOf(joining, 1)).toBe(90);
  });
});

describe("the hold-back queue", () => {
  test("must stay within its bounds, drop what is furthest ahead, and lose nothing for good", () => {
    const one = stateOf(1, IDS, 10_000);
    const two = stateOf(2, IDS, 10_000);
    const records = Array.from({ length: HELD_PER_ORIGIN_MAX + 50 }, () => pay(one, 2, 1));
    for (const record of records.slice(1).reverse()) give(two, record);
    expect(two.causal.held).toBe(HELD_PER_ORIGIN_MAX);
    expect([...(two.causal.holdback.get(1)?.keys() ?? [])].every((seq) => seq <= HELD_PER_ORIGIN_MAX + 1)).toBe(true);
    give(two, records[0] as TradeRecord);
    expect(two.ledger.clock.get(1)).toBe(HELD_PER_ORIGIN_MAX + 1);
    for (const record of records) give(two, record);
    expect(two.ledger.clock.get(1)).toBe(records.length);
    expect(two.causal.held).toBe(0);
  });

  test("must be bounded over all origins together", () => {
    const ids = Array.from({ length: 20 }, (_, index) => index + 1);
    const observer = stateOf(1, ids, 10_000);
    for (const id of ids.slice(1)) {
      const payer = stateOf(id, ids, 10_000);
      const records = Array.from({ length: HELD_PER_ORIGIN_MAX + 1 }, () => pay(payer, 1, 1));
      for (const record of records.slice(1)) give(observer, record);
    }
    expect(observer.causal.held).toBe(HELD_MAX);
    let counted = 0;
    for (const queue of observer.causal.holdback.values()) counted += queue.size;
    expect(counted).toBe(HELD_MAX);
  });
});

describe("causes among many accounts", () => {
  const ids = Array.from({ length: 40 }, (_, index) => index + 1);

  test("must be the direct ones only, and still order everything", () => {
    const states = new Map(ids.map((id) => [id, stateOf(id, ids)]));
    const records: TradeRecord[] = [];
    for (const id of ids) {
      const record = pay(states.get(id) as NodeState, (id % ids.length) + 1, 1);
      records.push(record);
      for (const other of states.values()) if (other.self.id !== id) give(other, record);
    }
    // A chain: each follows all before it, so one cause besides the own number says it all.
    expect(records.slice(1).every((record) => record.deps.size === 2)).toBe(true);
    const late = createMoneyState(99, ids, { recovered: recovered([...ids, 99]) });
    for (const record of [...records].reverse()) give(late, record);
    expect(late.ledger.log.map((record) => record.seller_id)).toEqual(ids);
  });

  test("must be found again after a restart", () => {
    const one = stateOf(1, ids);
    for (const id of ids.slice(1, 6)) give(one, pay(stateOf(id, ids), 1, 1));
    const stored = { ...recovered(ids), records: [...one.ledger.log] };
    const restarted = createMoneyState(1, ids, { recovered: stored, incarnation: 2 });
    expect([...pay(restarted, 2, 1).deps]).toEqual([...pay(one, 2, 1).deps]);
  });

  test("must fit a datagram with 200 accounts, huge numbers and all of them concurrent", () => {
    const many = Array.from({ length: 200 }, (_, index) => 65_000 + index);
    const payer = stateOf(65_000, many, 2 ** 40);
    const clock = new Map(many.slice(1).map((id) => [id, { seq: 2 ** 30 + id, paysSelf: id % 4 === 0 }]));
    payer.causal.frontier = clock;
    const tradeId = "65000-65199-4294967295.123456789";
    const made = append(payer, { tradeId, payee: 65_199, amount: 2 ** 40, requestId: "r".repeat(48) });
    expect(made?.record.deps.get(65_000)).toBe(1);
    for (const [id, cause] of clock) expect(made?.record.deps.has(id)).toBe(cause.paysSelf);
    expect(payer.counters.get("causes_shortened")).toBe(1);
    const [chunk] =
      made === null ? [] : planChunks(withDurable(payer, made.writeId), new Map(many.map((id) => [id, 0])), "records");
    expect(chunk?.records).toHaveLength(1);
    expect(sizeOf(payer, "STATE_CHUNK", chunk)).toBeLessThanOrEqual(1_158);
    onNak(payer, { payload: { ranges: [{ origin: 65_000, from: 1, to: 1 }] } } as MessageOf<"NAK">, originOf(65_001));
    const confirm = sentOf(payer.outbox).find(({ message }) => message.message_type === "TRADE_CONFIRM")?.message;
    expect(encodeMessage({ ...confirm, timestamp: 1_790_000_000_000.123 } as Message).length).toBeLessThanOrEqual(
      1_158,
    );
  });
});

function withDurable(state: NodeState, writeId: number): NodeState {
  onMoneyStored(state, writeId);
  return state;
}

function sizeOf(state: NodeState, type: string, payload: unknown): number {
  const { id } = state.self;
  return encodeMessage({
    message_type: type,
    sender_id: id,
    sender_priority: id,
    vector_clock: null,
    payload,
    timestamp: 1_790_000_000_000.123,
  } as Message).length;
}

describe("repair", () => {
  test("must ask whoever sent the dependent record, within the backoff, then the origin, at doubling intervals", () => {
    const one = stateOf(1);
    const two = stateOf(2);
    const three = stateOf(3);
    give(two, pay(one, 2, 100));
    give(three, pay(two, 3, 150));
    const asked: { to: number | null; atMs: number }[] = [];
    for (let atMs = 1; atMs <= 200; atMs++) {
      for (const { to, message } of sentOf(runTimers(three, atMs)))
        if (message.message_type === "NAK") asked.push({ to, atMs });
    }
    expect(asked[0]?.to).toBe(2);
    expect(asked[0]?.atMs).toBeLessThanOrEqual(11);
    expect(asked[1]?.to).toBe(1);
    const gaps = asked.slice(1).map(({ atMs }, index) => atMs - (asked[index]?.atMs ?? 0));
    expect(gaps.slice(0, 3)).toEqual([20, 40, 80]);
  });

  test("must answer the first asker alone, the second with a multicast, and the third not at all", () => {
    const one = stateOf(1);
    pay(one, 2, 10);
    take(one);
    const nak = { payload: { ranges: [{ origin: 1, from: 1, to: 16 }] } } as MessageOf<"NAK">;
    const routes = [2, 3, 4].map((id) => {
      onNak(one, nak, originOf(id));
      return sentOf(take(one)).map(({ to }) => to);
    });
    expect(routes).toEqual([[2], [null], []]);
    one.nowMs = 50;
    onNak(one, nak, originOf(4));
    expect(sentOf(take(one)).map(({ to }) => to)).toEqual([4]);
  });

  test("must ask whoever names a gap in a digest at once, however long the pause between two NAKs has become", () => {
    const [one, two] = [stateOf(1), stateOf(2)];
    pay(one, 2, 10);
    onDigest(two, 1, buildDigest(one, 10), "0".repeat(16));
    for (let atMs = 1; atMs <= 3_000; atMs++) runTimers(two, atMs);
    onDigest(two, 3, buildDigest(one, 10), "0".repeat(16));
    expect(sentOf(runTimers(two, 3_011)).map(({ to, message }) => [to, message.message_type])).toEqual([[3, "NAK"]]);
  });

  test("must do nothing when the fingerprints are equal, and fetch what a digest names when not", () => {
    const [one, two] = [stateOf(1), stateOf(2)];
    onDigest(two, 1, buildDigest(one, 10), "0".repeat(16));
    expect(two.causal.gaps.size).toBe(0);
    pay(one, 2, 10);
    onDigest(two, 1, buildDigest(one, 10), "0".repeat(16));
    expect(sentOf(runTimers(two, 15))).toMatchObject([
      { to: 1, message: { payload: { ranges: [{ origin: 1, from: 1, to: 1 }] } } },
    ]);
  });

  test("a digest must name every row within eight beats, whatever the budget and the changes", () => {
    const ids = Array.from({ length: 200 }, (_, index) => index + 1);
    const state = stateOf(1, ids, 1_000_000);
    buildDigest(state, 1_000);
    const told = new Set<number>();
    for (let beat = 0; beat < 8; beat++) {
      for (const id of ids) state.ledger.digest.changed.add(id);
      const digest = buildDigest(state, 30);
      expect(digest.size).toBe(30);
      for (const id of digest.keys()) told.add(id);
    }
    expect(told.size).toBe(200);
  });

  test("a joiner must get members, accounts and records in causal order, in chunks that fit, until there is no more", () => {
    const ids = Array.from({ length: 200 }, (_, index) => index + 1);
    const old = createMoneyState(1, ids, { recovered: recovered(ids, 1_000_000) });
    for (let i = 0; i < 600; i++) pay(old, 2 + (i % 100), 1 + (i % 7));
    take(old);
    const joiner = createMoneyState(201, [1]);
    joiner.phase = "SYNCING";
    let rounds = 0;
    const target = buildDigest(old, 1_000);
    const have = () => new Map(accountIds(joiner).map((id) => [id, joiner.ledger.clock.get(id) ?? 0]));
    for (let more = true; more; rounds++) {
      const chunks = planChunks(old, have(), "both");
      for (const chunk of chunks) {
        expect(sizeOf(old, "STATE_CHUNK", chunk)).toBeLessThanOrEqual(1_158);
        for (const genesis of chunk.accounts) adoptAccount(joiner, genesis);
        for (const record of chunk.records) give(joiner, record, 1);
      }
      take(joiner);
      expect(chunks.filter((chunk) => chunk.last)).toHaveLength(1);
      more = chunks.at(-1)?.more ?? false;
      expect(rounds).toBeLessThan(40);
    }
    expect(covers(joiner.ledger.durable, target)).toBe(true);
    expect(joiner.causal.held).toBe(0);
  });

  test("must survive chunks that repeat, overlap and come in any order", () => {
    const old = stateOf(1, IDS, 1_000);
    for (let i = 0; i < 40; i++) pay(old, 2 + (i % 3), 1);
    take(old);
    const joiner = createMoneyState(9, [1]);
    const chunks = planChunks(old, new Map(), "records");
    for (const chunk of [...chunks].reverse().concat(chunks)) {
      dispatch(joiner, { message_type: "STATE_CHUNK", payload: chunk } as Message, originOf(1));
      take(joiner);
    }
    expect(joiner.ledger.log).toHaveLength(40);
    expect(conservation(joiner).holds).toBe(true);
  });
});

test("an empty ledger must be a value like any other", () => {
  expect(createLedger().log).toEqual([]);
});
