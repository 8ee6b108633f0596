/**
 * The hand-made encoder against zod's own, over everything that a busy group says.
 */
import { describe, expect, it } from "vitest";
import { SimCluster } from "../../lab/sim/cluster/sim-cluster.ts";
import { decodeMessage, encodeMessage } from "../../node/wire/codec.ts";
import { Message } from "../../node/wire/message.ts";
import { TOTAL_MODULUS, TotalsField } from "../../node/wire/totals.ts";

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

describe("totals on the wire", () => {
  it("must be read back as they were, up to the largest", () => {
    const totals = new Map([
      [2, 1],
      [1_000, TOTAL_MODULUS - 1],
    ]);
    expect(TotalsField.decode(TotalsField.encode(totals))).toEqual(totals);
  });

  it.each(["x", "1", `1:${TOTAL_MODULUS}`, "1:-1"])("must refuse %j", (text) => {
    expect(TotalsField.safeDecode(text).success).toBe(false);
  });
});
