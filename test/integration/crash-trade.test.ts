// SIGKILL at every effect and every SQL statement of a trade, on both sides of it: real processes, sockets and SQLite. A client goes
// on asking until somebody answers; what it was told must be true on the disks, once, and no credit may come or go.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { buildNodeBundle } from "../../build.mjs";
import { AMOUNT_MAX } from "../../node/wire/ids.ts";
import { CRASH_MARK } from "../support/crash/bundle.ts";
import { arm, hasCrashed, Promises, readLog, settleAndAudit, startCrashing } from "../support/crash/crash-lab.ts";
import { until } from "../support/eventually.ts";
import { isExtended } from "../support/extended.ts";
import { TestLab, type TestNode } from "../support/node-process.ts";

const INITIATOR = 1;
const PEER = 2;
const ONLY = /sql|persist|reply|TRADE_|ACK/;

/** By default every other point, from the first on; all of them with `npm test -- --all`, or from CRASH_FIRST on with CRASH_STRIDE. */
const stride = Number(process.env.CRASH_STRIDE ?? (isExtended ? 1 : 2));
const first = Number(process.env.CRASH_FIRST ?? 1);

test("the bundle that is shipped must know nothing of crash points", async () => {
  expect(readFileSync(await buildNodeBundle(), "utf8")).not.toContain(CRASH_MARK);
});

/** Repeats one trade, its victim dying one point later each time, until it lives through the whole of it. Resolves to the points. */
async function crashEverywhere(op: "sell" | "buy", victimId: number): Promise<readonly string[]> {
  await using lab = await TestLab.open(2);
  const promises = new Promises();
  const other = lab.start(victimId === INITIATOR ? PEER : INITIATOR);
  const start = (at: number): TestNode => startCrashing(lab, victimId, { at, only: ONLY, from: "signal" });
  let victim = start(first);
  const points: string[] = [];
  for (let at = first; ; at += stride) {
    await seeEachOther(victim, other);
    const initiator = victimId === INITIATOR ? victim : other;
    const { inc } = (await initiator.ping()) ?? {};
    await arm(lab, victim);
    const requestId = `${op}-${victimId}-${at}`;
    const asked = lab.request(INITIATOR, { op, peer: PEER, amount: 1, inc, request_id: requestId }, 30_000);
    await Promise.race([asked, victim.exited]);
    // The last points come after the answer.
    if (!hasCrashed(victim)) await quiet(lab, victim);
    if (!hasCrashed(victim)) {
      promises.note(requestId, await asked);
      break;
    }
    points.push(readLog(lab, victimId, "point").at(-1) ?? "");
    victim = start(at + stride);
    promises.note(requestId, await asked);
  }
  await settleAndAudit(lab, [victim, other], promises);
  // The last one ran undisturbed.
  expect(promises.done.size).toBeGreaterThan(0);
  return points;
}

async function seeEachOther(victim: TestNode, other: TestNode): Promise<void> {
  for (const [node, peer] of [
    [victim, other],
    [other, victim],
  ] as const) {
    await until(`node ${node.id} sees node ${peer.id}`, async () => {
      const state = (await node.ping())?.phase === "READY" ? await node.state() : null;
      const seen = state?.members.find((member) => member.id === peer.id);
      if (seen?.state !== "ALIVE" || seen.phase !== "READY" || state?.pending !== 0) return false;
      // Without voters an account has to be confirmed after each start; before that every trade is refused as NOT_READY.
      const tooMuch = await node.request({ op: "sell", peer: peer.id, amount: AMOUNT_MAX });
      return tooMuch?.ok === false && tooMuch.code === "INSUFFICIENT_CREDITS";
    });
  }
}

/** Nothing more of the trade comes: both are idle, and the victim's log grows no more between two looks. */
async function quiet(lab: TestLab, victim: TestNode): Promise<void> {
  let before = -1;
  await until("the trade is over", async () => {
    if (hasCrashed(victim)) return true;
    const ping = await victim.ping();
    const now = readLog(lab, victim.id, "point").length;
    const isSame = now === before && ping?.pending === 0;
    before = now;
    return isSame;
  });
}

describe(`a trade whose node dies at every point of it (CRASH_FIRST=${first} CRASH_STRIDE=${stride})`, () => {
  test.concurrent.each([
    ["sell", "payer", INITIATOR],
    ["sell", "payee", PEER],
    ["buy", "payee", INITIATOR],
    ["buy", "payer", PEER],
  ] as const)(
    "must be whole or not at all, and once: %s, its %s dies",
    { timeout: 180_000 },
    async (...[op, , victim]) => {
      const points = await crashEverywhere(op, victim);
      expect(points.length).toBeGreaterThanOrEqual(Math.floor(7 / stride));
      if (stride === 1) expect(points.map((point) => point.replace(/^\d+ /, ""))).toContain("sql after COMMIT");
    },
  );
});
