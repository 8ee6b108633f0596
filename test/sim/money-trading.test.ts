// What node/protocol/trading.md promises to payer, payee and client, one promise after the other, between two or three nodes.
import { describe, expect, test } from "vitest";
import { deliver, keepCopies } from "../../lab/sim/bugs/late-copies.ts";
import type { SimCommand } from "../../lab/sim/cluster/observer.ts";
import { SimCluster } from "../../lab/sim/cluster/sim-cluster.ts";
import type { CommandResult } from "../../node/core/kernel/types.ts";
import { balanceOf, conservation, ledgerHash } from "../../node/core/ledger/ledger.ts";
import { pendingTrades, tradeOutcome } from "../../node/core/trading/outcomes.ts";
import type { Message, MessageType } from "../../node/wire/message.ts";
import { loseMessages } from "../support/lose-messages.ts";
import { stateOf } from "../support/settled.ts";

/** Messages that carry debits. */
const RECORDS: readonly MessageType[] = ["TRADE_CONFIRM", "STATE_CHUNK"];
const DETECTION: readonly MessageType[] = ["PING", "PING_REQ", "PONG"];
/** All that nodes send about money. */
const MONEY: readonly MessageType[] = [
  "TRADE_REQUEST",
  "TRADE_RESPONSE",
  "TRADE_CONFIRM",
  "ACK",
  "NAK",
  "STATE_REQUEST",
  "STATE_CHUNK",
];

/** These ids run, agree and have equal ledgers. */
function settled(ids: readonly number[]): SimCluster {
  const sim = new SimCluster({ nodes: ids, seed: 1 });
  sim.startAll();
  sim.runUntil(() => sim.converged(), 5_000, "the first agreement");
  sim.runFor(500);
  return sim;
}

/** What `by` holds of account `of`. */
function balance(sim: SimCluster, by: number, of = by): number {
  return balanceOf(stateOf(sim, by), of);
}

/** The journal's texts of one node. */
function texts(sim: SimCluster, id: number): string[] {
  return sim.journal.lines.flatMap((line) => (line.node === id ? [line.msg] : []));
}

function outcome(sim: SimCluster, id: number, tradeId: string): string {
  return tradeOutcome(stateOf(sim, id), tradeId).state;
}

/** The final answer came, and nothing after it. */
function expectAnsweredOnce({ results, final }: SimCommand): void {
  expect(final).not.toBeNull();
  expect(results.indexOf(final as CommandResult)).toBe(results.length - 1);
}

/** What `node` sends from now on. */
function watchSent(sim: SimCluster, id: number): Message[] {
  const sent: Message[] = [];
  sim.onSend = (node, message) => void (node.id === id && sent.push(message));
  return sent;
}

/** Each still sees that the other runs, and hears nothing else of those for whom `isMute` holds. */
function mute(sim: SimCluster, isMute: (from: number) => boolean): () => void {
  return loseMessages(sim, ({ message_type }, from) => isMute(from) && !DETECTION.includes(message_type));
}

function expectConserved(sim: SimCluster, sum: number): void {
  for (const id of sim.ids)
    expect(conservation(stateOf(sim, id))).toEqual({ balances: sum, initials: sum, holds: true });
}

describe("sell", () => {
  test("must move the money everywhere and answer when both ends have it on disk", () => {
    const sim = settled([1, 2, 3]);
    const sale = sim.sell(1, 2, 30);
    sim.runFor(100);
    expect(sale.final).toMatchObject({ ok: true, data: { trade_id: "1-2-1.1", state: "settled", balance: 70 } });
    expect(sale.results[0]).toMatchObject({ data: { trade_id: "1-2-1.1", state: "accepted" } });
    expectAnsweredOnce(sale);
    expect(sim.node(1).store.durableSeq(1)).toBe(1);
    expect(sim.node(2).store.durableSeq(1)).toBe(1);
    expect(sim.ids.map((id) => balance(sim, id, 1))).toEqual([70, 70, 70]);
    expect(sim.ids.map((id) => balance(sim, id, 2))).toEqual([130, 130, 130]);
    expect(new Set(sim.ids.map((id) => ledgerHash(stateOf(sim, id)))).size).toBe(1);
    expect(texts(sim, 1)).toContain("SELL 30 credits to Node 2 [100 -> 70] (trade_id=1-2-1.1)");
    expect(texts(sim, 2)).toContain("BUY 30 credits from Node 1 [100 -> 130]");
    expect(pendingTrades(stateOf(sim, 1))).toEqual([]);
    expectConserved(sim, 300);
  });

  test("must answer at once with the trade id when only acceptance is asked for", () => {
    const sim = settled([1, 2]);
    const sale = sim.command(1, { op: "sell", peer: 2, amount: 1, until: "accepted" });
    expect(sale.final).toMatchObject({ ok: true, data: { trade_id: "1-2-1.1", state: "accepted" } });
    sim.runFor(100);
    expectAnsweredOnce(sale);
    expect(outcome(sim, 1, "1-2-1.1")).toBe("settled");
  });

  test("must execute a repeated request once, while it is pending, afterwards and after a restart", () => {
    const sim = settled([1, 2]);
    const order = { op: "sell", peer: 2, amount: 10, requestId: "same", inc: 1 } as const;
    for (let i = 0; i < 3; i++) sim.command(1, order);
    sim.runFor(100);
    sim.command(1, order);
    sim.restart(1);
    expect(stateOf(sim, 1).phase).toBe("JOINING");
    const last = sim.command(1, order);
    sim.runFor(1_000);
    expect(last.final).toMatchObject({ ok: true, data: { trade_id: "1-2-1.1", state: "settled" } });
    expect(last.results.at(-1)).toBe(last.final);
    expect(balance(sim, 1)).toBe(90);
  });

  test("must answer an old request that left no record with STALE, definitely", () => {
    const sim = settled([1, 2]);
    const order = { op: "sell", peer: 2, amount: 10, requestId: "lost", inc: 1 } as const;
    sim.isolate(1);
    sim.command(1, order);
    sim.restart(1);
    sim.heal();
    const again = sim.command(1, order);
    expect(again.final).toMatchObject({ ok: false, code: "STALE", definite: true });
    sim.runFor(1_000);
    expect(balance(sim, 2)).toBe(100);
  });

  test("must never promise more than there is: reserved credits are gone for the next offer", () => {
    const sim = settled([1, 2, 3]);
    sim.sell(1, 2, 80);
    const second = sim.sell(1, 3, 80);
    expect(second.final).toMatchObject({
      code: "INSUFFICIENT_CREDITS",
      definite: true,
      message: "Cannot sell 80 energy credits - insufficient balance",
    });
    sim.runFor(100);
    expect(balance(sim, 1)).toBe(20);
  });

  test("must release the reserve and say that it never happened when nobody answers in time", () => {
    const sim = settled([1, 2]);
    sim.isolate(1);
    const sale = sim.sell(1, 2, 80);
    sim.runFor(10_100);
    expect(sale.final).toMatchObject({ code: "EXPIRED", definite: true, tradeId: "1-2-1.1" });
    expect(stateOf(sim, 1).trading.reserved).toBe(0);
    sim.heal();
    sim.runFor(5_000);
    expect(balance(sim, 2)).toBe(100);
    expect(outcome(sim, 1, "1-2-1.1")).toBe("expired");
  });

  test("must be refused by a payee that restarted since the offer was made", () => {
    const sim = settled([1, 2]);
    sim.isolate(1);
    const sale = sim.sell(1, 2, 80);
    sim.restart(2);
    sim.heal();
    sim.runFor(3_000);
    expect(sale.final).toMatchObject({ code: "STALE", definite: true });
    expect(balance(sim, 1)).toBe(100);
  });

  test("must report a committed trade as committed while the payee is away, and settle it when it is back", () => {
    const sim = settled([1, 2]);
    const restore = loseMessages(sim, ({ message_type }) => RECORDS.includes(message_type));
    const sale = sim.sell(1, 2, 5);
    sim.runFor(3_000);
    expect(sale.final).toBeNull();
    expect(sale.results.at(-1)).toMatchObject({ data: { state: "committed" } });
    expect(pendingTrades(stateOf(sim, 1))).toMatchObject([{ trade_id: "1-2-1.1", state: "IN_TRANSIT" }]);
    restore();
    sim.runFor(2_500);
    expect(sale.final).toMatchObject({ data: { state: "settled" } });
  });

  test("must be settled by a digest when every acknowledgement is lost", () => {
    const sim = settled([1, 2]);
    loseMessages(sim, ({ message_type }) => message_type === "ACK");
    const restoreDigests = loseMessages(sim, ({ message_type }) => message_type === "HEARTBEAT");
    const sale = sim.sell(1, 2, 5);
    sim.runFor(500);
    expect(balance(sim, 2)).toBe(105);
    expect(sale.final).toBeNull();
    restoreDigests();
    sim.runFor(1_000);
    expect(sale.final).toMatchObject({ data: { state: "settled" } });
  });
});

describe("buy", () => {
  test("must credit the buyer only by the payer's record", () => {
    const sim = settled([1, 2, 3]);
    const purchase = sim.buy(2, 1, 30);
    sim.runFor(200);
    expect(purchase.final).toMatchObject({ ok: true, data: { trade_id: "2-1-1.1", state: "settled", balance: 130 } });
    expect(balance(sim, 3, 1)).toBe(70);
    expect(texts(sim, 1)).toContain("SELL 30 credits to Node 2 [100 -> 70] (trade_id=2-1-1.1)");
    expect(sim.node(2).store.recover().intents).toEqual([]);
    expect(sim.ids.flatMap((id) => pendingTrades(stateOf(sim, id)))).toEqual([]);
  });

  test("must be rejected for lack of credits, and stay rejected for a late copy", () => {
    const sim = settled([1, 2]);
    const copies = keepCopies(sim, "TRADE_REQUEST");
    const refused = sim.buy(2, 1, 130);
    sim.runFor(200);
    expect(refused.final).toMatchObject({ code: "INSUFFICIENT_CREDITS", definite: true });
    sim.sell(2, 1, 60);
    sim.runFor(200);
    expect(balance(sim, 1)).toBe(160);
    deliver(sim, 1, copies[0]);
    sim.runFor(200);
    expect(balance(sim, 1)).toBe(160);
  });

  test("must be in doubt without an answer, and be decided by the payer once it is reachable", () => {
    const sim = settled([1, 2]);
    const unmutePayer = mute(sim, (from) => from === 1);
    const executed = sim.buy(2, 1, 30);
    sim.runFor(10_200);
    expect(executed.final).toMatchObject({ code: "IN_DOUBT", definite: false, tradeId: "2-1-1.1" });
    unmutePayer();
    const unmute = mute(sim, () => true);
    sim.buy(2, 1, 30);
    sim.runFor(10_200);
    expect(outcome(sim, 2, "2-1-1.2")).toBe("in_doubt");
    unmute();
    sim.runFor(5_000);
    expect(outcome(sim, 2, "2-1-1.1")).toBe("settled");
    expect(outcome(sim, 2, "2-1-1.2")).toBe("expired");
    expect(balance(sim, 1)).toBe(70);
    expect(pendingTrades(stateOf(sim, 2))).toEqual([]);
  });

  test("must be decided after a restart of the buyer, and answer the repeated request", () => {
    const sim = settled([1, 2]);
    const order = { op: "buy", peer: 1, amount: 30, requestId: "r", inc: 1 } as const;
    const unmute = mute(sim, (from) => from === 1);
    sim.command(2, order);
    sim.runFor(100);
    sim.restart(2);
    expect(outcome(sim, 2, "2-1-1.1")).toBe("in_doubt");
    const again = sim.command(2, order);
    unmute();
    sim.runFor(3_000);
    expect(again.final).toMatchObject({ ok: true, data: { state: "settled" } });
    expect(balance(sim, 2)).toBe(130);
    expect(sim.node(2).store.recover().intents).toEqual([]);
  });

  test("must be refused as STALE by a payer that restarted without having executed it", () => {
    const sim = settled([1, 2]);
    sim.isolate(1);
    const purchase = sim.buy(2, 1, 30);
    sim.runFor(50);
    sim.restart(1);
    sim.heal();
    sim.runFor(3_000);
    expect(purchase.final).toMatchObject({ code: "STALE", definite: true });
    expect(balance(sim, 1)).toBe(100);
  });

  test("must survive the payer's crash between debit and confirmation", () => {
    const sim = settled([1, 2]);
    const restore = loseMessages(sim, ({ message_type }) => RECORDS.includes(message_type));
    const purchase = sim.buy(2, 1, 30);
    sim.runFor(100);
    sim.restart(1);
    expect(balance(sim, 1)).toBe(70);
    expect(balance(sim, 2)).toBe(100);
    restore();
    sim.runFor(3_000);
    expect(purchase.final).toMatchObject({ ok: true, data: { state: "settled" } });
    expectConserved(sim, 200);
  });
});

describe("a refused command", () => {
  const cases = [
    ["oneself", "sell", 1, 5, "SELF_TRADE", "Cannot trade with yourself"],
    ["an unknown node", "sell", 9, 5, "UNKNOWN_NODE", "Node 9 is not available in the system. Active nodes: [1, 2]"],
    ["too much", "sell", 2, 150, "INSUFFICIENT_CREDITS", "Cannot sell 150 energy credits - insufficient balance"],
    ["nothing", "sell", 2, 0, "BAD_REQUEST", /Invalid amount/],
    ["a negative amount", "buy", 2, -5, "BAD_REQUEST", /Invalid amount/],
    ["a fraction", "buy", 2, 1.5, "BAD_REQUEST", /Invalid amount/],
    ["not a number", "sell", 2, Number.NaN, "BAD_REQUEST", /Invalid amount/],
    ["more than 2^40", "buy", 2, 2 ** 40 + 1, "BAD_REQUEST", /Invalid amount/],
  ] as const;
  test.each(cases)("with %s must change nothing", (_, op, peer, amount, code, message) => {
    const sim = settled([1, 2]);
    const sent = watchSent(sim, 1);
    const refused = sim.command(1, { op, peer, amount });
    expect(refused.final).toMatchObject({
      ok: false,
      code,
      definite: true,
      message: typeof message === "string" ? message : expect.stringMatching(message),
    });
    sim.runFor(1_000);
    expect(sent.map(({ message_type }) => message_type).filter((type) => MONEY.includes(type))).toEqual([]);
    expect(stateOf(sim, 1).trading.reserved).toBe(0);
    expectConserved(sim, 200);
  });

  test("before the node is ready must say so", () => {
    const sim = settled([1, 2]);
    const order = { op: "sell", peer: 2, amount: 5, requestId: "r" } as const;
    sim.restart(1);
    sim.runUntil(() => stateOf(sim, 1).phase === "SYNCING", 1_000, "the transfer");
    expect(sim.command(1, order).final).toMatchObject({ code: "NOT_READY", definite: true });
    sim.runUntil(() => stateOf(sim, 1).phase === "READY", 3_000, "its being READY");
    sim.command(1, order);
    sim.runFor(100);
    expect(balance(sim, 1)).toBe(100);
  });
});

describe("a buy whose record is being written", () => {
  const order = { op: "buy", peer: 1, amount: 30, requestId: "r" } as const;

  test("must answer a request that is repeated just then, when it is written", () => {
    const sim = settled([1, 2]);
    const buyer = sim.node(2);
    buyer.store.model = { ...buyer.store.model, syncMinMs: 40, syncMaxMs: 50 };
    const first = sim.command(2, order);
    sim.runUntil(() => balance(sim, 2) === 130, 1_000, "the delivery in memory");
    expect(buyer.store.durableSeq(1)).toBe(0);
    expect(first.final).toBeNull();
    const again = sim.command(2, order);
    expect(again.results).toEqual([]);
    sim.runFor(200);
    // One answer to the first request, one to its repetition.
    expect(again.results).toHaveLength(2);
    for (const result of again.results) expect(result).toMatchObject({ ok: true, data: { state: "settled" } });
    expect(again.final).toBe(again.results[0]);
    expect(buyer.store.recover().records).toHaveLength(1);
  });

  test("must be answered when that write fails, and when it is asked for again", () => {
    const sim = settled([1, 2]);
    const sent = watchSent(sim, 2);
    const purchase = sim.command(2, order);
    sim.runUntil(() => sent.some(({ message_type }) => message_type === "TRADE_REQUEST"), 100, "the request");
    sim.failDisk(2, "full");
    sim.runFor(300);
    expect(stateOf(sim, 2).phase).toBe("HALTED");
    expect(sim.node(2).store.recover().records).toEqual([]);
    expect(purchase.final).toMatchObject({ code: "STORAGE", definite: false, tradeId: "2-1-1.1" });
    expect(sim.command(2, order).final).toMatchObject({ code: "STORAGE", definite: false });
  });
});

describe("a failed write", () => {
  test("must halt the node: nothing of it is seen outside, and new trades are refused", () => {
    const sim = settled([1, 2]);
    const sent = watchSent(sim, 1);
    const order = { op: "sell", peer: 2, amount: 30, requestId: "r1" } as const;
    sim.failDisk(1, "full");
    const sale = sim.command(1, order);
    sim.runFor(300);
    expect(stateOf(sim, 1).phase).toBe("HALTED");
    expect(sale.final).toMatchObject({ code: "STORAGE", definite: false, tradeId: "1-2-1.1" });
    expect(sim.sell(1, 2, 1).final).toMatchObject({ code: "STORAGE", definite: true });
    expect(sim.command(1, order).final).toMatchObject({ code: "STORAGE", definite: false });
    sim.runFor(20_000);
    expect(sent.some(({ message_type }) => message_type === "TRADE_CONFIRM")).toBe(false);
    expect(balance(sim, 2)).toBe(100);
  });
});

test("many trades at once must all settle, through many outstanding writes", () => {
  const sim = settled([1, 2]);
  for (let i = 0; i < 50; i++) {
    sim.sell(1, 2, 1);
    sim.sell(2, 1, 1);
    sim.buy(1, 2, 1);
  }
  sim.runFor(2_000);
  expect(stateOf(sim, 1).ledger.log).toHaveLength(150);
  expect(pendingTrades(stateOf(sim, 1))).toEqual([]);
  expectConserved(sim, 200);
});
