// Where peers are: nothing is believed before it was asked there (node/protocol/membership.md#address-book; RFC 9000, 8.2 and 9.3.3).
import { describe, expect, test } from "vitest";
import { TIMING_FAST } from "../../node/core/kernel/timing.ts";
import type { CoreConfig, Origin } from "../../node/core/kernel/types.ts";
import type { Member } from "../../node/core/membership/members.ts";
import { CoreNode, originOf, type Sent } from "../support/core-node.ts";

const T = TIMING_FAST;
const HOME = "10.0.0.2:6000";
const ELSEWHERE = "192.0.2.9:666";
/** Types that may go to an address that isn't proven. */
const INTRODUCTIONS = ["JOIN", "JOIN_RESPONSE", "PING", "PONG"];

function ready(config: Partial<CoreConfig> = {}, peers: readonly number[] = [2]): CoreNode {
  return CoreNode.ready(1, config, peers).clear();
}

const memberOf = (node: CoreNode, id = 2): Member => node.state.members.get(id) as Member;
const to = (node: CoreNode, address: string): Sent[] => node.sent().filter((sent) => sent.address === address);
const nonceAt = (node: CoreNode, address: string): string =>
  to(node, address)
    .filter(({ type }) => type === "PING")
    .at(-1)?.payload.nonce;

function answer(node: CoreNode, address: string, from: Partial<Origin> = {}): void {
  const origin = originOf(2, { address, ...from });
  node.receive(origin, "PONG", { nonce: nonceAt(node, address), target: 2, ok: true, rumours: [] });
}

/** The peer has one debit more than this node: the node asks for it. */
const beatWithNews = (node: CoreNode, from: number | Origin) =>
  node.beat(from, { coordinator_id: 2, term: 1, elected: true, digest: new Map([[2, 1]]) });

describe("a peer's first address", () => {
  test("must get introductions alone until it has answered, and then what has waited", () => {
    const node = ready();
    node.provesAddresses = false;
    const third = originOf(3);
    node.join(third);
    beatWithNews(node, third);
    node.run(20);
    const before = to(node, third.address).map(({ type }) => type);
    expect(before.filter((type) => !INTRODUCTIONS.includes(type))).toEqual([]);
    expect(before).toContain("PING");
    node.receive(third, "PONG", { nonce: nonceAt(node, third.address), target: 3, ok: true, rumours: [] });
    expect(memberOf(node, 3).isProven).toBe(true);
    const types = to(node, third.address).map(({ type }) => type);
    expect(types.some((type) => !INTRODUCTIONS.includes(type))).toBe(true);
    expect(node.state.addresses.held.size).toBe(0);
  });

  test("must be asked three times and then left alone for a while, with a bound on what waits", () => {
    const node = ready();
    node.provesAddresses = false;
    const third = originOf(3);
    node.join(third);
    for (let n = 1; n <= 100; n++) node.receive(third, "TRADE_REQUEST", { ...request(n) });
    expect(node.state.addresses.held.get(3)?.length).toBe(16);
    node.run(T.heartbeatMs - 10);
    // Beside the questions there are the probes that every live peer gets.
    const probes = Math.ceil(T.heartbeatMs / T.probeIntervalMs) + 1;
    expect(to(node, third.address).filter(({ type }) => type === "PING").length).toBeLessThanOrEqual(3 + probes);
    expect(to(node, third.address).every(({ type }) => INTRODUCTIONS.includes(type))).toBe(true);
    expect(node.state.addresses.held.size).toBe(0);
    expect(node.state.counters.get("unsent_unproven")).toBeGreaterThanOrEqual(85);
  });

  test("must give way to the next place where the peer is heard", () => {
    const node = ready();
    node.provesAddresses = false;
    node.beat(originOf(3, { address: ELSEWHERE }));
    expect(memberOf(node, 3)).toMatchObject({ address: ELSEWHERE, isProven: false });
    node.beat(3);
    expect(memberOf(node, 3)).toMatchObject({ address: "10.0.0.3:6000", isProven: false });
  });

  test("must be proven by an ordinary probe too", () => {
    const node = ready();
    node.provesAddresses = false;
    node.beat(3, { coordinator_id: 2, term: 1, elected: true });
    for (let n = 0; n < 40 && !memberOf(node, 3).isProven; n++) {
      node.run(T.probeIntervalMs / 4);
      if (nonceAt(node, "10.0.0.3:6000") === undefined) continue;
      node.receive(3, "PONG", { nonce: nonceAt(node, "10.0.0.3:6000"), target: 3, ok: true, rumours: [] });
    }
    expect(memberOf(node, 3).isProven).toBe(true);
  });

  test("must not be believed for a nonce that was sent elsewhere, or for none", () => {
    const node = ready();
    node.provesAddresses = false;
    node.join(3);
    for (const nonce of ["0".repeat(16), node.state.join.nonce])
      node.receive(3, "PONG", { nonce, target: 3, ok: true, rumours: [] });
    expect(memberOf(node, 3).isProven).toBe(false);
  });
});

describe("another address of a known peer", () => {
  const copied = originOf(2, { address: ELSEWHERE });

  test("must not replace a proven one that answers, nor keep the peer alive, nor get anything but PINGs", () => {
    const node = ready();
    const heardAtMs = memberOf(node).lastHeardAtMs;
    node.run(10);
    for (let n = 0; n < 50; n++) beatWithNews(node, copied);
    expect(memberOf(node).lastHeardAtMs).toBe(heardAtMs);
    answer(node, HOME);
    node.run(T.heartbeatTimeoutMs / 2);
    for (let n = 0; n < 50; n++) beatWithNews(node, copied);
    expect(memberOf(node)).toMatchObject({ address: HOME, isProven: true, alias: null });
    expect(new Set(to(node, ELSEWHERE).map(({ type }) => type))).toEqual(new Set(["PING"]));
    expect(to(node, ELSEWHERE).length).toBeLessThanOrEqual(5);
  });

  test("must replace it when the old one is silent and the new one answers", () => {
    const node = ready();
    node.beat(copied);
    answer(node, ELSEWHERE);
    expect(memberOf(node).address).toBe(HOME);
    node.run(5 * T.probeTimeoutMinMs + 1);
    expect(memberOf(node)).toMatchObject({ address: ELSEWHERE, isProven: true });
  });

  test("must not replace it when neither answers", () => {
    const node = ready();
    node.beat(copied);
    node.run(4 * T.probeTimeoutMinMs);
    expect(memberOf(node)).toMatchObject({ address: HOME, isProven: true });
  });

  test("must be the peer's as well when both answer: a machine may have two", () => {
    const node = ready();
    node.beat(copied);
    answer(node, HOME);
    answer(node, ELSEWHERE);
    expect(memberOf(node)).toMatchObject({ address: HOME, alias: ELSEWHERE });
    node.run(20);
    node.clear().beat(copied);
    expect(memberOf(node).lastHeardAtMs).toBe(node.nowMs);
    expect(node.sent("PING")).toEqual([]);
  });

  test("must not announce a higher incarnation: that would shut the process out that runs", () => {
    const node = ready();
    node.beat({ ...copied, incarnation: 2 });
    expect(memberOf(node).incarnation).toBe(1);
    node.beat(2);
    expect(memberOf(node).lastHeardAtMs).toBe(node.nowMs);
  });

  test("must not come from hearsay for a peer that is heard", () => {
    const node = ready();
    const row = { id: 2, inc: 7, rinc: 0, state: "ALIVE" as const, addr: ELSEWHERE };
    const chunk = { index: 0, next: null, last: true, accounts: [], records: [] };
    node.receive(2, "STATE_CHUNK", { ...chunk, members: [row] });
    expect(memberOf(node).address).toBe(HOME);
  });
});

describe("without multicast", () => {
  const PEERS = new Map([[2, HOME]]);

  test("addresses of --peers must be proven, hearsay must be asked at once and get no copies of what all hear", () => {
    const node = CoreNode.ready(1, { peers: PEERS, fanOut: true }, [2]).clear();
    const members = [{ id: 3, inc: 1, rinc: 0, state: "ALIVE" as const, addr: ELSEWHERE }];
    node.receive(2, "STATE_CHUNK", { index: 0, next: null, last: true, accounts: [], records: [], members });
    expect(to(node, ELSEWHERE).map(({ type }) => type)).toEqual(["PING"]);
    node.run(3 * T.heartbeatMs);
    const fannedOut = node.sent().flatMap((sent) => sent.fanOut);
    expect(fannedOut).toContain(HOME);
    expect(fannedOut).not.toContain(ELSEWHERE);
    expect(to(node, ELSEWHERE).every(({ type }) => type === "PING")).toBe(true);
  });

  test("a peer must hear what all hear from when it has answered", () => {
    const node = CoreNode.ready(1, { peers: PEERS, fanOut: true }, [2]).clear();
    const members = [{ id: 3, inc: 1, rinc: 0, state: "ALIVE" as const, addr: ELSEWHERE }];
    node.receive(2, "STATE_CHUNK", { index: 0, next: null, last: true, accounts: [], records: [], members });
    node.provesAddresses = false;
    const third = originOf(3, { address: ELSEWHERE });
    node.receive(third, "PONG", { nonce: nonceAt(node, ELSEWHERE), target: 3, ok: true, rumours: [] });
    node.clear().run(2 * T.heartbeatMs);
    expect(node.sent("HEARTBEAT").flatMap((sent) => sent.fanOut)).toContain(ELSEWHERE);
  });
});

describe("a peer whose packet numbers are out of sight", () => {
  test("must be asked where it is, by a question whose answer is awaited, and not too often", () => {
    const node = ready();
    for (let n = 0; n < 50; n++) node.feed({ type: "dropped", reason: "far", from: originOf(2) });
    expect(to(node, HOME).map(({ type }) => type)).toEqual(["PING"]);
    answer(node, HOME);
    expect(memberOf(node)).toMatchObject({ address: HOME, isProven: true });
  });

  test("must be the process that is known: nobody else is asked", () => {
    const node = ready();
    node.feed({ type: "dropped", reason: "far", from: originOf(2, { bootId: "f".repeat(16) }) });
    node.feed({ type: "dropped", reason: "far", from: originOf(7) });
    expect(node.sent("PING")).toEqual([]);
  });
});

function request(n: number) {
  const trade = { target_id: 1, amount: 1, trade_type: "buy", trade_id: `3-1-1.${n}` } as const;
  return { ...trade, to_inc: 0 };
}
