/**
 * The hand-made encoder against zod's own, over everything that a busy group says.
 */
import { describe, expect, it } from "vitest";
import { SimCluster } from "../../lab/sim/cluster/sim-cluster.ts";
import { decodeMessage, encodeMessage } from "../../node/wire/codec.ts";
import { Message } from "../../node/wire/message.ts";

describe("encodeMessage", () => {
  it("must write what the schemas would write, and decodeMessage must read it back", () => {
    const sim = new SimCluster({ nodes: 6, seed: 1, loss: 0.1, reorder: 0.3 });
    const seen = new Map<string, number>();
    sim.onSend = (_node, message) => {
      seen.set(message.message_type, (seen.get(message.message_type) ?? 0) + 1);
      const body = encodeMessage(message);
      expect(new TextDecoder().decode(body)).toBe(JSON.stringify(Message.encode(message)));
      expect(decodeMessage(body)).toEqual({ ok: true, message });
    };
    sim.startAll(20);
    sim.runUntil(() => sim.agree(), 5_000);
    for (const id of [1, 2, 3]) sim.sell(id, 5, 10);
    sim.buy(4, 5, 1);
    sim.kill(6);
    sim.runFor(3_000);
    sim.stop(1);
    sim.runFor(3_000);
    expect([...seen.keys()].length, `only ${[...seen.keys()].join(" ")}`).toBeGreaterThanOrEqual(16);
  });
});
