// Joining: discovery, the own account, incarnations, duplicate ids, leaving (node/protocol/joining.md).
import { describe, expect, test } from "vitest";
import { TIMING_FAST } from "../../node/core/kernel/timing.ts";
import type { Origin } from "../../node/core/kernel/types.ts";
import { waitingText } from "../../node/core/recovery/awaited.ts";
import { CoreNode, genesisOf, originOf } from "../support/core-node.ts";
import { PayerLog } from "../support/records.ts";

const T = TIMING_FAST;
const FIVE = [1, 2, 3, 4, 5];

function fresh(id: number, config = {}, self = {}): CoreNode {
  const node = new CoreNode(id, { voters: FIVE, expected: FIVE, ...config }, self);
  node.feed({ type: "start" });
  return node;
}

function isMinted(node: CoreNode): boolean {
  return node.state.ledger.accounts.has(node.state.self.id);
}

describe("a start", () => {
  test("must announce JOIN three times within 100 ms, then back off until somebody answers", () => {
    const node = fresh(1);
    expect(node.lines()).toContain("JOIN announced (reliable)");
    node.run(100);
    expect(node.sent("JOIN").length).toBe(3);
    node.run(10_000);
    const repeated = node.sent("JOIN").length - 3;
    expect(repeated).toBeGreaterThanOrEqual(4);
    expect(repeated).toBeLessThanOrEqual(6);
  });

  test("must announce JOIN again at once when somebody is heard who never answered, and at most twice a second", () => {
    const announced = (joiner: CoreNode) => joiner.sent("JOIN").filter(({ to }) => to === null).length;
    const node = fresh(1);
    node.run(5_000);
    node.clear().run(1_000);
    const alone = announced(node);
    node.clear().beat(2);
    node.run(1);
    expect([alone, announced(node)]).toEqual([0, 1]);
    for (let n = 0; n < 100; n++) {
      node.beat(2);
      node.run(10);
    }
    expect(announced(node)).toBeLessThanOrEqual(5);
    node.answerJoin(2, { clock_state: new Map([[2, 0]]) });
    node.clear();
    for (let n = 0; n < 40; n++) {
      node.beat(2);
      node.run(10);
    }
    expect(announced(node)).toBe(0);
  });

  test("must end discovery as soon as all expected nodes were heard, and at the window's end otherwise", () => {
    const node = fresh(1);
    for (const id of [2, 3, 4]) node.join(id);
    expect(node.state.join.discovering).toBe(true);
    node.join(5);
    expect(node.state.join.discovering).toBe(false);
    const lonely = fresh(1);
    lonely.run(T.discoveryMs + 1);
    expect(lonely.state.join.discovering).toBe(false);
  });

  test("must end discovery when the last expected node comes, also when it is READY itself by then", () => {
    const node = CoreNode.started(1, { voters: FIVE, expected: [1, 2, 3] });
    node.answerJoin(2, { clock_state: new Map([[2, 0]]) });
    const chunk = { index: 0, next: null, last: true, members: [], accounts: [genesisOf(2)], records: [] };
    node.receive(2, "STATE_CHUNK", chunk);
    node.run(60);
    expect([node.state.phase, node.state.join.discovering]).toEqual(["READY", true]);
    node.join(3);
    expect(node.state.join.discovering).toBe(false);
  });

  test("must end discovery when somebody leads already, even if others are expected", () => {
    const node = fresh(1);
    node.answerJoin(2, { coordinator_id: 2, term: 3, elected: true, clock_state: new Map([[2, 0]]) });
    expect(node.state.join.discovering).toBe(false);
  });

  test("must answer a node that joins at the same time with the own JOIN, so that nobody waits for a repetition", () => {
    const node = fresh(1).clear();
    node.join(2);
    expect(node.sent("JOIN").map((sent) => sent.to)).toEqual([2]);
    expect(node.sent("JOIN_RESPONSE").map((sent) => sent.to)).toEqual([2]);
  });

  test("must be READY with its own stored state when nobody answers", () => {
    const node = CoreNode.started(1, { voters: FIVE });
    node.run(T.discoveryMs + 1);
    expect(node.state.phase).toBe("READY");
    expect(node.effects.filter((effect) => effect.type === "ready").length).toBe(1);
  });

  test("must be READY once it has what the first answer names, with the original's lines", () => {
    const node = CoreNode.started(1, { voters: FIVE });
    node.answerJoin(2, { coordinator_id: 2, term: 3, elected: true, clock_state: new Map([[2, 0]]) });
    expect(node.state.phase).toBe("SYNCING");
    const request = node.sent("STATE_REQUEST")[0];
    expect(request?.to).toBe(2);
    node.receive(2, "STATE_CHUNK", {
      index: 0,
      next: null,
      last: true,
      members: [],
      accounts: [genesisOf(2)],
      records: [],
    });
    node.run(60);
    expect(node.state.phase).toBe("READY");
    expect(node.lines()).toEqual(
      expect.arrayContaining([
        "Accepted Node 2 as coordinator",
        "Received JOIN_RESPONSE from coordinator Node 2",
        "Vector clock synchronized from coordinator",
        "State synchronized - coordinator=2, known_nodes=[1, 2]",
      ]),
    );
  });

  test("must go on with what it has when the transfer never ends", () => {
    const node = CoreNode.started(1, { voters: FIVE });
    node.answerJoin(2, { coordinator_id: 2, term: 3, elected: true, clock_state: new Map([[9, 7]]) });
    node.run(T.heartbeatTimeoutMs + 1);
    expect(node.state.phase).toBe("READY");
  });
});

describe("minting", () => {
  test.each([
    [1, [1, 2, 3], 2],
    [1, FIVE, 3],
    [1, [1, 2], 1],
    [1, [1, 2, 3, 4], 2],
    [9, FIVE, 3],
    [9, [1, 2, 3, 4], 3],
    [9, [1], 1],
  ])(
    "of node %i with the voters %j must wait until %i of the others know no account, and use it when they have it",
    (id, voters, needed) => {
      const node = fresh(id, { voters });
      const others = voters.filter((other) => other !== id).slice(0, needed);
      for (const other of others) {
        expect(isMinted(node)).toBe(false);
        node.answerJoin(8);
        node.answerJoin(other);
      }
      expect(isMinted(node)).toBe(true);
      node.store();
      const account = node.state.ledger.accounts.get(id)?.genesis ?? null;
      for (const other of others) {
        expect(node.state.join.confirmed).toBe(false);
        node.answerJoin(8, { account });
        node.answerJoin(other, { account });
      }
      expect(node.state.join.confirmed).toBe(true);
    },
  );

  test("of the sole voter must wait until discovery is over, and is confirmed at once", () => {
    const node = fresh(1, { voters: [1] });
    expect(isMinted(node)).toBe(false);
    node.run(3_000);
    expect(isMinted(node)).toBe(true);
    expect(node.state.join.confirmed).toBe(true);
  });

  test("must name the voters that it waits for, in status and once in the journal, and neither vote nor be READY before", () => {
    const node = fresh(1);
    node.answerJoin(2);
    node.answerJoin(3);
    node.run(3_000);
    const text =
      "waits for 1 of these voters, Node 4 (a voter that has not been heard; start it), Node 5 (a voter that has not been heard; start it)";
    expect(waitingText(node.state)).toBe(text);
    expect(node.lines().filter((line) => line.includes(text)).length).toBe(1);
    expect(node.state.phase).toBe("SYNCING");
    node.receive(2, "ELECTION", { kind: "vote", term: 3, patience: 0 });
    node.store();
    expect(node.sent("OK")).toEqual([]);
    node.answerJoin(4);
    expect(isMinted(node)).toBe(true);
  });

  test("that was interrupted must go on after a restart: the account waits for its witnesses again", () => {
    const first = fresh(1);
    for (const id of [2, 3, 4]) first.answerJoin(id);
    expect(first.effects).toContainEqual(
      expect.objectContaining({
        type: "persist",
        rows: expect.arrayContaining([{ table: "own", standing: "unconfirmed" }]),
      }),
    );
    const recovered = {
      term: 0,
      votedFor: null,
      own: "unconfirmed",
      accounts: [genesisOf(1)],
      records: [],
      intents: [],
    } as const;
    const next = new CoreNode(1, { voters: FIVE, expected: FIVE }, { incarnation: 2 }, recovered);
    next.feed({ type: "start" });
    next.run(T.discoveryMs + 5);
    expect(next.state.phase).toBe("JOINING");
    for (const id of [2, 3, 4]) next.answerJoin(id, { account: genesisOf(1), clock_state: new Map([[1, 0]]) });
    expect(next.state.join.confirmed).toBe(true);
    expect(next.effects).toContainEqual(
      expect.objectContaining({ type: "persist", rows: [{ table: "own", standing: "whole" }] }),
    );
  });

  test("must tell a joiner of its account only when it is on this disk", () => {
    const node = CoreNode.ready(2, { voters: FIVE }, [3]);
    node.clear().join(1, { account: genesisOf(1) });
    const [answer] = node.sent("JOIN_RESPONSE");
    expect(answer).toMatchObject({ to: 1, payload: { account: genesisOf(1) } });
    expect(node.writes).toContain(answer?.afterWrite);
    node.store();
    node.clear().join(1, { account: genesisOf(1) });
    expect(node.sent("JOIN_RESPONSE")[0]?.afterWrite).toBeUndefined();
  });

  test("must go on without the voters that are away when a person says so", () => {
    const node = fresh(1);
    node.answerJoin(2);
    node.feed({ type: "command", command: { op: "recover", requestId: "r1", acceptLoss: true } });
    expect(isMinted(node)).toBe(true);
    expect(node.state.join.confirmed).toBe(true);
    expect(node.effects.find(({ type }) => type === "reply")).toMatchObject({ final: true, result: { ok: true } });
  });

  test("must not happen when anybody knows the account: the old one comes back", () => {
    const node = fresh(1);
    node.answerJoin(9, { account: genesisOf(1) });
    for (const id of [2, 3, 4, 5]) node.answerJoin(id);
    expect(node.state.ledger.accounts.get(1)?.genesis.nonce).toBe(genesisOf(1).nonce);
    expect(node.state.join.lostDisk).toBe(true);
    expect(node.state.election.abstaining).toBe(true);
  });

  test("must not let a node that lost its disk pay: RECOVERING", () => {
    const node = fresh(1);
    node.answerJoin(2, { account: genesisOf(1), clock_state: new Map([[1, 0]]) });
    node.beat(2, { digest: new Map([[1, 0]]), ledger_hash: "00000000000000ff" });
    node.run(500);
    expect(node.state.phase).toBe("RECOVERING");
  });

  test("must tell nobody of the account before it is on disk, and everybody afterwards", () => {
    const node = fresh(1);
    for (const id of [2, 3, 4]) node.answerJoin(id);
    expect(node.sent("JOIN").every((sent) => sent.payload.account === null)).toBe(true);
    node.clear().store();
    expect(node.sent("JOIN")[0]).toMatchObject({ to: null, payload: { account: { id: 1, initial: 100 } } });
  });

  test("must stay unconfirmed without voters until another node has taken note of the account", () => {
    const node = fresh(1, { voters: [], expected: [] });
    node.run(T.discoveryMs + 5);
    expect(isMinted(node)).toBe(true);
    expect(node.state.join.confirmed).toBe(false);
    node.answerJoin(2, { account: node.state.ledger.accounts.get(1)?.genesis ?? null });
    expect(node.state.join.confirmed).toBe(true);
  });

  test.each([
    ["f".repeat(16), 1, "READY"],
    ["0".repeat(16), 1, "CONFLICT"],
    ["f".repeat(16), 2, "CONFLICT"],
  ])("must be settled on conflict: nonce %s known to %i others makes it %s", (nonce, others, phase) => {
    const node = CoreNode.ready(1, { voters: [] }, [2, 3]);
    for (const id of [2, 3].slice(0, others)) node.answerJoin(id, { account: genesisOf(1, nonce) });
    node.run(T.discoveryMs + 5);
    expect(node.state.phase).toBe(phase);
  });
});

describe("an incarnation that is too low", () => {
  test("must be refused with the known one", () => {
    const node = CoreNode.ready(1, { voters: FIVE }, [2]);
    node.clear().join(originOf(2, { incarnation: 0, bootId: "d".repeat(16) }));
    expect(node.sent("JOIN_RESPONSE")[0]?.payload).toMatchObject({ refused: "STALE_INC", known_inc: 1 });
  });

  test("must be raised durably before the node joins again", () => {
    const node = fresh(1);
    const nonce = node.state.join.nonce;
    node.clear().answerJoin(2, { refused: "STALE_INC", known_inc: 6 });
    expect(node.effects).toContainEqual(
      expect.objectContaining({ type: "persist", rows: [{ table: "incarnation", atLeast: 7 }] }),
    );
    expect(node.state.self.incarnation).toBe(1);
    node.store();
    expect(node.state.self.incarnation).toBe(7);
    expect(node.state.join.nonce).not.toBe(nonce);
    expect(node.sent("JOIN").length).toBe(1);
  });
});

describe("two processes with one id", () => {
  const second = originOf(2, { bootId: "e".repeat(16), address: "10.0.0.99:6000" });

  /** Both are asked, each at its own address; tells the nonces. */
  function newcomer(node: CoreNode): { known: string; second: string } {
    node.clear().join(second);
    const nonceAt = (address: string): string =>
      node.sent("PING").find((sent) => sent.address === address)?.payload.nonce;
    expect(node.sent("JOIN_RESPONSE")).toEqual([]);
    return { known: nonceAt("10.0.0.2:6000"), second: nonceAt(second.address) };
  }

  const pong = (node: CoreNode, from: Origin, nonce: string) =>
    node.receive(from, "PONG", { nonce, target: from.sender, ok: true, rumours: [] });

  test("the newcomer must be refused with both addresses when the known one answers", () => {
    const node = CoreNode.ready(1, { voters: FIVE }, [2]);
    const asked = newcomer(node);
    pong(node, originOf(2), asked.known);
    expect(node.sent("JOIN_RESPONSE")).toEqual([]);
    pong(node, second, asked.second);
    expect(node.sent("JOIN_RESPONSE")[0]).toMatchObject({
      address: "10.0.0.99:6000",
      payload: { refused: "DUPLICATE_ID", known_addr: "10.0.0.2:6000", your_addr: "10.0.0.99:6000" },
    });
    expect(node.state.members.get(2)?.address).toBe("10.0.0.2:6000");
  });

  test("silence for three probe timeouts must mean a restart", () => {
    const node = CoreNode.ready(1, { voters: FIVE }, [2]);
    const asked = newcomer(node);
    pong(node, second, asked.second);
    node.run(5 * T.probeTimeoutMinMs + 1);
    expect(node.sent("JOIN_RESPONSE").at(-1)?.payload).toMatchObject({ refused: "STALE_INC", known_inc: 1 });
    node.clear().join({ ...second, incarnation: 2 });
    expect(node.sent("JOIN_RESPONSE")[0]?.payload.refused).toBeUndefined();
    expect(node.state.members.get(2)).toMatchObject({ address: "10.0.0.99:6000", incarnation: 2 });
  });

  test.each([0, 40])("the known one must have its time to answer, round trips of %i ms included", (srttMs) => {
    const node = CoreNode.ready(1, { voters: FIVE }, [2]);
    const member = node.state.members.get(2);
    if (member !== undefined) member.srttMs = srttMs;
    const answerMs = Math.max(T.probeTimeoutMinMs, 4 * srttMs);
    const asked = newcomer(node);
    pong(node, second, asked.second);
    // Asked three times, each as long after the one before as an answer may take.
    for (let n = 1; n <= 3; n++) {
      const pings = node
        .sent("PING")
        .filter((sent) => sent.address === "10.0.0.2:6000" && sent.payload.nonce === asked.known);
      expect(pings).toHaveLength(n);
      node.run(answerMs - 1);
      expect(node.sent("JOIN_RESPONSE")).toEqual([]);
      if (n < 3) node.run(1);
    }
    pong(node, originOf(2), asked.known);
    expect(node.sent("JOIN_RESPONSE").map((sent) => sent.payload.refused)).toEqual(["DUPLICATE_ID"]);
    node.run(10 * answerMs);
    expect(node.state.members.get(2)?.address).toBe("10.0.0.2:6000");
  });

  test("copied bytes must not make anybody take the known one for gone", () => {
    const node = CoreNode.ready(1, { voters: FIVE }, [2]);
    node.clear().join({ ...second, incarnation: 2 });
    node.run(4 * T.probeTimeoutMinMs);
    expect(node.state.members.get(2)).toMatchObject({ address: "10.0.0.2:6000", incarnation: 1 });
    expect(node.sent("JOIN_RESPONSE")).toEqual([]);
    expect(node.sent("PING").filter((sent) => sent.address === second.address).length).toBeLessThanOrEqual(5);
  });

  test("a restart at the same address must be believed at once", () => {
    const node = CoreNode.ready(1, { voters: FIVE }, [2]);
    node.clear().join(originOf(2, { bootId: "e".repeat(16), incarnation: 2 }));
    expect(node.sent("JOIN_RESPONSE")[0]?.payload.refused).toBeUndefined();
  });

  test("who runs must refuse the newcomer itself", () => {
    const node = CoreNode.ready(2, { voters: FIVE }, [1]);
    node.clear().join(second);
    expect(node.sent("JOIN_RESPONSE")).toEqual([]);
    pong(node, second, node.sent("PING")[0]?.payload.nonce);
    expect(node.sent("JOIN_RESPONSE")[0]).toMatchObject({
      to: 2,
      address: "10.0.0.99:6000",
      payload: { refused: "DUPLICATE_ID", known_addr: "10.0.0.2:6000" },
    });
    expect(node.exit()).toBeNull();
  });

  test("the newcomer must end with code 1 and both addresses when the other says so", () => {
    const node = fresh(2, {}, { address: "10.0.0.99:6000" });
    node.answerJoin(originOf(2, { bootId: "1".repeat(16), address: "10.0.0.2:6000" }), { refused: "DUPLICATE_ID" });
    expect(node.exit()).toMatchObject({
      code: 1,
      reason: expect.stringMatching(/10\.0\.0\.2:6000.*10\.0\.0\.99:6000/),
    });
  });

  test("the newcomer must name its own address as the other sees it when it was given none", () => {
    const node = fresh(2, {}, { address: null });
    const rival = originOf(2, { bootId: "1".repeat(16), address: "10.0.0.2:6000" });
    node.answerJoin(rival, { refused: "DUPLICATE_ID", your_addr: "10.0.0.99:6000" });
    expect(node.exit()?.reason).toMatch(/runs at 10\.0\.0\.2:6000; this process at 10\.0\.0\.99:6000/);
  });

  test("of two newcomers the one with the lower boot id must stay, and the other end", () => {
    const low = fresh(2, {}, { bootId: "1".repeat(16), address: "10.0.0.2:6000" });
    const high = fresh(2, {}, { bootId: "2".repeat(16), address: "10.0.0.99:6000" });
    const atHigh = originOf(2, { bootId: "2".repeat(16), address: "10.0.0.99:6000" });
    const atLow = originOf(2, { bootId: "1".repeat(16), address: "10.0.0.2:6000" });
    low.join(atHigh);
    high.join(atLow);
    pong(low, atHigh, low.sent("PING").at(-1)?.payload.nonce);
    pong(high, atLow, high.sent("PING").at(-1)?.payload.nonce);
    expect(low.exit()).toBeNull();
    expect(low.sent("JOIN_RESPONSE").at(-1)?.payload.refused).toBe("DUPLICATE_ID");
    expect(high.exit()?.code).toBe(1);
  });

  test("bytes of its own former lives must stop nobody, however they are sent", () => {
    const former = originOf(2, { bootId: "f".repeat(16), incarnation: 9, address: "10.0.0.99:6000" });
    for (const node of [fresh(2), CoreNode.ready(2, { voters: FIVE }, [1])]) {
      const { phase } = node.state;
      node.clear().join(former);
      node.beat(former);
      node.receive(former, "LEAVE", { msg_id: "m" });
      pong(node, former, "0".repeat(16));
      expect(node.exit()).toBeNull();
      expect(node.state.phase).toBe(phase);
      expect(node.sent("JOIN_RESPONSE")).toEqual([]);
      expect(node.sent().filter((sent) => sent.address === former.address).length).toBe(1);
    }
  });

  test("a refusal at second hand must be checked with the other process, whose silence doesn't help", () => {
    const node = fresh(2, {}, { address: "10.0.0.99:6000" });
    node.clear().answerJoin(1, { refused: "DUPLICATE_ID", known_addr: "10.0.0.2:6000" });
    expect(node.exit()).toBeNull();
    expect(node.sent("JOIN")[0]?.address).toBe("10.0.0.2:6000");
    node.run(7 * T.probeTimeoutMinMs);
    expect(node.exit()?.code).toBe(1);
  });
});

describe("who answers a JOIN", () => {
  test("must be voters and coordinator at once, others only when the joiner stays unanswered", () => {
    const node = CoreNode.ready(6, { voters: FIVE, preempt: false }, [1, 5]);
    node.clear().join(7);
    expect(node.sent("JOIN_RESPONSE")).toEqual([]);
    node.run(1_000);
    expect(node.sent("JOIN_RESPONSE").map((sent) => sent.to)).toEqual([7]);
    node.clear().join(8);
    node.beat(8, { phase: "READY" });
    node.run(1_000);
    expect(node.sent("JOIN_RESPONSE")).toEqual([]);
  });

  test("must refuse another protocol", () => {
    const node = CoreNode.ready(1, { voters: FIVE }, [2]);
    node.clear().join(3, { proto: { min: 3, max: 4 } });
    expect(node.sent("JOIN_RESPONSE")[0]?.payload.refused).toBe("PROTOCOL");
    expect(node.lines()).toContain("Refused Node 3: it speaks protocol 3 to 4, this node 2 to 2");
  });
});

describe("a graceful end", () => {
  test("must send LEAVE three times and exit with 0", () => {
    const node = CoreNode.ready(1, { voters: FIVE }, [2]);
    node.clear().feed({ type: "stop" });
    node.run(100);
    expect(node.sent("LEAVE").length).toBe(3);
    expect(node.exit()?.code).toBe(0);
  });

  test("must wait for its records to be safe with every live member, for 2 s at most", () => {
    const spent = (node: CoreNode) => node.state.ledger.clock.set(1, 3) && node.state.ledger.durable.set(1, 3);
    const heard = CoreNode.ready(1, { voters: FIVE }, [2]);
    const unheard = CoreNode.ready(1, { voters: FIVE }, [2]);
    for (const node of [heard, unheard]) {
      spent(node);
      node.clear().feed({ type: "stop" });
      node.run(200);
      expect(node.sent("LEAVE")).toEqual([]);
    }
    heard.beat(2, { digest: new Map([[1, 3]]) });
    heard.run(80);
    expect(heard.exit()?.code).toBe(0);
    unheard.run(2_000);
    expect(unheard.exit()?.code).toBe(0);
  });

  test("must be helped by a node that hears that it leaves", () => {
    const node = CoreNode.ready(1, { voters: FIVE }, [2]);
    node.clear().beat(2, { phase: "LEAVING" });
    expect(node.sent("HEARTBEAT").map((sent) => sent.to)).toEqual([2]);
  });
});

describe("an account that comes by JOIN", () => {
  test("must free the debits that waited for it", () => {
    const node = CoreNode.ready(1, { voters: FIVE }, [2, 3]);
    const log = new PayerLog(genesisOf(2));
    node.join(3, { account: genesisOf(3) });
    node.receive(3, "TRADE_CONFIRM", { success: true, ...log.pay(3, 5, "2-3-1.1") });
    expect(node.state.causal.held).toBe(1);
    node.join(2, { account: genesisOf(2) });
    expect(node.state.causal.held).toBe(0);
    expect(node.state.ledger.accounts.get(3)?.balance).toBe(105);
  });
});
