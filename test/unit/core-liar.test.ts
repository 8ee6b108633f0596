// What a member that has the key can't do with one message (node/protocol/security.md): numbers that never go back, other nodes' accounts,
// the tables that everybody keeps.
import { describe, expect, test } from "vitest";
import { TERM_STEP_FREE, TERM_STEP_MAX } from "../../node/core/membership/plausible.ts";
import { describeState, statusText } from "../../node/core/query/query.ts";
import { INCARNATION_MAX, MEMBERS_MAX, RINC_MAX, TERM_MAX } from "../../node/wire/ids.ts";
import type { Rumour, TradeRecord } from "../../node/wire/message.ts";
import { CoreNode, genesisOf, originOf } from "../support/core-node.ts";

/** The second node of three, READY, with all three accounts; node 3 leads. */
function member(): CoreNode {
  const node = CoreNode.ready(2, { voters: [1, 2, 3] }, [1, 3]);
  chunk(node, { accounts: [genesisOf(1), genesisOf(3)] });
  node.store();
  node.state.join.confirmed = true;
  return node.clear();
}

function chunk(node: CoreNode, items: Partial<Parameters<typeof empty>[0]>): void {
  node.receive(3, "STATE_CHUNK", empty(items));
}

function empty(items: { members?: never[]; accounts?: ReturnType<typeof genesisOf>[]; records?: TradeRecord[] }) {
  return { index: 0, next: null, last: true, members: [], accounts: [], records: [], ...items };
}

function debit(node: CoreNode, seller: number, buyer: number, change: Partial<TradeRecord> = {}): TradeRecord {
  const account = node.state.ledger.accounts.get(seller);
  const seq = (account?.records.length ?? 0) + 1;
  return {
    trade_id: `${seller}-${buyer}-1.${seq}`,
    buyer_id: buyer,
    seller_id: seller,
    amount: 10,
    seq,
    deps: new Map([[seller, seq]]),
    prev_hash: account?.lastHash ?? "",
    ...change,
  };
}

describe("a promise that is asked for in another node's name", () => {
  const request = { stage: "promise", at: 0, accept_loss: false } as const;

  test("must be refused while that node is heard READY, and its debits be delivered", () => {
    const node = member();
    node.beat(3, { phase: "READY" });
    node.clear().receive(3, "FENCE_REQUEST", request);
    expect(node.sent("FENCE_RESPONSE")[0]?.payload).toMatchObject({ promised: false });
    expect(node.state.counters.get("promises_refused")).toBe(1);
    node.receive(3, "TRADE_CONFIRM", { success: true, ...debit(node, 3, 1) });
    expect(node.state.ledger.clock.get(3)).toBe(1);
  });

  test("must be told in status, over restarts too, and be dropped when that node is heard READY for long without a fence", () => {
    const node = member();
    node.beat(3, { phase: "RECOVERING" });
    node.receive(3, "FENCE_REQUEST", request);
    node.store();
    expect(node.sent("FENCE_RESPONSE")[0]?.payload).toMatchObject({ promised: true });
    const accounts = [1, 2, 3].map((id) => genesisOf(id));
    const fences = [{ account: 3, at: 0, asker: 1 }];
    const recovered = { term: 0, votedFor: null, accounts, records: [], intents: [], fences };
    const next = new CoreNode(2, { voters: [1, 2, 3] }, { incarnation: 2 }, recovered);
    next.feed({ type: "start" });
    expect(statusText(next.state)).toContain("Held back: the log of Node 3 after debit 0");
    const { heartbeatTimeoutMs } = next.state.config.timing;
    const beatFor = (spanMs: number) => {
      for (let ms = 0; ms < spanMs; ms += 100) {
        next.beat(3, { phase: "READY" });
        next.run(100);
      }
    };
    beatFor(heartbeatTimeoutMs - 200);
    expect(next.state.recovery.promises.size).toBe(1);
    // It has its fence, which is on its way to this node.
    next.beat(3, { phase: "READY", fences: new Map([[3, 1]]) });
    beatFor(heartbeatTimeoutMs - 200);
    expect(next.state.recovery.promises.size).toBe(1);
    beatFor(400);
    expect(next.state.recovery.promises.size).toBe(0);
    expect(next.effects).toContainEqual(
      expect.objectContaining({ type: "persist", rows: [{ table: "fence", account: 3, at: null }] }),
    );
    expect(statusText(next.state)).not.toContain("Held back");
  });
});

describe("terms", () => {
  test("must grow by steps towards an absurd one, so that elections can go on", () => {
    const node = member();
    for (let i = 0; i < 1_000; i++) node.beat(3, { coordinator_id: 3, term: TERM_MAX, elected: true });
    expect(node.state.election.term).toBe(1 + TERM_STEP_MAX);
    expect(node.state.election.claimTerm).toBe(1);
    expect(node.state.counters.get("terms_absurd")).toBe(1_000);
    expect(node.lines().filter((line) => line.startsWith("Not believed"))).toHaveLength(1);
    for (let i = 0; i < 100; i++) {
      node.receive(3, "ELECTION", { kind: "vote", term: TERM_MAX, patience: 5 });
      node.receive(1, "OK", { ...vote, granted: false, seen_term: TERM_MAX });
      node.receive(1, "COORDINATOR", { msg_id: "m", coordinator_id: 1, term: TERM_MAX, elected: true });
    }
    node.store();
    expect(node.state.election.term).toBe(1 + TERM_STEP_MAX);
    expect(node.sent("OK").every((sent) => sent.payload.granted === false)).toBe(true);
    node.run(node.state.config.timing.heartbeatMs);
    node.beat(3, { coordinator_id: 3, term: TERM_MAX, elected: true });
    expect(node.state.election.term).toBe(1 + 2 * TERM_STEP_MAX);
  });

  const vote = { kind: "vote" as const, candidate: 2, round_term: 2, coordinator_id: null, term: 0, elected: false };

  test("must be believed at once within what elections missed can explain", () => {
    const node = member();
    node.beat(3, { coordinator_id: 3, term: TERM_STEP_FREE, elected: true });
    expect(node.state.election).toMatchObject({ term: TERM_STEP_FREE, claimTerm: TERM_STEP_FREE, coordinator: 3 });
    // Away for a hundred thousand elections: one step is enough.
    node.beat(3, { coordinator_id: 3, term: 100_000, elected: true });
    expect(node.state.election).toMatchObject({ term: 100_000, claimTerm: 100_000 });
    expect(node.state.counters.get("terms_absurd")).toBeUndefined();
  });

  test("must not be counted as told, when a voter without a disk doesn't believe them", () => {
    const node = new CoreNode(2, { voters: [1, 2, 3] });
    node.feed({ type: "start" });
    for (const voter of [1, 3])
      node.answerJoin(voter, { account: genesisOf(2), seen_term: voter === 1 ? TERM_MAX : 7, clock_state: new Map() });
    expect(node.state.election.abstaining).toBe(true);
  });
});

describe("an own log that others claim to know better", () => {
  test("must be proven by the record, and no debit is made meanwhile", () => {
    const node = member();
    node.beat(3, { coordinator_id: 3, term: 1, elected: true, digest: new Map([[2, 281_474_976_710_656]]) });
    expect(node.state.phase).toBe("READY");
    expect(node.sent("NAK").map((sent) => [sent.to, sent.payload.ranges])).toEqual([
      [3, [{ origin: 2, from: 1, to: 1 }]],
    ]);
    const sell = () =>
      node.feed({
        type: "command",
        command: { op: "sell", requestId: `r${node.nowMs}`, peer: 3, amount: 5, inc: null, until: "settled" },
      });
    const refused = sell().find((effect) => effect.type === "reply");
    expect(refused).toMatchObject({ result: { ok: false, code: "NOT_READY", definite: true } });
    node.run(node.state.config.timing.ownLogDoubtMs + 1);
    // It couldn't prove it, and saying it again changes nothing.
    node.beat(3, { coordinator_id: 3, term: 1, elected: true, digest: new Map([[2, 9]]) });
    node.clear();
    sell();
    expect(node.sent("TRADE_REQUEST")).toHaveLength(1);
    expect(node.state.phase).toBe("READY");
  });

  test("must stop the node when the record is there", () => {
    const node = member();
    node.beat(3, { coordinator_id: 3, term: 1, elected: true, digest: new Map([[2, 1]]) });
    chunk(node, { records: [debit(node, 2, 3)] });
    expect(node.state.phase).toBe("CONFLICT");
  });
});

describe("a fence that contradicts the log", () => {
  test("must be proven by the fence itself", () => {
    const node = member();
    chunk(node, { records: [debit(node, 3, 1)] });
    node.store();
    node.clear();
    const claim = { coordinator_id: 3, term: 1, elected: true };
    node.beat(1, { ...claim, fences: new Map([[3, 1]]) });
    expect(node.state.phase).toBe("READY");
    expect(node.sent("NAK").map((sent) => [sent.to, sent.payload.ranges])).toEqual([
      [1, [{ origin: 3, from: 1, to: 1 }]],
    ]);
    const fence = debit(node, 3, 3, { trade_id: "3-3-2.1", amount: 0, seq: 1, deps: new Map([[3, 1]]) });
    chunk(node, { records: [fence] });
    expect(node.state.phase).toBe("CONFLICT");
  });
});

describe("records", () => {
  test("that contradict each other must be ignored, and shown with whose they are", () => {
    const node = member();
    const first = debit(node, 3, 1);
    chunk(node, { records: [first] });
    node.store();
    for (let i = 0; i < 500; i++) chunk(node, { records: [{ ...first, amount: 20 + i }] });
    chunk(node, { records: [{ ...first, buyer_id: 2, trade_id: "3-2-1.1" }] });
    expect(node.state.ledger.accounts.get(1)?.balance).toBe(110);
    expect(describeState(node.state).equivocations).toEqual([{ account: 3, count: 501 }]);
    expect(statusText(node.state)).toContain("EQUIVOCATION: contradictions in the log of Node 3 (501), ignored");
    expect(node.lines().filter((line) => line.startsWith("EQUIVOCATION"))).toHaveLength(1);
    expect(statusText(member().state)).not.toContain("EQUIVOCATION");
  });

  test("must name their own two parties: nobody can use up the ids of others' trades", () => {
    const node = member();
    chunk(node, { records: [debit(node, 3, 1, { trade_id: "1-2-1.1" })] });
    expect(node.state.ledger.log).toHaveLength(0);
    expect(node.state.counters.get("records_malformed")).toBe(1);
  });

  test("must not bring down a payer whose trade id the payee used first", () => {
    const node = member();
    node.feed({
      type: "command",
      command: { op: "sell", requestId: "r", peer: 3, amount: 5, inc: null, until: "settled" },
    });
    const [request] = node.sent("TRADE_REQUEST");
    const tradeId = request?.payload.trade_id as string;
    chunk(node, { records: [debit(node, 3, 2, { trade_id: tradeId })] });
    node.store();
    node.receive(3, "TRADE_RESPONSE", { trade_id: tradeId, accepted: true });
    const replies = node.effects.flatMap((effect) => (effect.type === "reply" && effect.final ? [effect.result] : []));
    expect(replies).toMatchObject([{ ok: false, code: "REJECTED", definite: true }]);
    expect(node.state.trading.reserved).toBe(0);
  });
});

test("one request of a client must not be paid for twice, whatever the buyer calls the trade", () => {
  const node = member();
  const buy = (trade_id: string, request_id: string) =>
    node.receive(3, "TRADE_REQUEST", { target_id: 2, amount: 5, trade_type: "buy", trade_id, to_inc: 1, request_id });
  buy("3-2-1.1", "r");
  // The store refuses a second debit for it and the node would halt: before the first one is on disk, too.
  buy("3-2-1.2", "r");
  node.store();
  buy("3-2-1.3", "r");
  buy("3-2-1.4", "s");
  node.store();
  expect(node.state.ledger.log.map(({ trade_id }) => trade_id)).toEqual(["3-2-1.1", "3-2-1.4"]);
  const refused = node.sent("TRADE_RESPONSE").filter(({ payload }) => !payload.accepted);
  expect(refused.map(({ payload }) => payload.reason)).toEqual(
    Array(2).fill("Node 2 has paid for this request in 3-2-1.1"),
  );
});

describe("tables", () => {
  const rows = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => ({
      id: from + i,
      inc: 1,
      rinc: 0,
      state: "ALIVE" as const,
      addr: `10.9.${(from + i) >> 8}.${(from + i) & 255}:6000`,
    }));

  test("must stay bounded under a roster of 10,000, and keep a place for nodes that are really there", () => {
    const node = member();
    for (let at = 1_000; at < 11_000; at += 32) node.receive(3, "STATE_CHUNK", { ...empty({}), members: rows(at, 32) });
    expect(node.state.members.size).toBe(MEMBERS_MAX - 1);
    expect(node.state.counters.get("members_full")).toBeGreaterThan(9_000);
    node.join(originOf(60_000));
    expect(node.peer(60_000)).toBe("ALIVE");
    expect(node.state.members.size).toBe(MEMBERS_MAX - 1);
    expect([node.peer(1), node.peer(3)]).toEqual(["ALIVE", "ALIVE"]);
  });

  test("must not grow with rumours by nobody, or with probes on request", () => {
    const node = member();
    const rumour = (by: number): Rumour => ({ of: 1, state: "SUSPECTED", inc: 1, rinc: 0, by });
    for (let by = 100; by < 5_000; by++)
      node.beat(3, { coordinator_id: 3, term: 1, elected: true, rumours: [rumour(by)] });
    expect(node.state.rumours.items.length).toBeLessThan(10);
    for (let i = 0; i < 5_000; i++)
      node.receive(3, "PING_REQ", { nonce: i.toString(16).padStart(16, "0"), target: 77, target_addr: "192.0.2.1:53" });
    expect(node.sent("PING").filter((sent) => sent.address === "192.0.2.1:53").length).toBeLessThanOrEqual(64);
    expect(node.state.counters.get("ping_reqs_refused")).toBe(5_000 - 64);
  });
});

describe("standings", () => {
  test("must not be ended by hearsay for who is heard, and come back when they speak", () => {
    const node = member();
    const claim = { coordinator_id: 3, term: 1, elected: true };
    const left: Rumour = { of: 1, state: "LEFT", inc: 1, rinc: 0, by: 3 };
    node.beat(1, claim);
    node.beat(3, { ...claim, rumours: [left, { ...left, inc: 7 }, { ...left, state: "ALIVE", inc: 7 }] });
    expect(node.state.members.get(1)).toMatchObject({ state: "ALIVE", incarnation: 1 });
    const { suspicionMinMs, heartbeatMs } = node.state.config.timing;
    node.nowMs += (5 * heartbeatMs) / 4;
    node.beat(3, { ...claim, rumours: [left] });
    expect(node.peer(1)).toBe("LEFT");
    // Late last words of somebody who has left don't bring him back.
    node.beat(1, claim);
    expect(node.peer(1)).toBe("LEFT");
    node.nowMs += suspicionMinMs;
    node.beat(1, claim);
    expect(node.peer(1)).toBe("ALIVE");
    node.receive(1, "LEAVE", { msg_id: "m" });
    node.nowMs += 10 * suspicionMinMs;
    node.beat(1, claim);
    expect(node.peer(1)).toBe("LEFT");
  });

  test("must be put right by a newer term when others follow this node in one that it never led in", () => {
    const node = CoreNode.ready(3, { voters: [1, 2, 3] }, [1, 2]);
    Object.assign(node.state.election, {
      role: "COORDINATOR",
      coordinator: 3,
      claimTerm: 1,
      elected: true,
      candidacy: null,
    });
    node.clear();
    node.beat(1, { coordinator_id: 3, term: 9, elected: true });
    expect(node.state.election.term).toBe(10);
    node.store();
    expect(node.sent("ELECTION").map((sent) => sent.payload.term)).toEqual([10, 10]);
  });

  test("must not be worn out by one rumour: a refutation and a next incarnation must remain", () => {
    const node = member();
    const rumours: Rumour[] = [
      { of: 2, state: "FAILED", inc: 1, rinc: RINC_MAX, by: 3 },
      { of: 1, state: "ALIVE", inc: INCARNATION_MAX, rinc: 0, by: 3 },
      { of: 1, state: "SUSPECTED", inc: 1, rinc: RINC_MAX, by: 3 },
    ];
    node.beat(3, { coordinator_id: 3, term: 1, elected: true, rumours });
    node.receive(3, "STATE_CHUNK", {
      ...empty({}),
      members: [{ id: 1, inc: INCARNATION_MAX, rinc: 0, state: "LEFT", addr: null }],
    });
    expect(node.state.rinc).toBe(0);
    expect(node.state.members.get(1)).toMatchObject({ incarnation: 1, rinc: 0, state: "ALIVE" });
    expect(node.state.counters.get("standings_absurd")).toBe(4);
  });

  test("must not be taken from a refusal by a joiner: no incarnation could follow the last one", () => {
    const node = new CoreNode(2);
    node.feed({ type: "start" });
    node.answerJoin(3, { refused: "STALE_INC", known_inc: INCARNATION_MAX });
    expect(node.state.join.staleWrite).toBeNull();
    node.answerJoin(3, { refused: "STALE_INC", known_inc: 6 });
    expect(node.state.join.staleWrite?.incarnation).toBe(7);
  });

  test("must not stop a READY node or change its incarnation with a refusal, and fill neither journal nor disk", () => {
    const node = CoreNode.ready(1, { voters: [1, 2, 3] }, [2, 3]);
    node.store();
    node.clear();
    for (let known = 1; known < 200; known++) node.answerJoin(3, { refused: "STALE_INC", known_inc: known });
    node.answerJoin(3, { refused: "STALE_INC", known_inc: INCARNATION_MAX });
    const told = /Node 3 ignores this process: .* Start Node 1 again: it takes an incarnation above 1/;
    expect(node.lines().filter((line) => told.test(line))).toHaveLength(1);
    const rows = node.effects.flatMap((effect) => (effect.type === "persist" ? effect.rows : []));
    expect(rows).toEqual([{ table: "incarnation", atLeast: 1 }]);
    node.store();
    expect(node.state).toMatchObject({ phase: "READY", self: { incarnation: 1 } });
    expect(node.effects.filter(({ type }) => type === "exit")).toEqual([]);
  });
});
