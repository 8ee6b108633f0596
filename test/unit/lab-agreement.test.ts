import { describe, expect, test } from "vitest";
import {
  describeAgreed,
  findCoordinator,
  judgeAgreement,
  judgeConvergence,
} from "../../lab/cluster/judge-agreement.ts";
import { findSides } from "../../lab/cluster/sides.ts";
import type { PingData } from "../../node/wire/control.ts";

const ping = (id: number, over: Partial<PingData> = {}): PingData => ({
  id,
  inc: 1,
  phase: "READY",
  role: id === 3 ? "COORDINATOR" : "FOLLOWER",
  coordinator: 3,
  term: 2,
  elected: true,
  preempt: true,
  balance: 100,
  ledger_hash: "aa",
  holdback: 0,
  pending: 0,
  ...over,
});
const answers = (...pings: (PingData | [number, null])[]) =>
  new Map(pings.map((item) => (Array.isArray(item) ? item : ([item.id, item] as const))));

describe("agree (node/protocol/words.md)", () => {
  test("must hold when all follow one that says so itself", () => {
    expect(judgeAgreement(answers(ping(1), ping(2), ping(3)))).toMatchObject({
      agreed: true,
      coordinator: 3,
      term: 2,
      elected: true,
    });
  });

  test.each([
    ["silent", answers(ping(1), [2, null], ping(3)), "no answer from node 2"],
    ["not READY", answers(ping(1, { phase: "SYNCING" }), ping(3)), "node 1 is SYNCING"],
    ["of another term", answers(ping(1, { term: 1 }), ping(2), ping(3)), "node 1 follows 3 (term 1)"],
    [
      "without a coordinator",
      answers(ping(1, { coordinator: null }), ping(2, { coordinator: null })),
      "no coordinator yet",
    ],
    ["led by one that doesn't know", answers(ping(1), ping(3, { role: "CANDIDATE" })), "doesn't say so itself"],
    ["led by one that is gone", answers(ping(1), ping(2)), "doesn't say so itself"],
    ["below a higher READY node", answers(ping(1), ping(3), ping(4)), "4 is to take over"],
  ])("must not hold while a node is %s", (_what, seen, reason) => {
    const verdict = judgeAgreement(seen);
    expect(verdict.agreed).toBe(false);
    expect(verdict.reason).toContain(reason);
  });

  test("must hold below a higher node without preemption", () => {
    const stable = { preempt: false };
    expect(judgeAgreement(answers(ping(1, stable), ping(3, stable), ping(4, stable))).agreed).toBe(true);
  });

  test("must be judged per side of a partition", () => {
    const side = { coordinator: 2, term: 5, elected: false };
    const seen = answers(ping(1, side), ping(2, { ...side, role: "COORDINATOR" }), ping(3, { term: 2 }));
    expect(judgeAgreement(seen).agreed).toBe(false);
    const verdict = judgeAgreement(seen, { sides: [[3], [1, 2]] });
    expect(verdict).toMatchObject({ agreed: true, coordinator: 2 });
    expect(describeAgreed(verdict)).toBe("each side agrees: nodes 1,2 on 2 provisionally; node 3 on 3");
    expect(describeAgreed(judgeAgreement(answers(ping(1), ping(3))))).toBe("all agree on 3");
  });

  test("must wait for an election where voters can make one, when asked to", () => {
    const provisional = answers(ping(1, { elected: false }), ping(3, { elected: false }));
    expect(judgeAgreement(provisional).agreed).toBe(true);
    expect(judgeAgreement(provisional, { voters: [1, 2, 3] }).reason).toContain("isn't elected yet");
    expect(judgeAgreement(provisional, { voters: [1, 2, 4] }).agreed).toBe(true);
  });

  test("must not hold for nobody", () => {
    expect(judgeAgreement(new Map()).agreed).toBe(false);
  });
});

describe("converged", () => {
  test.each([
    ["differing ledgers", { ledger_hash: "bb" }, "ledgers differ"],
    ["held back messages", { holdback: 2 }, "held back"],
    ["pending trades", { pending: 1 }, "pending"],
  ])("must not hold with %s", (_what, over, reason) => {
    expect(judgeConvergence(answers(ping(1, over), ping(2), ping(3))).reason).toContain(reason);
  });
});

describe("the coordinator", () => {
  test("must be the highest claim: elected before provisional, then term, then id", () => {
    const claim = (id: number, term: number, elected: boolean) =>
      ping(id, { role: "COORDINATOR", coordinator: id, term, elected });
    expect(findCoordinator(answers(claim(1, 4, true), claim(2, 9, false), claim(3, 3, true)))).toBe(1);
    expect(findCoordinator(answers(ping(1), [2, null]))).toBe(null);
  });
});

describe("sides", () => {
  test("must be what hangs together by links that work both ways", () => {
    const cut = (from: number[], to: number[]) => from.flatMap((a) => to.map((b) => ({ from: a, to: b })));
    expect(findSides([1, 2, 3, 4, 5], cut([1, 2], [3, 4, 5]))).toEqual([
      [3, 4, 5],
      [1, 2],
    ]);
    // 3 reaches everyone: one side.
    expect(findSides([1, 2, 3, 4, 5], cut([1, 2], [4, 5]))).toEqual([[1, 2, 3, 4, 5]]);
    expect(findSides([1, 2, 3], [], [2])).toEqual([[1, 3], [2]]);
  });
});
