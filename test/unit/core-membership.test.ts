// Membership: standing, refutation, the ways back, address book (node/protocol/membership.md).
import { describe, expect, test } from "vitest";
import { TIMING_FAST } from "../../node/core/kernel/timing.ts";
import { mergeMemberRow } from "../../node/core/membership/gossip.ts";
import { aliveIds, durableAt, type Member, memberRows, noteDurable } from "../../node/core/membership/members.ts";
import { compareStanding, takeRumours } from "../../node/core/membership/rumours.ts";
import { tradeRefusal } from "../../node/core/trading/commands.ts";
import type { Rumour } from "../../node/wire/message.ts";
import { CoreNode, originOf } from "../support/core-node.ts";

const NOBODY = { coordinator_id: null, term: 0, elected: false };

describe("standing", () => {
  test.each([
    [
      { state: "ALIVE", inc: 1, rinc: 0 },
      { state: "SUSPECTED", inc: 1, rinc: 0 },
    ],
    [
      { state: "SUSPECTED", inc: 1, rinc: 0 },
      { state: "FAILED", inc: 1, rinc: 0 },
    ],
    [
      { state: "FAILED", inc: 1, rinc: 0 },
      { state: "ALIVE", inc: 1, rinc: 1 },
    ],
    [
      { state: "LEFT", inc: 1, rinc: 9 },
      { state: "ALIVE", inc: 2, rinc: 0 },
    ],
  ] as const)("%j must give way to %j", (older, newer) => {
    expect(compareStanding(older, newer)).toBeLessThan(0);
    expect(compareStanding(newer, older)).toBeGreaterThan(0);
  });
});

describe("a peer", () => {
  test("must be discovered by its first datagram, with its address", () => {
    const node = CoreNode.started(1);
    node.beat(2);
    expect(node.lines()).toContain("Discovered peer Node 2 at 10.0.0.2");
    expect(node.state.members.get(2)?.address).toBe("10.0.0.2:6000");
    expect(aliveIds(node.state)).toEqual([2]);
  });

  test("must be LEFT after LEAVE, whatever else it said before", () => {
    const node = CoreNode.ready(1, {}, [2]);
    node.receive(2, "LEAVE", { msg_id: "l" });
    node.beat(2);
    expect(node.peer(2)).toBe("LEFT");
    expect(node.lines()).toContain("Node 2 is leaving");
  });

  test("must come back from LEFT with a higher incarnation only", () => {
    const node = CoreNode.ready(1, {}, [2]);
    node.receive(2, "LEAVE", { msg_id: "l" });
    node.join(originOf(2, { bootId: "c".repeat(16) }));
    expect(node.peer(2)).toBe("LEFT");
    expect(node.sent("JOIN_RESPONSE").at(-1)?.payload).toMatchObject({ refused: "STALE_INC", known_inc: 1 });
    node.join(originOf(2, { bootId: "c".repeat(16), incarnation: 2 }));
    expect(node.peer(2)).toBe("ALIVE");
  });

  test("must not be put out by a LEAVE of its former incarnation", () => {
    const node = CoreNode.ready(1, {}, [2]);
    node.join(originOf(2, { bootId: "c".repeat(16), incarnation: 2 }));
    node.receive(2, "LEAVE", { msg_id: "late" });
    expect(node.peer(2)).toBe("ALIVE");
  });

  test("must be told at once when it is held FAILED and heard, and be taken back when it refutes", () => {
    const node = CoreNode.ready(1, {}, [2]);
    holdFailed(node, 2);
    node.clear().beat(2, NOBODY);
    expect(node.peer(2)).toBe("FAILED");
    const told = node.sent("PING").find((ping) => ping.to === 2);
    expect(told?.payload.rumours).toEqual([{ of: 2, state: "FAILED", inc: 1, rinc: 0, by: 1 }]);
    node.beat(2, { ...NOBODY, rinc: 1 });
    expect(node.peer(2)).toBe("ALIVE");
  });

  test("must be told now and then when it is held FAILED and silent: two in a round by all who are there", () => {
    const others = [2, 3, 4, 5, 6, 7, 8, 9];
    const node = CoreNode.ready(1, {}, others);
    holdFailed(node, 9);
    node.clear();
    for (let n = 0; n < 400; n++) {
      for (const id of others) if (id !== 9) node.beat(id, NOBODY);
      node.run(TIMING_FAST.probeIntervalMs);
    }
    const calls = node.sent("PING").filter(({ to }) => to === 9);
    expect(calls.every(({ payload }) => payload.rumours[0]?.state === "FAILED")).toBe(true);
    // Eight nodes are there, so this one calls in a quarter of its rounds.
    expect(calls.length).toBeGreaterThan(60);
    expect(calls.length).toBeLessThan(140);
  });

  test("must not be dropped on hearsay while we hear it ourselves, but probed", () => {
    const node = CoreNode.ready(1, {}, [2, 3]);
    node.beat(2);
    node.clear().beat(3, { rumours: [{ of: 2, state: "FAILED", inc: 1, rinc: 0, by: 3 }] });
    node.run(1);
    expect(node.peer(2)).toBe("ALIVE");
    expect(node.sent("PING").some((ping) => ping.to === 2)).toBe(true);
  });

  test("must be declared FAILED again when somebody suspects it only now, unless it was heard of since", () => {
    const node = CoreNode.ready(1, {}, [2, 3, 4]);
    holdFailed(node, 2);
    const tells = (rinc: number) => {
      takeRumours(node.state, 8);
      takeRumours(node.state, 8);
      takeRumours(node.state, 8);
      takeRumours(node.state, 8);
      node.beat(3, { rumours: [{ of: 2, state: "SUSPECTED", inc: 1, rinc, by: 3 }] });
      return takeRumours(node.state, 8).some(({ of, state, by }) => of === 2 && state === "FAILED" && by === 1);
    };
    expect(tells(0)).toBe(true);
    expect(tells(1)).toBe(false);
  });

  test("must be dropped on hearsay when this node has suspected it for long enough, too", () => {
    const node = CoreNode.ready(1, {}, [2, 3, 4, 5]);
    node.run(2 * TIMING_FAST.suspicionMinMs);
    expect(node.peer(2)).toBe("SUSPECTED");
    node.beat(3, { rumours: [{ of: 2, state: "FAILED", inc: 1, rinc: 0, by: 3 }] });
    expect(node.peer(2)).toBe("FAILED");
  });

  test.each([
    { name: "two accused it, and it was silent since", by: [3, 4], speaks: false, state: "FAILED" },
    { name: "only the one who says so accused it", by: [3], speaks: false, state: "ALIVE" },
    { name: "it has spoken since", by: [3, 4], speaks: true, state: "ALIVE" },
  ])("of a large group must be $state on hearsay when $name", ({ by, speaks, state }) => {
    const peers = Array.from({ length: 99 }, (_, index) => index + 2);
    const node = CoreNode.ready(1, {}, peers);
    for (const id of by) node.beat(id, { rumours: [{ of: 90, state: "SUSPECTED", inc: 1, rinc: 0, by: id }] });
    node.nowMs += TIMING_FAST.suspicionMinMs;
    if (speaks) node.beat(90);
    node.beat(3, { rumours: [{ of: 90, state: "FAILED", inc: 1, rinc: 0, by: 3 }] });
    expect(node.peer(90)).toBe(state);
  });

  test("must not be dropped by a larger group on the word of one that was cut off, within a heartbeat of its last", () => {
    const node = CoreNode.ready(1, {}, [2, 3, 4, 5, 6, 7]);
    node.beat(2);
    node.run(TIMING_FAST.suspicionMinMs + 100);
    node.beat(3, { rumours: [{ of: 2, state: "FAILED", inc: 1, rinc: 0, by: 3 }] });
    expect(node.peer(2)).not.toBe("FAILED");
  });
});

test("a peer that nobody suspects must be probed when it is told to be FAILED, while one of its heartbeats may have been lost", () => {
  const others = Array.from({ length: 12 }, (_, index) => index + 2);
  const node = CoreNode.ready(1, {}, others);
  for (const id of others) node.beat(id);
  node.clear().run(2 * TIMING_FAST.probeIntervalMs);
  const asked = new Set(node.sent("PING").map(({ to }) => to));
  const peers = others.filter((id) => !asked.has(id) && id !== 2);
  node.clear();
  for (const of of peers) node.beat(2, { rumours: [{ of, state: "FAILED", inc: 1, rinc: 0, by: 2 }] });
  node.run(1);
  for (const peer of peers) expect(node.peer(peer)).toBe("ALIVE");
  // One of them in two or three: a few of the group are enough.
  expect(node.sent("PING").some(({ to }) => peers.includes(to as number))).toBe(true);
});

describe("an accused node", () => {
  test.each(["SUSPECTED", "FAILED"] as const)("must refute %s with (inc, rinc + 1), by multicast, at once", (state) => {
    const node = CoreNode.ready(1, {}, [2]);
    node.run(100);
    node.clear().beat(2, { rumours: [{ of: 1, state, inc: 1, rinc: 4, by: 2 }] });
    node.run(TIMING_FAST.probeIntervalMs / 4);
    expect(node.state.rinc).toBe(5);
    const beat = node.sent("HEARTBEAT")[0];
    expect(beat?.to).toBeNull();
    expect(beat?.payload.rinc).toBe(5);
    expect(beat?.payload.rumours).toContainEqual({ of: 1, state: "ALIVE", inc: 1, rinc: 5, by: 1 });
  });

  test("must not refute what is older than its last refutation, or about another incarnation", () => {
    const node = CoreNode.ready(1, {}, [2]);
    node.beat(2, { rumours: [{ of: 1, state: "FAILED", inc: 1, rinc: 0, by: 2 }] });
    node.beat(2, { rumours: [{ of: 1, state: "FAILED", inc: 1, rinc: 0, by: 2 }] });
    node.beat(2, { rumours: [{ of: 1, state: "FAILED", inc: 0, rinc: 7, by: 2 }] });
    expect(node.state.rinc).toBe(1);
  });

  test("must tell its refutation to a node that still asks with what it refuted, also when its rumours are used up", () => {
    const node = CoreNode.ready(1, {}, [2, 3]);
    const ask = (rumours: Rumour[]) => {
      node.clear().receive(2, "PING", { nonce: "0".repeat(16), rumours });
      return node.sent("PONG")[0]?.payload.rumours;
    };
    const accusation: Rumour = { of: 1, state: "FAILED", inc: 1, rinc: 0, by: 2 };
    for (let n = 0; n < 20; n++) expect(ask([accusation])).toEqual([{ of: 1, state: "ALIVE", inc: 1, rinc: 1, by: 1 }]);
    expect(node.state.rinc).toBe(1);
    expect(ask([])).toEqual([]);
    expect(ask([{ ...accusation, of: 3 }])).toEqual([]);
  });
});

describe("rumours", () => {
  test("must be sent 4 times for each digit of the group's size, then be forgotten", () => {
    const node = CoreNode.ready(1, {}, [2, 3]);
    node.receive(3, "LEAVE", { msg_id: "l" });
    const about = () => takeRumours(node.state, 8).filter((rumour) => rumour.of === 3).length;
    expect([about(), about(), about(), about(), about()]).toEqual([1, 1, 1, 1, 0]);
  });
});

describe("the member table", () => {
  test("must refuse trades with unknown, FAILED and LEFT nodes and allow SUSPECTED ones", () => {
    const node = CoreNode.ready(1, {}, [2, 3]);
    const text = (id: number) => `Node ${id} is not available in the system. Active nodes: [1, 2, 3]`;
    expect(tradeRefusal(node.state, 9)).toEqual({ code: "UNKNOWN_NODE", message: text(9) });
    const peer = node.state.members.get(2);
    if (peer === undefined) throw new Error("no peer");
    peer.state = "SUSPECTED";
    expect(tradeRefusal(node.state, 2)).toBeNull();
    peer.state = "FAILED";
    expect(tradeRefusal(node.state, 2)?.code).toBe("NODE_FAILED");
    peer.state = "LEFT";
    expect(tradeRefusal(node.state, 2)?.code).toBe("NODE_LEFT");
  });

  test("must take addresses and states from another node's rows, newer standing only", () => {
    const node = CoreNode.ready(1, {}, [2]);
    mergeMemberRow(node.state, { id: 3, inc: 4, rinc: 1, state: "ALIVE", addr: "10.0.0.3:6000" }, 2);
    mergeMemberRow(node.state, { id: 3, inc: 3, rinc: 9, state: "LEFT", addr: null }, 2);
    mergeMemberRow(node.state, { id: 4, inc: 1, rinc: 0, state: "LEFT", addr: "10.0.0.4:6000" }, 2);
    expect(memberRows(node.state)).toEqual([
      { id: 1, inc: 1, rinc: 0, state: "ALIVE", addr: "10.0.0.1:6000" },
      { id: 2, inc: 1, rinc: 0, state: "ALIVE", addr: "10.0.0.2:6000" },
      { id: 3, inc: 4, rinc: 1, state: "ALIVE", addr: "10.0.0.3:6000" },
      { id: 4, inc: 1, rinc: 0, state: "LEFT", addr: "10.0.0.4:6000" },
    ]);
  });

  test.each([
    ["FAILED", 1, 1],
    ["FAILED", 2, 0],
    ["LEFT", 1, 1],
    ["LEFT", 2, 0],
    ["ALIVE", 2, 0],
  ] as const)(
    "must not let a row %s (%i.%i) take down, replace or move a peer that was just heard",
    (state, inc, rinc) => {
      const node = CoreNode.ready(1, {}, [2, 3, 4]);
      node.beat(2);
      const members = [{ id: 2, inc, rinc, state, addr: "10.9.9.9:6000" }];
      node.clear().receive(3, "STATE_CHUNK", { index: 0, next: null, last: true, members, accounts: [], records: [] });
      expect(node.state.members.get(2)).toMatchObject({ state: "ALIVE", incarnation: 1, address: "10.0.0.2:6000" });
      node.run(1);
      if (state !== "ALIVE") expect(node.sent("PING").some((ping) => ping.to === 2)).toBe(true);
    },
  );

  test("must believe a row about a peer that was silent for as long as a suspicion takes", () => {
    const node = CoreNode.ready(1, {}, [2, 3, 4]);
    node.nowMs += 2.5 * TIMING_FAST.heartbeatMs + 1;
    const members = [{ id: 2, inc: 1, rinc: 1, state: "FAILED" as const, addr: null }];
    node.receive(3, "STATE_CHUNK", { index: 0, next: null, last: true, members, accounts: [], records: [] });
    expect(node.peer(2)).toBe("FAILED");
  });

  test("must remember the highest durable number that a peer told", () => {
    const node = CoreNode.ready(1, {}, [2]);
    noteDurable(node.state, 2, new Map([[1, 5]]));
    noteDurable(node.state, 2, new Map([[1, 3]]));
    expect(durableAt(node.state.members.get(2) as Member, 1)).toBe(5);
  });
});

describe("without multicast", () => {
  test("peers that were never heard must be in every 4th fan-out, FAILED ones in none: they are called", () => {
    const peers = new Map([
      [2, "10.0.0.2:6000"],
      [3, "10.0.0.3:6000"],
      [4, "10.0.0.4:6000"],
    ]);
    const node = CoreNode.ready(1, { fanOut: true, peers }, [2, 3]);
    holdFailed(node, 3);
    node.clear();
    for (let n = 0; n < 16; n++) {
      node.beat(2, { coordinator_id: 2, term: 1, elected: true });
      node.run(TIMING_FAST.heartbeatMs / 2);
    }
    const beats = node.sent("HEARTBEAT").filter((sent) => sent.to === null);
    const reached = beats.filter((sent) => sent.fanOut.includes("10.0.0.4:6000"));
    expect(beats.every((sent) => sent.fanOut.includes("10.0.0.2:6000"))).toBe(true);
    expect(beats.some((sent) => sent.fanOut.includes("10.0.0.3:6000"))).toBe(false);
    expect(reached.map((sent) => sent.payload.hb_seq % 4)).toEqual(reached.map(() => 0));
    expect(reached.length).toBeGreaterThan(0);
    expect(reached.length).toBeLessThan(beats.length);
    expect(node.sent("PING").some(({ to, payload }) => to === 3 && payload.rumours[0]?.state === "FAILED")).toBe(true);
  });
});

function holdFailed(node: CoreNode, id: number): void {
  const member = node.state.members.get(id);
  if (member === undefined) throw new Error(`no peer ${id}`);
  member.state = "FAILED";
}
