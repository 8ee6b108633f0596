// Detection: probes, suspicion, freezes (node/protocol/detection.md; SWIM, Lifeguard).
import { describe, expect, test } from "vitest";
import { TIMING_FAST } from "../../node/core/kernel/timing.ts";
import { suspicionSpanMs } from "../../node/core/membership/suspicion.ts";
import { CoreNode } from "../support/core-node.ts";

const T = TIMING_FAST;
const FIRST = "0000000000000077";
const SECOND = "0000000000000078";

/** Answers every PING of the node for the peers that are up, for `spanMs`. */
function runAnswering(node: CoreNode, spanMs: number, up: readonly number[]): void {
  for (let passedMs = 0; passedMs < spanMs; passedMs += 5) {
    const before = node.effects.length;
    node.run(5);
    for (const effect of node.effects.slice(before)) {
      if (effect.type !== "unicast" || effect.message.message_type !== "PING" || !up.includes(effect.to)) continue;
      const { nonce } = effect.message.payload;
      node.receive(effect.to, "PONG", { nonce, target: effect.to, ok: true, rumours: [] });
    }
  }
}

describe("a silent peer", () => {
  test("must be asked directly, then through up to three others, then be SUSPECTED, then FAILED", () => {
    const node = CoreNode.ready(1, {}, [2, 3, 4, 5, 6]).clear();
    runAnswering(node, 2 * T.probeIntervalMs + 2 * T.probeTimeoutMinMs, [2, 3, 4, 5]);
    const requests = node.sent("PING_REQ").filter((sent) => sent.payload.target === 6);
    expect(new Set(requests.slice(0, 3).map((sent) => sent.to)).size).toBe(3);
    expect(node.lines()).toContain("Node 6 SUSPECTED (missed heartbeat timeout)");
    expect(node.peer(6)).toBe("SUSPECTED");
    runAnswering(node, T.heartbeatTimeoutMs, [2, 3, 4, 5]);
    expect(node.lines()).toContain("Node 6 FAILED (sustained heartbeat absence)");
    expect(node.lines()).toContain("LEADER FAILED - triggering election");
    for (const id of [2, 3, 4, 5]) expect(node.peer(id)).toBe("ALIVE");
  });

  test("must be FAILED after the minimum when a second node suspects it too, after the maximum otherwise", () => {
    const alone = CoreNode.ready(1, {}, [2, 3, 4, 5]);
    const seconded = CoreNode.ready(1, {}, [2, 3, 4, 5]);
    for (const node of [alone, seconded]) runAnswering(node, 250, [2, 3, 4]);
    seconded.beat(2, { rumours: [{ of: 5, state: "SUSPECTED", inc: 1, rinc: 0, by: 2 }] });
    for (const node of [alone, seconded]) runAnswering(node, T.suspicionMinMs + 10, [2, 3, 4]);
    expect(alone.peer(5)).toBe("SUSPECTED");
    expect(seconded.peer(5)).toBe("FAILED");
  });

  test.each([
    [2, 0, T.suspicionMinMs],
    [3, 0, T.heartbeatTimeoutMs],
    [3, 1, T.suspicionMinMs],
    [99, 0, T.heartbeatTimeoutMs],
    [99, 1, T.suspicionMinMs],
  ])("among %i others with %i witnesses must be given %i ms", (others, witnesses, spanMs) => {
    const node = CoreNode.ready(
      1,
      {},
      Array.from({ length: others }, (_, i) => i + 2),
    );
    expect(suspicionSpanMs(node.state, witnesses)).toBe(spanMs);
  });

  test("must be cleared by any valid datagram of its own", () => {
    const node = CoreNode.ready(1, {}, [2, 3]);
    runAnswering(node, 300, [2]);
    expect(node.peer(3)).toBe("SUSPECTED");
    node.receive(3, "PING", { nonce: FIRST, rumours: [] });
    expect(node.peer(3)).toBe("ALIVE");
    expect(node.lines()).toContain("Node 3 recovered (suspicion cleared)");
  });

  test("must not be suspected when a helper reaches it", () => {
    const node = CoreNode.ready(1, {}, [2, 3]);
    for (let n = 0; n < 200; n++) {
      const before = node.effects.length;
      node.run(5);
      for (const effect of node.effects.slice(before)) {
        if (effect.type !== "unicast") continue;
        const { message, to } = effect;
        if (message.message_type === "PING" && to === 2)
          node.receive(2, "PONG", { nonce: message.payload.nonce, target: 2, ok: true, rumours: [] });
        if (message.message_type === "PING_REQ")
          node.receive(2, "PONG", { nonce: message.payload.nonce, target: 3, ok: true, rumours: [] });
      }
    }
    expect(node.lines().filter((line) => line.includes("SUSPECTED"))).toEqual([]);
  });
});

describe("a rumour of suspicion", () => {
  test("must make a node probe the suspect itself, and tell it", () => {
    const node = CoreNode.ready(1, {}, [2, 3]).clear();
    node.beat(2, { rumours: [{ of: 3, state: "SUSPECTED", inc: 1, rinc: 0, by: 2 }] });
    node.run(0);
    const ping = node.sent("PING").find((sent) => sent.to === 3);
    expect(ping?.payload.rumours).toContainEqual(expect.objectContaining({ of: 3, state: "SUSPECTED" }));
    expect(node.peer(3)).toBe("ALIVE");
  });
});

describe("the coordinator", () => {
  /** Ids of the nodes that probe it in a round, in a group of `size` with these voters. */
  const watchersOf = (size: number, voters: readonly number[]): number[] => {
    const ids = Array.from({ length: size }, (_, index) => index + 1);
    return ids.slice(0, -1).filter((id) => {
      const peers = ids.filter((other) => other !== id);
      const node = CoreNode.ready(id, { voters }, peers);
      const target = node.state.detector;
      target.roundRobin = peers.filter((other) => other !== size);
      node.clear().run(2 * T.probeTimeoutMinMs);
      return node.sent("PING").some(({ to }) => to === size);
    });
  };

  test.each([
    [5, [1, 2, 3, 4, 5], [1, 2, 3, 4]],
    [40, [1, 2, 3, 4, 5], [1, 2, 3, 4, 5]],
    [40, [], [35, 36, 37, 38, 39]],
    [40, [1, 2, 3], [1, 2, 3, 38, 39]],
    [40, [40, 30, 20], [20, 30, 37, 38, 39]],
  ])("of %i nodes with voters %j must be watched by %j", (size, voters, watchers) => {
    expect(watchersOf(size, voters)).toEqual(watchers);
  });

  test("must be probed by a node that can't reach another peer: they may be on one side of a cut", () => {
    const peers = Array.from({ length: 39 }, (_, index) => index + 2);
    const node = CoreNode.ready(1, {}, peers).clear();
    node.run(10 * T.probeIntervalMs);
    expect(node.peer(40)).toBe("SUSPECTED");
  });
});

describe("a helper", () => {
  test("must relay the answer, and say so when there is none", () => {
    const node = CoreNode.ready(1, {}, [2, 3]).clear();
    node.receive(2, "PING_REQ", { nonce: FIRST, target: 3, target_addr: "10.0.0.3:6000" });
    const ping = node.sent("PING").find((sent) => sent.to === 3);
    node.receive(3, "PONG", { nonce: ping?.payload.nonce, target: 3, ok: true, rumours: [] });
    expect(node.sent("PONG").at(-1)).toMatchObject({ to: 2, payload: { nonce: FIRST, target: 3, ok: true } });
    node.clear().receive(2, "PING_REQ", { nonce: SECOND, target: 3, target_addr: "10.0.0.3:6000" });
    node.run(T.probeTimeoutMinMs);
    expect(node.sent("PONG").find((sent) => sent.payload.nonce === SECOND)?.payload.ok).toBe(false);
  });
});

describe("a node that did not run itself", () => {
  test("must not suspect anybody for it, and keep quiet until it has read what queued up", () => {
    const node = CoreNode.ready(1, {}, [2, 3]);
    node.nowMs += 60_000;
    node.clear().feed({ type: "resumed", frozenMs: 60_000 });
    node.feed({ type: "tick" });
    expect(node.lines().filter((line) => /SUSPECTED|FAILED/.test(line))).toEqual([]);
    expect(node.sent("HEARTBEAT")).toEqual([]);
    for (const id of [2, 3]) node.beat(id, { coordinator_id: 3, term: 1, elected: true });
    runAnswering(node, 1_000, [2, 3]);
    expect([node.peer(2), node.peer(3)]).toEqual(["ALIVE", "ALIVE"]);
  });

  test("must notice by its own late timers when nobody told it", () => {
    const node = CoreNode.ready(1, {}, [2, 3]);
    runAnswering(node, 240, [2]);
    node.nowMs += 30_000;
    node.clear().feed({ type: "tick" });
    expect(node.state.counters.get("freezes")).toBe(1);
    expect(node.lines().filter((line) => /SUSPECTED|FAILED/.test(line))).toEqual([]);
    expect(node.state.detector.health).toBeGreaterThan(0);
  });
});
