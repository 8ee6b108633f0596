// Lost disks: each rule of node/protocol/recovery.md, by itself. Whole clusters: test/sim/lost-disk.test.ts.
import { describe, expect, test } from "vitest";
import type { Origin } from "../../node/core/kernel/types.ts";
import { ledgerHash } from "../../node/core/ledger/ledger.ts";
import { durableAt, type Member } from "../../node/core/membership/members.ts";
import { waitingText } from "../../node/core/recovery/awaited.ts";
import { MEMBERS_MAX } from "../../node/wire/ids.ts";
import type { TradeRecord } from "../../node/wire/message.ts";
import { CoreNode, genesisOf, originOf, type Sent } from "../support/core-node.ts";
import { PayerLog } from "../support/records.ts";

const VOTERS = { voters: [1, 2, 3], expected: [2, 3] };
/** Node 3 as it is back from its lost disk. */
const OWNER = originOf(3, { incarnation: 2, bootId: "d".repeat(16) });

/** Node 1, READY, which knows the accounts of 2 and 3. */
function member(): CoreNode {
  const node = CoreNode.ready(1, VOTERS, [2, 3]);
  for (const id of [2, 3]) node.join(id, { account: genesisOf(id) });
  node.store();
  node.join(OWNER);
  return node.clear();
}

function receive(node: CoreNode, record: TradeRecord, from: number | Origin = 2): void {
  node.receive(from, "TRADE_CONFIRM", { success: true, ...record });
  node.store();
}

function ask(node: CoreNode, stage: "ask" | "promise", at: number, accept_loss = false) {
  node.clear().receive(OWNER, "FENCE_REQUEST", { stage, at, accept_loss });
  return node.sent("FENCE_RESPONSE")[0];
}

const has = (node: CoreNode, id = 3): number | undefined => node.state.ledger.clock.get(id);

describe("a member, asked by a node that lost its disk,", () => {
  test("must not wait for a debit that an earlier promise holds back: its fence gives that up", () => {
    const node = member();
    const log = new PayerLog(genesisOf(3));
    receive(node, log.pay(2, 10, "3-2-1.1"));
    expect(ask(node, "promise", 1)).toMatchObject({ payload: { promised: true } });
    node.store();
    // The first process, which had made the promise needless, has sent this; a later one has lost its disk as well.
    receive(node, log.pay(2, 10, "3-2-1.2"));
    expect(has(node)).toBe(1);
    expect(ask(node, "ask", 1)?.payload).toMatchObject({ have: 2, next: false });
    node.clear().receive(OWNER, "FENCE_REQUEST", { stage: "promise", at: 1, accept_loss: false });
    node.store();
    expect(node.sent("FENCE_RESPONSE").at(-1)?.payload).toMatchObject({ promised: true });
  });

  test("must tell the highest debit that it has seen, held ones included unless their loss is accepted", () => {
    const node = member();
    const log = new PayerLog(genesisOf(3));
    receive(node, log.pay(2, 10, "3-2-1.1"));
    log.pay(2, 10, "3-2-1.2");
    receive(node, log.pay(2, 10, "3-2-1.3"));
    expect(has(node)).toBe(1);
    expect(ask(node, "ask", 1)?.payload).toMatchObject({ have: 3, promised: false, phase: "READY" });
    expect(ask(node, "ask", 1, true)?.payload).toMatchObject({ have: 1, accept_loss: true });
  });

  test("must not promise below what it has seen", () => {
    const node = member();
    receive(node, new PayerLog(genesisOf(3)).pay(2, 10, "3-2-1.1"));
    expect(ask(node, "promise", 0)?.payload).toMatchObject({ have: 1, promised: false });
    expect(node.state.recovery.promises.size).toBe(0);
  });

  test("must promise below what it holds behind a debit that it lacks, and give that up with the fence", () => {
    const node = member();
    const log = new PayerLog(genesisOf(3));
    receive(node, log.pay(2, 10, "3-2-1.1"));
    const missing = log.pay(2, 10, "3-2-1.2");
    const held = log.pay(2, 10, "3-2-1.3");
    receive(node, held);
    expect(ask(node, "promise", 0)?.payload).toMatchObject({ have: 3, next: true, promised: false });
    expect(ask(node, "promise", 1)?.payload).toMatchObject({ have: 3, next: false, promised: true });
    node.store();
    // A late copy of what was missing changes nothing any more: it is promised away, and nobody can fetch it here.
    receive(node, missing);
    expect(has(node)).toBe(1);
    expect(ask(node, "promise", 1)?.payload).toMatchObject({ have: 3, next: false, promised: true });
    receive(node, log.after(1).fence(2), OWNER);
    expect(has(node)).toBe(2);
    expect([...node.state.recovery.lost.values()].map(({ seq }) => seq)).toEqual([2, 3]);
    expect(node.state.causal.held).toBe(0);
    expect(node.state.counters.get("equivocations")).toBeUndefined();
  });

  test("must have its promise on disk before it tells of it", () => {
    const node = member();
    const answer = ask(node, "promise", 0);
    const write = node.effects.find((effect) => effect.type === "persist");
    expect(write).toMatchObject({ rows: [{ table: "fence", account: 3, at: 0 }] });
    expect(answer).toMatchObject({ payload: { promised: true }, afterWrite: (write as { writeId: number }).writeId });
  });

  test("must deliver nothing behind its promise before the fence, and what the fence gives up never", () => {
    const node = member();
    const old = new PayerLog(genesisOf(3));
    ask(node, "promise", 0);
    node.store();
    const lost = old.pay(2, 40, "3-2-1.1");
    receive(node, lost);
    expect(has(node)).toBe(0);
    const fresh = old.after(0);
    receive(node, fresh.fence(2), OWNER);
    expect(has(node)).toBe(1);
    expect([...node.state.recovery.lost.values()]).toEqual([lost]);
    receive(node, lost);
    receive(node, old.pay(2, 1, "3-2-1.2"));
    expect(has(node)).toBe(1);
    expect(node.state.ledger.accounts.get(3)?.balance).toBe(100);
    receive(node, fresh.pay(2, 5, "3-2-2.1"));
    expect(has(node)).toBe(2);
    expect(node.state.recovery.promises.size).toBe(0);
    expect(node.state.counters.get("equivocations")).toBeUndefined();
  });

  test("must keep its promise over a restart", () => {
    const accounts = [1, 2, 3].map((id) => genesisOf(id));
    const fences = [{ account: 3, at: 0 }];
    const node = new CoreNode(1, VOTERS, {}, { term: 0, votedFor: null, accounts, records: [], intents: [], fences });
    node.feed({ type: "start" });
    receive(node, new PayerLog(genesisOf(3)).pay(2, 40, "3-2-1.1"));
    expect(has(node)).toBe(0);
  });

  test("must deliver what it held back when the fence that is written in the end stands behind it", () => {
    const node = member();
    const log = new PayerLog(genesisOf(3));
    ask(node, "promise", 0);
    node.store();
    receive(node, log.pay(2, 40, "3-2-1.1"));
    expect(has(node)).toBe(0);
    receive(node, log.fence(2), OWNER);
    expect(has(node)).toBe(2);
    expect(node.state.ledger.accounts.get(3)?.balance).toBe(60);
    expect(node.state.recovery.lost.size).toBe(0);
  });

  test.each(["JOINING", "SYNCING", "HALTED", "CONFLICT"] as const)("must say nothing while it is %s", (phase) => {
    const node = member();
    node.state.phase = phase;
    expect(ask(node, "ask", 0)).toBeUndefined();
  });

  test("must vouch for who left if it has all that the LEAVE names, and for nobody else that is away", () => {
    const node = member();
    node.receive(2, "LEAVE", { msg_id: "m", clock: new Map([[1, 0]]) });
    expect(ask(node, "ask", 0)?.payload.absent).toEqual(new Map([[2, 1]]));
    const late = member();
    late.receive(2, "LEAVE", { msg_id: "m", clock: new Map([[3, 1]]) });
    expect(ask(late, "ask", 0)?.payload.absent).toEqual(new Map([[2, 0]]));
    const silent = member();
    silent.receive(2, "LEAVE", { msg_id: "m" });
    expect(ask(silent, "ask", 0)?.payload.absent).toEqual(new Map([[2, 0]]));
    const other = member();
    other.receive(2, "LEAVE", { msg_id: "m", ledger_hash: "00000000000000ff" });
    expect(ask(other, "ask", 0)?.payload.absent).toEqual(new Map([[2, 0]]));
    const equal = member();
    equal.receive(2, "LEAVE", { msg_id: "m", ledger_hash: ledgerHash(equal.state) });
    expect(ask(equal, "ask", 0)?.payload.absent).toEqual(new Map([[2, 1]]));
  });
});

describe("a node that leaves", () => {
  test("must name all that it has, and take nothing more from then on", () => {
    const node = member();
    const log = new PayerLog(genesisOf(3));
    receive(node, log.pay(2, 10, "3-2-1.1"));
    node.clear().feed({ type: "stop" });
    node.run(2_010);
    expect(node.sent("LEAVE")[0]?.payload.clock.get(3)).toBe(1);
    receive(node, log.pay(2, 10, "3-2-1.2"));
    expect(has(node)).toBe(1);
  });
});

test("a node that leaves a group whose vector fits no datagram must name its ledger's hash", () => {
  const accounts = Array.from({ length: MEMBERS_MAX }, (_, index) => genesisOf(index + 1));
  const node = new CoreNode(1, {}, {}, { term: 0, votedFor: null, accounts, records: [], intents: [] });
  node.feed({ type: "start" });
  node.run(2_000);
  node.clear().feed({ type: "stop" });
  node.run(2_010);
  const { payload } = node.sent("LEAVE")[0] as Sent;
  expect(payload.clock).toBeUndefined();
  expect(payload.ledger_hash).toBe(ledgerHash(node.state));
});

describe("a fence that others name", () => {
  test("must stop a node that has applied what it gives up, and list it", () => {
    const node = member();
    const record = new PayerLog(genesisOf(3)).pay(2, 40, "3-2-1.1");
    receive(node, record);
    node.clear().beat(2, { fences: new Map([[3, 1]]), digest: new Map([[3, 1]]) });
    // Node 2's word is no proof: the fence is.
    expect(node.sent("NAK").map((sent) => sent.payload.ranges)).toEqual([[{ origin: 3, from: 1, to: 1 }]]);
    receive(node, new PayerLog(genesisOf(3)).fence(2));
    expect(node.state.phase).toBe("CONFLICT");
    expect([...node.state.recovery.lost.values()]).toEqual([record]);
    expect(node.lines().join("\n")).toContain("move its data directory away");
  });

  test("must stop it before it is READY", () => {
    const record = new PayerLog(genesisOf(3)).pay(2, 40, "3-2-1.1");
    const accounts = [1, 2, 3].map((id) => genesisOf(id));
    const recovered = { term: 0, votedFor: null, accounts, records: [record], intents: [] };
    const node = new CoreNode(1, VOTERS, {}, recovered);
    node.feed({ type: "start" });
    node.answerJoin(2, { fences: new Map([[3, 1]]), clock_state: new Map([[3, 1]]) });
    expect(node.state.phase).toBe("CONFLICT");
  });

  /** Node 3's log, fenced twice: 1, 2, fence 3, 4, fence 5, 6. */
  function fencedTwice() {
    const log = new PayerLog(genesisOf(3));
    for (const n of [1, 2]) log.pay(2, 5, `3-2-1.${n}`);
    log.fence(2);
    log.pay(2, 5, "3-2-2.1");
    log.fence(3);
    log.pay(2, 5, "3-2-3.1");
    return log;
  }

  /** Node 1 with these records of node 3, and what node 2, which has the whole log, shows it when it hears its heartbeat. */
  function shownTo(records: readonly TradeRecord[], fences: [number, number][]) {
    const behind = member();
    for (const record of records) receive(behind, record);
    const ahead = member();
    for (const record of fencedTwice().records) receive(ahead, record, OWNER);
    ahead
      .clear()
      .beat(2, { digest: new Map([[3, records.length]]), fences: new Map(fences), ledger_hash: "0".repeat(16) });
    const shown = ahead.sent("TRADE_CONFIRM").map(({ payload: { success: _, ...record } }) => record);
    return { behind, shown: shown.filter(({ seller_id }) => seller_id === 3) };
  }

  test.each<[string, number, [number, number][], number[], number]>([
    ["both fences", 2, [], [3], 3],
    ["the second fence only", 4, [[3, 3]], [5], 5],
  ])("must be shown to who missed %s and has its number from the lost disk", (_, at, told, seqs, from) => {
    const whole = fencedTwice();
    const old = whole.after(at);
    old.pay(2, 20, "3-2-1.8");
    const { behind, shown } = shownTo(old.records, told);
    expect(shown.map(({ seq }) => seq)).toEqual(seqs);
    // By the number alone, beyond its log, nothing follows; nor by a debit that doesn't fit.
    behind.clear().beat(2, { fences: new Map([[3, 5]]), digest: new Map([[3, 6]]) });
    receive(behind, whole.records[at + 1] as TradeRecord);
    expect(behind.state.phase).toBe("READY");
    for (const record of shown) receive(behind, record);
    expect(behind.state.phase).toBe("CONFLICT");
    expect([...behind.state.recovery.lost.values()].map(({ seq }) => seq)).toEqual([from]);
    expect(behind.lines().join("\n")).toContain("move its data directory away");
  });

  test("must be shown to who missed both of them and has all their numbers: the first of them comes first", () => {
    const old = fencedTwice().after(2);
    for (const n of [8, 9, 10]) old.pay(2, 20, `3-2-1.${n}`);
    const { behind, shown } = shownTo(old.records, []);
    expect(shown.map(({ seq }) => seq)).toEqual([3, 5]);
    receive(behind, shown[0] as TradeRecord);
    expect([...behind.state.recovery.lost.values()].map(({ seq }) => seq)).toEqual([3, 4, 5]);
  });

  test("must not be shown to who has only what came before it, or knows it", () => {
    const whole = fencedTwice();
    expect(shownTo(whole.after(2).records, []).shown).toEqual([]);
    expect(shownTo(whole.after(4).records, [[3, 3]]).shown).toEqual([]);
    expect(shownTo(whole.records, [[3, 5]]).shown).toEqual([]);
  });

  test("must give way to that of a later life, whichever has the higher number", () => {
    const log = new PayerLog(genesisOf(3));
    log.pay(2, 5, "3-2-1.1");
    const unheard = log.after(1);
    unheard.pay(2, 5, "3-2-1.2");
    const [orphan, fence] = [unheard.fence(2), log.fence(3)];
    const one = member();
    for (const record of unheard.records) receive(one, record);
    receive(one, fence);
    expect(one.state.phase).toBe("CONFLICT");
    const other = member();
    for (const record of [...log.records, log.pay(2, 1, "3-2-3.1")]) receive(other, record);
    receive(other, orphan);
    expect(other.state.phase).toBe("READY");
    expect([...other.state.recovery.lost.values()]).toEqual([orphan]);
  });

  test("must make the numbers of those who don't know it say nothing", () => {
    const node = member();
    receive(node, new PayerLog(genesisOf(3)).fence(2), OWNER);
    node.clear().beat(2, { digest: new Map([[3, 7]]) });
    expect(durableAt(node.state.members.get(2) as Member, 3)).toBe(0);
    expect(node.state.causal.gaps.has(3)).toBe(false);
    node.beat(2, { digest: new Map([[3, 7]]), fences: new Map([[3, 1]]) });
    expect(node.state.causal.gaps.get(3)?.upTo).toBe(7);
  });
});

describe("the node that lost its disk", () => {
  /** Node 3, with its account back from node 1 and all others heard. */
  function owner(records: readonly TradeRecord[] = []): CoreNode {
    const accounts = [1, 2, 3].map((id) => genesisOf(id));
    const own = "lost" as const;
    const recovered = { term: 0, votedFor: null, abstains: true, own, accounts, records, intents: [] };
    const node = new CoreNode(3, { voters: [1, 2, 3], expected: [1, 2] }, { incarnation: 1 }, recovered);
    node.feed({ type: "start" });
    const clock = new Map([1, 2, 3].map((id) => [id, id === 3 ? records.length : 0]));
    for (const id of [1, 2]) {
      node.answerJoin(id, { account: genesisOf(3), clock_state: clock });
      node.beat(id, { digest: clock, ledger_hash: "00000000000000ff" });
    }
    node.run(100);
    return node;
  }

  const answer = (node: CoreNode, id: number, at: number, promised: boolean, change = {}) =>
    node.receive(id, "FENCE_RESPONSE", {
      at,
      accept_loss: false,
      have: at,
      promised,
      phase: "READY",
      absent: new Map(),
      ...change,
    });

  test("must be RECOVERING again after a restart, and name whom it waits for", () => {
    const node = owner();
    expect(node.state.phase).toBe("RECOVERING");
    expect(waitingText(node.state)).toBe(
      "waits for Node 1 (has not answered yet), Node 2 (has not answered yet), 1 of the 2 voters needed answer",
    );
    answer(node, 1, 0, false);
    expect(waitingText(node.state)).toBe("waits for Node 2 (has not answered yet)");
  });

  test("must write the fence when all have answered and promised, and pay only when it is on disk", () => {
    const node = owner();
    for (const id of [1, 2]) answer(node, id, 0, false);
    node.run(60);
    expect(node.sent("FENCE_REQUEST").at(-1)?.payload).toMatchObject({ stage: "promise", at: 0 });
    for (const id of [1, 2]) answer(node, id, 0, true);
    const fence = node.sent("TRADE_CONFIRM").at(-1);
    expect(fence).toMatchObject({ to: null, payload: { seller_id: 3, buyer_id: 3, amount: 0, seq: 1 } });
    expect(node.state.phase).toBe("RECOVERING");
    node.store();
    expect(node.state.phase).toBe("READY");
  });

  test("must ask for the terms of the other voters until it may vote again, also when it is READY", () => {
    const node = owner();
    for (const id of [1, 2]) answer(node, id, 0, true);
    node.store();
    expect(node.state.phase).toBe("READY");
    expect(node.state.election.abstaining).toBe(true);
    const asksIn = (spanMs: number): number => {
      node.clear();
      for (let atMs = 0; atMs < spanMs; atMs += 500) {
        for (const id of [1, 2]) node.beat(id);
        node.run(500);
      }
      return node.sent("JOIN").filter(({ to }) => to === null).length;
    };
    expect(asksIn(9_000)).toBeGreaterThan(0);
    for (const id of [1, 2]) node.answerJoin(id, { account: genesisOf(3), seen_term: 4 });
    expect(node.state.election.abstaining).toBe(false);
    asksIn(9_000);
    expect(asksIn(20_000)).toBe(0);
  });

  test("must not count the answer of another one that lost its disk", () => {
    const node = owner();
    answer(node, 1, 0, true);
    answer(node, 2, 0, true, { phase: "RECOVERING" });
    node.run(500);
    expect(node.state.phase).toBe("RECOVERING");
    expect(waitingText(node.state)).toBe("waits for Node 2 (lost its disk too)");
  });

  test("must fetch what a member has beyond it before it asks for promises", () => {
    const node = owner();
    answer(node, 1, 0, false);
    answer(node, 2, 0, false, { have: 1 });
    node.clear().run(300);
    expect(node.sent("NAK")[0]).toMatchObject({ to: 2, payload: { ranges: [{ origin: 3, from: 1, to: 1 }] } });
    expect(node.sent("FENCE_REQUEST").every((sent) => sent.payload.stage === "ask")).toBe(true);
  });

  test("must give up what is held behind a debit that nobody has, and say so", () => {
    const node = owner();
    answer(node, 1, 0, false, { have: 2, next: false });
    expect(waitingText(node.state)).toBe("waits for Node 2 (has not answered yet)");
    answer(node, 2, 0, false, { have: 3, next: false });
    expect(node.sent("FENCE_REQUEST").at(-1)?.payload).toMatchObject({ stage: "promise", at: 0 });
    for (const id of [1, 2]) answer(node, id, 0, true, { have: id + 1, next: false });
    node.store();
    expect(node.state.phase).toBe("READY");
    expect(node.lines().find((line) => line.includes("RECOVERED"))).toContain(
      "debit 1 was on the lost disk only, so what is held up to debit 3 can't follow; the log goes on after debit 0",
    );
    expect(node.state.causal.gaps.has(3)).toBe(false);
  });

  test.each<[string, object]>([
    ["somebody has or holds the missing one", { have: 2, next: true }],
    ["somebody doesn't say whether it has it, like older nodes", { have: 2 }],
    ["somebody told so of another debit", { have: 2, next: false, at: 1 }],
  ])("must not give anything up while %s", (_, change) => {
    const node = owner();
    answer(node, 1, 0, true, { have: 2, next: false });
    answer(node, 2, 0, true, change);
    node.run(500);
    expect(node.state.phase).toBe("RECOVERING");
    expect(waitingText(node.state)).toBe("waits for Node 2 (has debit 2 of this node, which is being fetched)");
  });

  test("must wait for its own next debit, should a copy have come to it alone, until the causes are there", () => {
    const node = owner();
    const other = new PayerLog(genesisOf(2));
    const cause = other.pay(1, 5, "2-1-1.1");
    const own = new PayerLog(genesisOf(3)).pay(1, 10, "3-1-1.1", [[2, 1]]);
    receive(node, own, 1);
    for (const id of [1, 2]) answer(node, id, 0, true);
    expect(waitingText(node.state)).toBe("waits for its own debit 1, whose causes are missing");
    receive(node, cause, 2);
    expect(has(node)).toBe(1);
    for (const id of [1, 2]) answer(node, id, 1, true);
    node.store();
    expect(node.state.ledger.accounts.get(3)?.fencedAt).toBe(2);
  });

  test("must ask at once, however long it has waited, who is another process since, and all when it has more of its log", () => {
    const node = owner();
    const asked = (id: number) => node.sent("FENCE_REQUEST").filter(({ to }) => to === id).length;
    const waitLong = (...from: (number | Origin)[]) => {
      for (let n = 0; n < 20; n++) {
        for (const member of from) node.beat(member);
        node.run(500);
      }
      node.clear();
    };
    answer(node, 1, 0, false);
    waitLong(1, 2);
    const from = originOf(1, { incarnation: 2, bootId: "e".repeat(16) });
    node.join(from);
    expect([asked(1), asked(2)]).toEqual([1, 1]);
    const told = { accept_loss: false, have: 1, promised: false, phase: "READY", absent: new Map() } as const;
    node.receive(from, "FENCE_RESPONSE", { at: 0, ...told });
    node.receive(2, "FENCE_RESPONSE", { at: 0, ...told });
    waitLong(from, 2);
    receive(node, new PayerLog(genesisOf(3)).pay(1, 10, "3-1-1.1"), from);
    expect([asked(1), asked(2)]).toEqual([1, 1]);
    expect(node.sent("FENCE_REQUEST")[0]?.payload).toMatchObject({ stage: "promise", at: 1 });
  });

  test("must wait for a node that only a member has heard of", () => {
    const node = owner();
    answer(node, 1, 0, true);
    answer(node, 2, 0, true, { absent: new Map([[9, 0]]) });
    expect(waitingText(node.state)).toBe("waits for Node 9 (has not been heard; start it)");
    answer(node, 2, 0, true, { absent: new Map([[9, 1]]) });
    node.store();
    expect(node.state.phase).toBe("READY");
  });

  test("must go on in a higher incarnation than its log names, which would give its trade ids out again", () => {
    const node = owner([new PayerLog(genesisOf(3)).pay(1, 10, "3-1-4.1")]);
    for (const id of [1, 2]) answer(node, id, 1, true);
    node.run(200);
    expect(node.state.phase).toBe("READY");
    expect(node.state.self.incarnation).toBe(5);
    expect(node.state.ledger.accounts.get(3)?.records.at(-1)?.trade_id).toBe("3-3-5.0");
  });
});
