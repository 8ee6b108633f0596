// Causal delivery, the hold-back queue and its repair, on single cores fed by hand.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HELD_MAX, HELD_PER_ORIGIN_MAX } from "../../node/core/causal/holdback.ts";
import type { Recovered } from "../../node/core/kernel/rows.ts";
import { TIMING_DEFAULT } from "../../node/core/kernel/timing.ts";
import type { Effect } from "../../node/core/kernel/types.ts";
import { covers } from "../../node/core/kernel/vector-clock.ts";
import { balanceOf, conservation, createLedger, ledgerHash } from "../../node/core/ledger/ledger.ts";
import { buildDigest } from "../../node/core/replication/repair.ts";
import { planChunks } from "../../node/core/replication/state-transfer.ts";
import { encodeMessage } from "../../node/wire/codec.ts";
import type { Message, MessageType, TradeRecord } from "../../node/wire/message.ts";
import { CoreNode, genesisOf, type Sent } from "../support/core-node.ts";

/** The request of a node without any records. */
const everything = { have: new Map(), want: "records", after: 0, up_to: 65_535 } as const;

const IDS = [1, 2, 3, 4];
/** What a node sends by itself when nothing is wrong with the money. */
const OTHER_SENDS: readonly MessageType[] = ["HEARTBEAT", "JOIN", "PING", "PING_REQ", "ELECTION", "OK", "COORDINATOR"];

function recovered(ids: readonly number[], initial = 100): Recovered {
  const accounts = ids.map((id) => ({ ...genesisOf(id), initial }));
  return { term: 0, votedFor: null, accounts, records: [], intents: [] };
}

/** READY among `ids`, with all of their accounts and whatever else is in its store. */
function nodeOf(id: number, ids: readonly number[] = IDS, initial = 100, stored: Partial<Recovered> = {}): CoreNode {
  const peers = ids.filter((other) => other !== id);
  const config = { expected: peers, isDetailed: true, timing: TIMING_DEFAULT, initialCredits: initial };
  const incarnation = stored.records === undefined ? 1 : 2;
  const node = new CoreNode(id, config, { incarnation }, { ...recovered(ids, initial), ...stored });
  node.feed({ type: "start" });
  const claim = { coordinator_id: Math.max(...peers), term: 1, elected: true };
  for (const peer of [...peers].sort((a, b) => b - a)) node.beat(peer, claim);
  node.letIn(Math.max(...peers), { ...claim, account: { ...genesisOf(id), initial } });
  node.store();
  expect([node.state.phase, node.state.join.confirmed]).toEqual(["READY", true]);
  return node.clear();
}

/** The payee buys, and the payer's disk keeps the debit. */
function pay(payer: CoreNode, payee: number, amount: number): TradeRecord {
  const { self, ledger } = payer.state;
  const name = { trade_id: `${payee}-${self.id}-1.${(ledger.clock.get(self.id) ?? 0) + 1}`, to_inc: self.incarnation };
  payer.receive(payee, "TRADE_REQUEST", { target_id: self.id, amount, trade_type: "buy", ...name });
  payer.store();
  const record = ledger.log.at(-1);
  if (record?.trade_id !== name.trade_id) throw new Error(`node ${self.id} doesn't pay`);
  return record;
}

/** The record comes and is written. Returns what the node does about it before the write is done. */
function give(node: CoreNode, record: TradeRecord, via = record.seller_id): Effect[] {
  const effects = node.receive(via, "TRADE_CONFIRM", { success: true, ...record });
  node.store();
  return effects;
}

function messagesOf(effects: readonly Effect[]): string[] {
  return effects.flatMap((effect) => (effect.type === "journal" ? [effect.event.msg] : []));
}

/** What the node has sent about money since the last call. */
function takeSent(node: CoreNode): Sent[] {
  const sent = node.sent().filter(({ type }) => !OTHER_SENDS.includes(type));
  node.clear();
  return sent;
}

function sizeOf(message: Message): number {
  return encodeMessage({ ...message, timestamp: 1_790_000_000_000.123 } as Message).length;
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
          const payers = new Map(IDS.map((id) => [id, nodeOf(id)]));
          const records: TradeRecord[] = [];
          for (const [from, step, amount, hears] of moves) {
            const payer = payers.get(IDS[from] as number) as CoreNode;
            const payee = IDS[(from + step) % 4] as number;
            if (balanceOf(payer.state, payer.state.self.id) < amount) continue;
            const record = pay(payer, payee, amount);
            records.push(record);
            for (const id of IDS) if ((hears >> (id - 1)) & 1) give(payers.get(id) as CoreNode, record);
          }
          const observer = nodeOf(9, [...IDS, 9]);
          const causes = new Map(records.map((record) => [record.trade_id, record.deps]));
          const left = [...records];
          for (let i = 0; left.length > 0; i++) {
            const index = (picks[i % picks.length] as number) % left.length;
            const record = left[index] as TradeRecord;
            give(observer, record);
            if (i % 3 !== 0) left.splice(index, 1);
            expect(conservation(observer.state).holds).toBe(true);
          }
          expect(observer.state.ledger.log).toHaveLength(records.length);
          expect(observer.state.causal.held).toBe(0);
          const seen = new Map<number, number>();
          for (const record of observer.state.ledger.log) {
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
    const [one, two, three] = [nodeOf(1), nodeOf(2), nodeOf(3)];
    const first = pay(one, 2, 100);
    give(two, first);
    const second = pay(two, 3, 150);
    expect(messagesOf(give(three, second))).toContain("Buffering message for causal delivery");
    expect(balanceOf(three.state, 3)).toBe(100);
    const effects = give(three, first);
    expect(messagesOf(effects)).toEqual([
      "Delivering buffered message from Node 2",
      "Delivered trade of 100 credits from Node 1 to Node 2",
      "BUY 150 credits from Node 2 [100 -> 250]",
    ]);
    expect(effects.filter((effect) => effect.type === "persist")).toHaveLength(1);
  });

  test("must acknowledge only behind the write, and again for a repeat", () => {
    const [one, two] = [nodeOf(1), nodeOf(2)];
    const record = pay(one, 2, 10);
    const effects = give(two, record);
    const write = effects.find((effect) => effect.type === "persist");
    const ack = effects.find((effect) => effect.type === "unicast" && effect.message.message_type === "ACK");
    expect(ack).toMatchObject({ to: 1, afterWrite: write?.type === "persist" ? write.writeId : -1 });
    two.clear();
    give(two, record);
    expect(takeSent(two)).toMatchObject([{ to: 1, type: "ACK", payload: { origin: 1, seq: 1 } }]);
    expect(balanceOf(two.state, 2)).toBe(110);
  });

  test("must advertise nothing that isn't on disk", () => {
    const two = nodeOf(2);
    const record = pay(nodeOf(1), 2, 10);
    two.receive(1, "TRADE_CONFIRM", { success: true, ...record });
    expect(two.state.ledger.clock.get(1)).toBe(1);
    expect(buildDigest(two.state, 10).get(1)).toBe(0);
    expect(planChunks(two.state, everything).flatMap((chunk) => chunk.records)).toEqual([]);
    two.store();
    expect(buildDigest(two.state, 10).get(1)).toBe(1);
    expect(planChunks(two.state, everything).flatMap((chunk) => chunk.records)).toHaveLength(1);
  });

  test("must not apply two records of one number, and say EQUIVOCATION", () => {
    const [one, other, three] = [nodeOf(1), nodeOf(1), nodeOf(3)];
    give(three, pay(one, 2, 10));
    const forged = pay(other, 3, 90);
    const effects = give(three, forged);
    expect(messagesOf(effects).join()).toMatch(/EQUIVOCATION/);
    const next = pay(other, 3, 5);
    // Counted; the line about this account has just been written.
    expect(messagesOf(give(three, next)).join()).not.toMatch(/EQUIVOCATION/);
    expect(three.state.counters.get("equivocations")).toBe(2);
    expect(balanceOf(three.state, 3)).toBe(100);
  });

  test("must stop trading when an own debit comes back that this disk never had", () => {
    const [before, after] = [nodeOf(1), nodeOf(1)];
    const lost = pay(before, 2, 10);
    expect(messagesOf(give(after, lost, 2)).join()).toMatch(/EQUIVOCATION/);
    expect(after.state.phase).toBe("CONFLICT");
    const joining = new CoreNode(1, { expected: [2, 3, 4] }, {}, recovered(IDS));
    joining.feed({ type: "start" });
    // It learns of a debit of node 3 too, which it waits for.
    joining.answerJoin(2, {
      account: genesisOf(1),
      clock_state: new Map([...IDS.map((id) => [id, 0] as const), [3, 1]]),
    });
    expect(joining.state.phase).toBe("SYNCING");
    give(joining, lost, 2);
    expect(joining.state.phase).toBe("SYNCING");
    expect(balanceOf(joining.state, 1)).toBe(90);
  });
});

describe("the hold-back queue", () => {
  test("must stay within its bounds, drop what is furthest ahead, and lose nothing for good", () => {
    const one = nodeOf(1, IDS, 10_000);
    const two = nodeOf(2, IDS, 10_000);
    const records = Array.from({ length: HELD_PER_ORIGIN_MAX + 50 }, () => pay(one, 2, 1));
    for (const record of records.slice(1).reverse()) give(two, record);
    expect(two.state.causal.held).toBe(HELD_PER_ORIGIN_MAX);
    expect([...(two.state.causal.holdback.get(1)?.keys() ?? [])].every((seq) => seq <= HELD_PER_ORIGIN_MAX + 1)).toBe(
      true,
    );
    give(two, records[0] as TradeRecord);
    expect(two.state.ledger.clock.get(1)).toBe(HELD_PER_ORIGIN_MAX + 1);
    for (const record of records) give(two, record);
    expect(two.state.ledger.clock.get(1)).toBe(records.length);
    expect(two.state.causal.held).toBe(0);
  });

  test("must be bounded over all origins together", () => {
    const ids = Array.from({ length: 20 }, (_, index) => index + 1);
    const observer = nodeOf(1, ids, 10_000);
    for (const id of ids.slice(1)) {
      const payer = nodeOf(id, ids, 10_000);
      const records = Array.from({ length: HELD_PER_ORIGIN_MAX + 1 }, () => pay(payer, 1, 1));
      for (const record of records.slice(1)) give(observer, record);
    }
    expect(observer.state.causal.held).toBe(HELD_MAX);
    let counted = 0;
    for (const queue of observer.state.causal.holdback.values()) counted += queue.size;
    expect(counted).toBe(HELD_MAX);
  });
});

describe("causes among many accounts", () => {
  const ids = Array.from({ length: 40 }, (_, index) => index + 1);

  test("must be the direct ones only, and still order everything", () => {
    const states = new Map(ids.map((id) => [id, nodeOf(id, ids)]));
    const records: TradeRecord[] = [];
    for (const id of ids) {
      const record = pay(states.get(id) as CoreNode, (id % ids.length) + 1, 1);
      records.push(record);
      for (const other of states.values()) if (other.state.self.id !== id) give(other, record);
    }
    // A chain: each follows all before it, so one cause besides the own number says it all.
    expect(records.slice(1).every((record) => record.deps.size === 2)).toBe(true);
    const late = nodeOf(99, [...ids, 99]);
    for (const record of [...records].reverse()) give(late, record);
    expect(late.state.ledger.log.map((record) => record.seller_id)).toEqual(ids);
  });

  test("must be found again after a restart", () => {
    const one = nodeOf(1, ids);
    for (const id of ids.slice(1, 6)) give(one, pay(nodeOf(id, ids), 1, 1));
    const restarted = nodeOf(1, ids, 100, { records: [...one.state.ledger.log] });
    expect([...pay(restarted, 2, 1).deps]).toEqual([...pay(one, 2, 1).deps]);
  });

  test("must fit a datagram with 200 accounts, huge numbers and all of them concurrent", () => {
    const many = Array.from({ length: 200 }, (_, index) => 65_000 + index);
    const payer = nodeOf(65_000, many, 2 ** 40);
    const clock = new Map(many.slice(1).map((id) => [id, { seq: 2 ** 30 + id, paysSelf: id % 4 === 0 }]));
    payer.state.causal.frontier = clock;
    const name = { trade_id: "65199-65000-4294967295.123456789", to_inc: 1, request_id: "r".repeat(48) };
    payer.receive(65_199, "TRADE_REQUEST", { target_id: 65_000, amount: 2 ** 40, trade_type: "buy", ...name });
    payer.store();
    const record = payer.state.ledger.log.at(-1);
    expect(record).toMatchObject({ trade_id: name.trade_id, amount: 2 ** 40, request_id: name.request_id });
    expect(record?.deps.get(65_000)).toBe(1);
    for (const [id, cause] of clock) expect(record?.deps.has(id)).toBe(cause.paysSelf);
    expect(payer.state.counters.get("causes_shortened")).toBe(1);
    payer.clear();
    payer.receive(65_001, "STATE_REQUEST", { ...everything, have: new Map(many.map((id) => [id, 0])) });
    const [chunk, ...others] = takeSent(payer);
    expect(others).toEqual([]);
    expect(chunk).toMatchObject({ type: "STATE_CHUNK", payload: { records: [{ trade_id: name.trade_id }] } });
    expect(sizeOf(chunk?.message as Message)).toBeLessThanOrEqual(1_158);
    payer.receive(65_001, "NAK", { ranges: [{ origin: 65_000, from: 1, to: 1 }] });
    const confirm = takeSent(payer).find(({ type }) => type === "TRADE_CONFIRM")?.message;
    expect(sizeOf(confirm as Message)).toBeLessThanOrEqual(1_158);
  });
});

describe("repair", () => {
  test("must ask the sender of the dependent record, within the backoff, then the origin, at doubling intervals", () => {
    const one = nodeOf(1);
    const two = nodeOf(2);
    const three = nodeOf(3);
    give(two, pay(one, 2, 100));
    give(three, pay(two, 3, 150));
    const asked: { to: number | null; atMs: number }[] = [];
    takeSent(three);
    for (let atMs = 1; atMs <= 200; atMs++) {
      three.run(1);
      for (const { to, type } of takeSent(three)) if (type === "NAK") asked.push({ to, atMs });
    }
    expect(asked[0]?.to).toBe(2);
    expect(asked[0]?.atMs).toBeLessThanOrEqual(11);
    expect(asked[1]?.to).toBe(1);
    const gaps = asked.slice(1).map(({ atMs }, index) => atMs - (asked[index]?.atMs ?? 0));
    expect(gaps.slice(0, 3)).toEqual([20, 40, 80]);
  });

  test("must answer the first asker alone, the second with a multicast, and the third not at all", () => {
    const one = nodeOf(1);
    pay(one, 2, 10);
    takeSent(one);
    const nak = { ranges: [{ origin: 1, from: 1, to: 16 }] };
    const routes = [2, 3, 4].map((id) => {
      one.receive(id, "NAK", nak);
      return takeSent(one).map(({ to }) => to);
    });
    expect(routes).toEqual([[2], [null], []]);
    one.nowMs += 50;
    one.receive(4, "NAK", nak);
    expect(takeSent(one).map(({ to }) => to)).toEqual([4]);
  });

  test("must ask a node that names a gap in a digest at once, however long the pause between two NAKs has become", () => {
    const [one, two] = [nodeOf(1), nodeOf(2)];
    pay(one, 2, 10);
    const digest = buildDigest(one.state, 10);
    two.beat(1, { digest });
    two.run(3_000);
    takeSent(two);
    two.beat(3, { digest });
    two.run(11);
    expect(takeSent(two).map(({ to, type }) => [to, type])).toEqual([[3, "NAK"]]);
  });

  test("must do nothing when the fingerprints are equal, and fetch what a digest names when not", () => {
    const [one, two] = [nodeOf(1), nodeOf(2)];
    const beat = () => two.beat(1, { digest: buildDigest(one.state, 10), ledger_hash: ledgerHash(one.state) });
    two.beat(1, { digest: buildDigest(one.state, 10) });
    beat();
    expect(two.state.causal.gaps.size).toBe(0);
    two.run(15);
    expect(takeSent(two)).toEqual([]);
    pay(one, 2, 10);
    beat();
    two.run(15);
    expect(takeSent(two)).toMatchObject([{ to: 1, type: "NAK", payload: { ranges: [{ origin: 1, from: 1, to: 1 }] } }]);
  });

  test("a digest must name every row within eight beats, whatever the budget and the changes", () => {
    const ids = Array.from({ length: 200 }, (_, index) => index + 1);
    const { state } = nodeOf(1, ids, 1_000_000);
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

  test.each([200, 999])(
    "a joiner must get all of %i members, accounts and records in causal order, in chunks that fit",
    (size) => {
      const ids = Array.from({ length: size }, (_, index) => index + 1);
      const old = nodeOf(1, ids, 1_000_000);
      for (let i = 0; i < 600; i++) pay(old, 2 + (i % 100), 1 + (i % 7));
      takeSent(old);
      const joiner = CoreNode.started(1_000, { expected: [1] });
      const target = buildDigest(old.state, 1_000);
      // Room of one datagram.
      const clock_state = new Map([...target].slice(0, 200));
      joiner.answerJoin(1, { account: genesisOf(1_000), clock_state, ...(size > 200 && { more: true }) });
      expect(joiner.state.phase).toBe("SYNCING");
      let rounds = 0;
      for (let asked = joiner.sent("STATE_REQUEST"); asked.length > 0; asked = joiner.sent("STATE_REQUEST")) {
        joiner.clear();
        expect(asked).toHaveLength(1);
        expect(sizeOf(asked[0]?.message as Message)).toBeLessThanOrEqual(1_158);
        old.receive(1_000, "STATE_REQUEST", asked[0]?.payload);
        const chunks = takeSent(old);
        for (const { message, payload } of chunks) {
          expect(sizeOf(message)).toBeLessThanOrEqual(1_158);
          joiner.receive(1, "STATE_CHUNK", payload);
          expect(joiner.state.causal.held).toBe(0);
        }
        joiner.store();
        expect(chunks.filter(({ payload }) => payload.last)).toHaveLength(1);
        rounds += 1;
        expect(rounds).toBeLessThan(40);
      }
      expect(rounds).toBeGreaterThan(1);
      expect(joiner.state.causal.sync).toBeNull();
      expect(covers(joiner.state.ledger.durable, target)).toBe(true);
      expect(joiner.state.ledger.accounts.size).toBe(size + 1);
      expect([...joiner.state.members.keys()].sort((a, b) => a - b)).toEqual(ids);
      expect(joiner.state.causal.held).toBe(0);
    },
  );

  test("must survive chunks that repeat, overlap and come in any order", () => {
    const old = nodeOf(1, IDS, 1_000);
    for (let i = 0; i < 40; i++) pay(old, 2 + (i % 3), 1);
    const joiner = CoreNode.started(9);
    const chunks = planChunks(old.state, everything);
    for (const chunk of [...chunks].reverse().concat(chunks)) {
      joiner.receive(1, "STATE_CHUNK", chunk);
      joiner.store();
    }
    expect(joiner.state.ledger.log).toHaveLength(40);
    expect(conservation(joiner.state).holds).toBe(true);
  });
});

test("an empty ledger must be a value like any other", () => {
  expect(createLedger().log).toEqual([]);
});
