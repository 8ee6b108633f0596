// Buys in doubt: each rule of node/protocol/trading.md#buys-in-doubt, by itself.
import { describe, expect, test } from "vitest";
import { recordHash } from "../../node/core/ledger/ledger.ts";
import { tradeOutcome } from "../../node/core/trading/outcomes.ts";
import type { TradeRecord } from "../../node/wire/message.ts";
import { sha256Hex64 } from "../../node/wire/sha256.ts";
import { CoreNode, genesisOf, originOf } from "../support/core-node.ts";

const TRADE = "1-2-1.1";
const RESTARTED = originOf(2, { incarnation: 2, bootId: "d".repeat(16) });

/** Node 1 has asked node 2 to pay 30, and nobody has answered within the offer timeout. */
function inDoubt(): CoreNode {
  const node = CoreNode.ready(1, {}, [2]);
  node.answerJoin(2, { account: genesisOf(1) });
  node.join(2, { account: genesisOf(2) });
  node.store();
  const buy = { op: "buy", requestId: "r", peer: 2, amount: 30, inc: null, until: "settled" } as const;
  node.feed({ type: "command", command: buy });
  node.store();
  node.run(node.state.config.timing.offerTimeoutMs + 1);
  expect(tradeOutcome(node.state, TRADE).state).toBe("in_doubt");
  return node.clear();
}

/** Debits of node 2, one after the other. */
function debits(...tradeIds: string[]): TradeRecord[] {
  const { id, epoch, nonce, initial } = genesisOf(2);
  let prev_hash = sha256Hex64(JSON.stringify([id, epoch, nonce, initial]));
  return tradeIds.map((trade_id, index) => {
    const seq = index + 1;
    const record = { trade_id, buyer_id: 1, seller_id: 2, amount: 30, seq, deps: new Map([[2, seq]]), prev_hash };
    prev_hash = recordHash(record);
    return record;
  });
}

function deliver(node: CoreNode, records: readonly TradeRecord[]): void {
  for (const record of records) node.receive(RESTARTED, "TRADE_CONFIRM", { success: true, ...record });
  node.store();
}

function doneRows(node: CoreNode): unknown[] {
  return node.effects.flatMap((effect) =>
    effect.type === "persist" ? effect.rows.filter((row) => row.table === "intent" && row.done) : [],
  );
}

test("a request that nobody answers must be repeated more and more slowly", () => {
  const node = CoreNode.ready(1, {}, [2]);
  node.answerJoin(2, { account: genesisOf(1) });
  node.join(2, { account: genesisOf(2) });
  node.store();
  const { offerTimeoutMs, retransmitMinMs, retransmitCapMs } = node.state.config.timing;
  node.feed({
    type: "command",
    command: { op: "sell", requestId: "r", peer: 2, amount: 30, inc: null, until: "settled" },
  });
  node.store();
  const atMs: number[] = [];
  for (let ms = 0; ms < offerTimeoutMs; ms += 5) {
    if (node.sent("TRADE_REQUEST").length > 0) atMs.push(ms);
    node.clear().run(5);
  }
  const gaps = atMs.slice(1).map((ms, i) => ms - (atMs[i] ?? 0));
  expect(gaps.length).toBeGreaterThan(2);
  for (const [i, gap] of gaps.entries()) {
    expect(gap).toBeGreaterThanOrEqual(retransmitMinMs);
    expect(gap).toBeLessThanOrEqual(retransmitCapMs + 5);
    const former = gaps[i - 1] ?? 0;
    if (former + 5 < retransmitCapMs) expect(gap).toBeGreaterThan(former);
  }
});

describe("a buy in doubt", () => {
  test("must end as never happened when its payer was started again and its log up to then has no such trade", () => {
    const node = inDoubt();
    node.beat(RESTARTED, { boot_seq: 0, digest: new Map([[2, 0]]) });
    expect(tradeOutcome(node.state, TRADE).state).toBe("expired");
    expect(node.sent("TRADE_RESPONSE")).toEqual([]);
    expect(doneRows(node)).toHaveLength(1);
    node.feed({
      type: "command",
      command: { op: "buy", requestId: "r", peer: 2, amount: 30, inc: null, until: "settled" },
    });
    expect(node.effects).toContainEqual(
      expect.objectContaining({ type: "reply", final: true, result: expect.objectContaining({ definite: true }) }),
    );
    expect(node.sent("TRADE_REQUEST")).toEqual([]);
  });

  test("must stay open until all that the payer had paid before is here", () => {
    const node = inDoubt();
    node.beat(RESTARTED, { boot_seq: 2, digest: new Map([[2, 2]]), ledger_hash: "00000000000000ff" });
    expect(tradeOutcome(node.state, TRADE).state).toBe("in_doubt");
    deliver(node, debits("1-2-1.8", "1-2-1.9").slice(0, 1));
    node.beat(RESTARTED, { boot_seq: 2, digest: new Map([[2, 2]]) });
    expect(tradeOutcome(node.state, TRADE).state).toBe("in_doubt");
    deliver(node, debits("1-2-1.8", "1-2-1.9"));
    node.beat(RESTARTED, { boot_seq: 2, digest: new Map([[2, 2]]) });
    expect(tradeOutcome(node.state, TRADE).state).toBe("expired");
  });

  test("must end as credited when it is among what the payer had paid", () => {
    const node = inDoubt();
    node.beat(RESTARTED, { boot_seq: 1, digest: new Map([[2, 1]]) });
    deliver(node, debits(TRADE));
    node.beat(RESTARTED, { boot_seq: 1, digest: new Map([[2, 1]]) });
    expect(tradeOutcome(node.state, TRADE)).toMatchObject({ state: "settled", balance: 130 });
    expect(doneRows(node)).toHaveLength(1);
  });

  test.each([
    ["the same process speaks", originOf(2), 0],
    ["the payer may still get debits back from others", RESTARTED, 281_474_976_710_656],
  ])("must stay open while %s, and ask it", (_, origin, bootSeq) => {
    const node = inDoubt();
    node.beat(origin, { boot_seq: bootSeq, digest: new Map([[2, 0]]) });
    node.run(2_000);
    expect(tradeOutcome(node.state, TRADE).state).toBe("in_doubt");
    expect(node.sent("TRADE_RESPONSE")[0]).toMatchObject({ to: 2, payload: { trade_id: TRADE, accepted: false } });
  });

  test("must be open again after a restart of the buyer, and end by the same rule", () => {
    const intent = { tradeId: TRADE, requestId: "r", payer: 2, payerIncarnation: 1, amount: 30 };
    const accounts = [genesisOf(1), genesisOf(2)];
    const node = new CoreNode(
      1,
      { expected: [2] },
      { incarnation: 2 },
      { term: 0, votedFor: null, accounts, records: [], intents: [intent] },
    );
    node.feed({ type: "start" });
    expect(tradeOutcome(node.state, TRADE).state).toBe("in_doubt");
    node.beat(RESTARTED, { boot_seq: 0, digest: new Map([[2, 0]]) });
    expect(tradeOutcome(node.state, TRADE).state).toBe("expired");
    expect(doneRows(node)).toHaveLength(1);
  });
});

describe("the debits that a process names as older than itself (boot_seq)", () => {
  const bootSeqs = (node: CoreNode): number[] => node.sent("HEARTBEAT").map((sent) => sent.payload.boot_seq);

  test("must be unknown until it is READY: it may get some back that its disk had lost", () => {
    const node = CoreNode.started(1, { expected: [2] });
    node.run(200);
    expect(new Set(bootSeqs(node))).toEqual(new Set([281_474_976_710_656]));
    node.clear().run(2_000);
    expect(node.state.phase).toBe("READY");
    expect(bootSeqs(node).at(-1)).toBe(0);
  });
});
