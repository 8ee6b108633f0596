// Trades between money cores on a small virtual network: what node/protocol/trading.md, promises to payer, payee and client.
import { describe, expect, test } from "vitest";
import { balanceOf, conservation, ledgerHash } from "../../node/core/ledger/ledger.ts";
import { pendingTrades, tradeOutcome } from "../../node/core/trading/outcomes.ts";
import { CALM, MoneyCluster } from "../support/money-cluster.ts";

function expectConserved(cluster: MoneyCluster, sum: number): void {
  for (const node of cluster.nodes.values()) {
    expect(conservation(node.state)).toEqual({ balances: sum, initials: sum, holds: true });
  }
}

describe("sell", () => {
  test("must move the money everywhere and answer when both ends have it on disk", () => {
    const cluster = new MoneyCluster([1, 2, 3]);
    const payer = cluster.node(1);
    payer.command("sell", 2, 30, "r1");
    cluster.run(100);
    expect(payer.finalReply("r1")).toMatchObject({
      ok: true,
      data: { trade_id: "1-2-1.1", state: "settled", balance: 70 },
    });
    expect(payer.replies[0]).toMatchObject({
      final: false,
      result: { data: { trade_id: "1-2-1.1", state: "accepted" } },
    });
    expect(payer.replies.filter((reply) => reply.final)).toHaveLength(1);
    expect(cluster.ids.map((id) => balanceOf(cluster.node(id).state, 1))).toEqual([70, 70, 70]);
    expect(cluster.ids.map((id) => balanceOf(cluster.node(id).state, 2))).toEqual([130, 130, 130]);
    expect(new Set(cluster.ids.map((id) => ledgerHash(cluster.node(id).state))).size).toBe(1);
    expect(payer.messages()).toContain("SELL 30 credits to Node 2 [100 -> 70] (trade_id=1-2-1.1)");
    expect(cluster.node(2).messages()).toContain("BUY 30 credits from Node 1 [100 -> 130]");
    expect(pendingTrades(payer.state)).toEqual([]);
    expectConserved(cluster, 300);
  });

  test("must answer at once with the trade id when only acceptance is asked for", () => {
    const cluster = new MoneyCluster([1, 2]);
    cluster.node(1).command("sell", 2, 1, "r1", { until: "accepted" });
    expect(cluster.node(1).finalReply("r1")).toMatchObject({
      ok: true,
      data: { trade_id: "1-2-1.1", state: "accepted" },
    });
    cluster.run(100);
    expect(cluster.node(1).replies.filter((reply) => reply.final)).toHaveLength(1);
    expect(tradeOutcome(cluster.node(1).state, "1-2-1.1").state).toBe("settled");
  });

  test("must execute a repeated request once, while it is pending, afterwards and after a restart", () => {
    const cluster = new MoneyCluster([1, 2]);
    const payer = cluster.node(1);
    for (let i = 0; i < 3; i++) payer.command("sell", 2, 10, "same", { inc: 1 });
    cluster.run(100);
    payer.command("sell", 2, 10, "same", { inc: 1 });
    payer.restart();
    payer.state.phase = "JOINING";
    payer.command("sell", 2, 10, "same", { inc: 1 });
    cluster.run(500);
    expect(payer.replies.at(-1)).toMatchObject({
      final: true,
      result: { ok: true, data: { trade_id: "1-2-1.1", state: "settled" } },
    });
    expect(balanceOf(payer.state, 1)).toBe(90);
  });

  test("must answer an old request that left no record with STALE, definitely", () => {
    const cluster = new MoneyCluster([1, 2]);
    cluster.blocked = () => true;
    cluster.node(1).command("sell", 2, 10, "lost", { inc: 1 });
    cluster.node(1).restart();
    cluster.blocked = () => false;
    cluster.node(1).command("sell", 2, 10, "lost", { inc: 1 });
    expect(cluster.node(1).finalReply("lost")).toMatchObject({ ok: false, code: "STALE", definite: true });
    cluster.run(1_000);
    expect(balanceOf(cluster.node(2).state, 2)).toBe(100);
  });

  test("must never promise more than there is: reserved credits are gone for the next offer", () => {
    const cluster = new MoneyCluster([1, 2, 3]);
    cluster.node(1).command("sell", 2, 80, "a");
    cluster.node(1).command("sell", 3, 80, "b");
    expect(cluster.node(1).finalReply("b")).toMatchObject({
      code: "INSUFFICIENT_CREDITS",
      definite: true,
      message: "Cannot sell 80 energy credits - insufficient balance",
    });
    cluster.run(100);
    expect(balanceOf(cluster.node(1).state, 1)).toBe(20);
  });

  test("must release the reserve and say that it never happened when nobody answers in time", () => {
    const cluster = new MoneyCluster([1, 2]);
    cluster.blocked = () => true;
    cluster.node(1).command("sell", 2, 80, "r");
    cluster.run(10_100);
    expect(cluster.node(1).finalReply("r")).toMatchObject({ code: "EXPIRED", definite: true, tradeId: "1-2-1.1" });
    expect(cluster.node(1).state.trading.reserved).toBe(0);
    cluster.blocked = () => false;
    cluster.run(5_000);
    expect(balanceOf(cluster.node(2).state, 2)).toBe(100);
    expect(tradeOutcome(cluster.node(1).state, "1-2-1.1").state).toBe("expired");
  });

  test("must be refused by a payee that restarted since the offer was made", () => {
    const cluster = new MoneyCluster([1, 2]);
    cluster.blocked = () => true;
    cluster.node(1).command("sell", 2, 80, "r");
    cluster.node(2).restart();
    cluster.blocked = () => false;
    cluster.run(3_000);
    expect(cluster.node(1).finalReply("r")).toMatchObject({ code: "STALE", definite: true });
    expect(balanceOf(cluster.node(1).state, 1)).toBe(100);
  });

  test("must report a committed trade as committed while the payee is away, and settle it when it is back", () => {
    const cluster = new MoneyCluster([1, 2]);
    const payer = cluster.node(1);
    cluster.blocked = (_, __, message) => message.message_type === "TRADE_CONFIRM";
    payer.command("sell", 2, 5, "r");
    cluster.run(3_000);
    expect(payer.replies.at(-1)).toMatchObject({ final: false, result: { data: { state: "committed" } } });
    expect(pendingTrades(payer.state)).toMatchObject([{ trade_id: "1-2-1.1", state: "IN_TRANSIT" }]);
    cluster.blocked = () => false;
    cluster.run(2_500);
    expect(payer.finalReply("r")).toMatchObject({ data: { state: "settled" } });
  });

  test("must be settled by a digest when every acknowledgement is lost", () => {
    const cluster = new MoneyCluster([1, 2]);
    cluster.blocked = (_, __, message) => message.message_type === "ACK";
    cluster.node(1).command("sell", 2, 5, "r");
    cluster.run(500);
    expect(cluster.node(1).finalReply("r")).toBeUndefined();
    cluster.gossip();
    cluster.run(10);
    expect(cluster.node(1).finalReply("r")).toMatchObject({ data: { state: "settled" } });
  });
});

describe("buy", () => {
  test("must credit the buyer only by the payer's record", () => {
    const cluster = new MoneyCluster([1, 2, 3]);
    cluster.node(2).command("buy", 1, 30, "r1");
    cluster.run(200);
    expect(cluster.node(2).finalReply("r1")).toMatchObject({
      ok: true,
      data: { trade_id: "2-1-1.1", state: "settled", balance: 130 },
    });
    expect(balanceOf(cluster.node(3).state, 1)).toBe(70);
    expect(cluster.node(1).messages()).toContain("SELL 30 credits to Node 2 [100 -> 70] (trade_id=2-1-1.1)");
    expect(cluster.node(2).disk.intents.size).toBe(0);
    expect(cluster.ids.flatMap((id) => pendingTrades(cluster.node(id).state))).toEqual([]);
  });

  test("must be rejected for lack of credits, and stay rejected for a late copy", () => {
    const cluster = new MoneyCluster([1, 2]);
    cluster.node(2).command("buy", 1, 130, "r1");
    cluster.run(200);
    expect(cluster.node(2).finalReply("r1")).toMatchObject({ code: "INSUFFICIENT_CREDITS", definite: true });
    const late = cluster.node(2).sent.find((message) => message.message_type === "TRADE_REQUEST");
    cluster.node(2).command("sell", 1, 60, "r2");
    cluster.run(200);
    expect(balanceOf(cluster.node(1).state, 1)).toBe(160);
    if (late !== undefined) cluster.send(cluster.node(2), 1, late);
    cluster.run(200);
    expect(balanceOf(cluster.node(1).state, 1)).toBe(160);
  });

  test("must be in doubt without an answer, and be decided by the payer once it is reachable", () => {
    const cluster = new MoneyCluster([1, 2]);
    cluster.blocked = (from) => from === 1;
    cluster.node(2).command("buy", 1, 30, "executed");
    cluster.run(10_200);
    expect(cluster.node(2).finalReply("executed")).toMatchObject({
      code: "IN_DOUBT",
      definite: false,
      tradeId: "2-1-1.1",
    });
    cluster.blocked = () => true;
    cluster.node(2).command("buy", 1, 30, "lost");
    cluster.run(10_200);
    expect(tradeOutcome(cluster.node(2).state, "2-1-1.2").state).toBe("in_doubt");
    cluster.blocked = () => false;
    cluster.run(5_000);
    expect(tradeOutcome(cluster.node(2).state, "2-1-1.1").state).toBe("settled");
    expect(tradeOutcome(cluster.node(2).state, "2-1-1.2").state).toBe("expired");
    expect(balanceOf(cluster.node(1).state, 1)).toBe(70);
    expect(pendingTrades(cluster.node(2).state)).toEqual([]);
  });

  test("must be decided after a restart of the buyer, and answer the repeated request", () => {
    const cluster = new MoneyCluster([1, 2]);
    cluster.blocked = (from) => from === 1;
    cluster.node(2).command("buy", 1, 30, "r", { inc: 1 });
    cluster.run(100);
    cluster.node(2).restart();
    expect(tradeOutcome(cluster.node(2).state, "2-1-1.1").state).toBe("in_doubt");
    cluster.node(2).command("buy", 1, 30, "r", { inc: 1 });
    cluster.blocked = () => false;
    cluster.gossip();
    cluster.run(3_000);
    expect(cluster.node(2).finalReply("r")).toMatchObject({ ok: true, data: { state: "settled" } });
    expect(balanceOf(cluster.node(2).state, 2)).toBe(130);
    expect(cluster.node(2).disk.intents.size).toBe(0);
  });

  test("must be refused as STALE by a payer that restarted without having executed it", () => {
    const cluster = new MoneyCluster([1, 2]);
    cluster.blocked = () => true;
    cluster.node(2).command("buy", 1, 30, "r");
    cluster.run(50);
    cluster.node(1).restart();
    cluster.blocked = () => false;
    cluster.run(3_000);
    expect(cluster.node(2).finalReply("r")).toMatchObject({ code: "STALE", definite: true });
    expect(balanceOf(cluster.node(1).state, 1)).toBe(100);
  });

  test("must survive the payer's crash between debit and confirmation", () => {
    const cluster = new MoneyCluster([1, 2]);
    cluster.blocked = (_, __, message) => message.message_type === "TRADE_CONFIRM";
    cluster.node(2).command("buy", 1, 30, "r");
    cluster.run(100);
    cluster.node(1).restart();
    expect(balanceOf(cluster.node(1).state, 1)).toBe(70);
    cluster.blocked = () => false;
    cluster.gossip();
    cluster.run(3_000);
    expect(cluster.node(2).finalReply("r")).toMatchObject({ ok: true, data: { state: "settled" } });
    expectConserved(cluster, 200);
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
    const cluster = new MoneyCluster([1, 2]);
    const sent = cluster.node(1).sent.length;
    cluster.node(1).command(op, peer, amount, "r");
    expect(cluster.node(1).finalReply("r")).toMatchObject({
      ok: false,
      code,
      definite: true,
      message: typeof message === "string" ? message : expect.stringMatching(message),
    });
    cluster.run(1_000);
    expect(cluster.node(1).sent.length).toBe(sent);
    expect(cluster.node(1).state.trading.reserved).toBe(0);
    expectConserved(cluster, 200);
  });

  test("before the node is ready must say so", () => {
    const cluster = new MoneyCluster([1, 2]);
    cluster.node(1).state.phase = "SYNCING";
    cluster.node(1).command("sell", 2, 5, "r");
    expect(cluster.node(1).finalReply("r")).toMatchObject({ code: "NOT_READY", definite: true });
    cluster.node(1).state.phase = "READY";
    cluster.node(1).command("sell", 2, 5, "r");
    cluster.run(100);
    expect(balanceOf(cluster.node(1).state, 1)).toBe(100);
  });
});

describe("a buy whose record is being written", () => {
  /** Until the record is delivered in memory and not yet on disk. */
  function buyUntilDelivered(): MoneyCluster {
    const cluster = new MoneyCluster([1, 2]);
    cluster.faults = { ...CALM, writeMaxMs: 50 };
    cluster.node(2).command("buy", 1, 30, "r");
    for (let ms = 0; ms < 1_000 && balanceOf(cluster.node(2).state, 2) === 100; ms++) cluster.run(1);
    expect(cluster.node(2).finalReply("r")).toBeUndefined();
    return cluster;
  }

  test("must answer a request that is repeated just then, when it is written", () => {
    const cluster = buyUntilDelivered();
    const buyer = cluster.node(2);
    buyer.replies.length = 0;
    buyer.held = buyer.held.filter((item) => item.effect.type !== "reply");
    buyer.command("buy", 1, 30, "r");
    expect(buyer.finalReply("r")).toBeUndefined();
    cluster.run(200);
    expect(buyer.finalReply("r")).toMatchObject({ ok: true, data: { state: "settled" } });
    expect(buyer.disk.records).toHaveLength(1);
  });

  test("must be answered when that write fails, and when it is asked for again", () => {
    const cluster = new MoneyCluster([1, 2]);
    const buyer = cluster.node(2);
    buyer.command("buy", 1, 30, "r");
    cluster.run(1);
    buyer.writesFail = true;
    cluster.run(300);
    expect(buyer.state.phase).toBe("HALTED");
    expect(buyer.disk.records).toHaveLength(0);
    expect(buyer.finalReply("r")).toMatchObject({ code: "STORAGE", definite: false, tradeId: "2-1-1.1" });
    buyer.command("buy", 1, 30, "r");
    expect(buyer.replies.at(-1)).toMatchObject({ final: true, result: { code: "STORAGE", definite: false } });
  });
});

describe("a failed write", () => {
  test("must halt the node: nothing of it is seen outside, and new trades are refused", () => {
    const cluster = new MoneyCluster([1, 2]);
    const payer = cluster.node(1);
    payer.writesFail = true;
    payer.command("sell", 2, 30, "r1");
    cluster.run(300);
    expect(payer.state.phase).toBe("HALTED");
    expect(payer.finalReply("r1")).toMatchObject({ code: "STORAGE", definite: false, tradeId: "1-2-1.1" });
    expect(payer.sent.some((message) => message.message_type === "TRADE_CONFIRM")).toBe(false);
    payer.command("sell", 2, 1, "r2");
    expect(payer.finalReply("r2")).toMatchObject({ code: "STORAGE", definite: true });
    payer.command("sell", 2, 30, "r1");
    expect(payer.replies.at(-1)).toMatchObject({ final: true, result: { code: "STORAGE", definite: false } });
    cluster.run(20_000);
    expect(balanceOf(cluster.node(2).state, 2)).toBe(100);
  });
});

test("many trades at once must all settle, through many outstanding writes", () => {
  const cluster = new MoneyCluster([1, 2]);
  for (let i = 0; i < 50; i++) {
    cluster.node(1).command("sell", 2, 1, `a${i}`);
    cluster.node(2).command("sell", 1, 1, `b${i}`);
    cluster.node(1).command("buy", 2, 1, `c${i}`);
  }
  cluster.run(2_000);
  expect(cluster.node(1).state.ledger.log).toHaveLength(150);
  expect(pendingTrades(cluster.node(1).state)).toEqual([]);
  expectConserved(cluster, 200);
});
