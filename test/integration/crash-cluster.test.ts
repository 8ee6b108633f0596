// SIGKILL at every effect of an election and of a join, of all nodes at once, and of anybody at random while trades go on: real
// processes, sockets and SQLite. Terms never go back, nobody votes twice in a term, nobody gets credits twice.
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { checkLedger } from "../../node/runtime/ledger-check.ts";
import { arm, hasCrashed, Promises, readLog, settleAndAudit, startCrashing } from "../support/crash/crash-lab.ts";
import { until } from "../support/eventually.ts";
import { isExtended } from "../support/extended.ts";
import { TestLab, type TestNode } from "../support/node-process.ts";
import { testSeed } from "../support/test-seed.ts";

/** By default every fourth point, from the first on; all of them with `npm test -- --all`. */
const stride = Number(process.env.CRASH_STRIDE ?? (isExtended ? 1 : 4));
const first = Number(process.env.CRASH_FIRST ?? 1);
const seed = testSeed("CRASH_SEED", 1);
const AGREE_MS = 30_000;

function termOnDisk(lab: TestLab, id: number): number {
  return checkLedger(join(lab.dataDir(id), "ledger.db"), id).recovered.term;
}

/** Every vote and claim that left a node, in all of its lives: one candidate a term each, one elected coordinator a term in all. */
function assertVotesUnique(lab: TestLab, ids: readonly number[]): number {
  const winners = new Map<string, number>();
  let votes = 0;
  for (const id of ids) {
    const given = new Map<string, string>();
    for (const promise of readLog(lab, id, "promise")) {
      const [what, term = "", candidate = ""] = promise.split(" ");
      if (what === "claim") {
        expect(winners.get(term) ?? id, `who won term ${term}`).toBe(id);
        winners.set(term, id);
        continue;
      }
      votes += 1;
      expect(given.get(term) ?? candidate, `vote of node ${id} in term ${term}`).toBe(candidate);
      given.set(term, candidate);
    }
  }
  return votes;
}

describe(`an election whose node dies at every point of it (CRASH_FIRST=${first} CRASH_STRIDE=${stride})`, () => {
  const only = /sql|persist vote|ELECTION|OK to|COORDINATOR|reply/;
  const env = { DS_VOTERS: "1,2,3", DS_NODES: "1,2,3" };

  test.concurrent.each([
    ["candidate", 3],
    ["voter", 1],
  ] as const)("must keep terms and votes: the %s dies", { timeout: 180_000 }, async (_role, victimId) => {
    await using lab = await TestLab.open(3);
    const start = (id: number, at: number): TestNode => startCrashing(lab, id, { at, only, from: "signal" }, { env });
    const others = [1, 2, 3].filter((id) => id !== victimId).map((id) => start(id, 0));
    let victim = start(victimId, first);
    let crashes = 0;
    let termBefore = 0;
    for (let at = first; ; at += stride) {
      await lab.agree([...others, victim], undefined, AGREE_MS);
      await arm(lab, victim);
      // On a busy machine an election of their own may end it already.
      const { term } = await until("the victim tells its term, or is gone", async () =>
        hasCrashed(victim) ? { term: termBefore } : await victim.ping(),
      );
      // The answer isn't waited for: node 3 may be gone before it can give one.
      void lab.request(3, { op: "election" }, 100);
      await until("the election is over, or the victim", async () => {
        if (hasCrashed(victim)) return true;
        const ping = await victim.ping();
        return ping !== null && ping.term > term && ping.coordinator !== null;
      });
      if (!hasCrashed(victim)) break;
      await victim.exited;
      crashes += 1;
      const termNow = termOnDisk(lab, victimId);
      expect(termNow, "the term before the crash").toBeGreaterThanOrEqual(termBefore);
      for (const promise of readLog(lab, victimId, "promise"))
        expect(termNow, `after the crash, having told others: ${promise}`).toBeGreaterThanOrEqual(
          Number(promise.split(" ")[1]),
        );
      termBefore = termNow;
      victim = start(victimId, at + stride);
    }
    await lab.agree([...others, victim], undefined, AGREE_MS);
    const nodes = [...others, victim];
    await Promise.all(nodes.map((node) => node.kill()));
    expect(assertVotesUnique(lab, [1, 2, 3])).toBeGreaterThan(crashes);
    expect(crashes).toBeGreaterThanOrEqual(Math.floor(5 / stride));
  });
});

describe(`a join whose node dies at every point of it (CRASH_FIRST=${first} CRASH_STRIDE=${stride})`, () => {
  // Rows of one transaction are one point: none of them is there before its end.
  const only = /sql (?!INSERT (OR REPLACE )?INTO (accounts|records))|JOIN|STATE_REQUEST|ready/;

  test("must end in one account with its credits once, and the whole history", { timeout: 240_000 }, async () => {
    await using lab = await TestLab.open(80);
    const env = { DS_VOTERS: "1,2" };
    const elders = [1, 2].map((id) => lab.start(id, { env }));
    await lab.agree(elders);
    const promises = new Promises();
    for (let i = 0; i < 60; i++) {
      const requestId = `before-${i}`;
      const body = { op: "sell", peer: 1 + ((i + 1) % 2), amount: 1, request_id: requestId };
      promises.note(requestId, await lab.request(1 + (i % 2), body));
    }
    const joined: number[] = [];
    let crashes = 0;
    for (let at = first; ; at += stride) {
      const id = 3 + joined.length;
      joined.push(id);
      let newcomer = startCrashing(lab, id, { at, only, from: "start" }, { env });
      await until(`node ${id} is in, or dead`, async () => hasCrashed(newcomer) || (await isIn(newcomer, elders)));
      const isLast = !hasCrashed(newcomer);
      if (!isLast) {
        crashes += 1;
        await newcomer.exited;
        newcomer = lab.start(id, { env });
      }
      await until(`node ${id} is in`, () => isIn(newcomer, elders), AGREE_MS);
      await newcomer.kill();
      if (isLast) break;
    }
    await settleAndAudit(lab, elders, promises, joined);
    expect(crashes).toBeGreaterThanOrEqual(Math.floor(20 / stride));
  });

  async function isIn(newcomer: TestNode, elders: readonly TestNode[]): Promise<boolean> {
    const pings = await Promise.all([newcomer, ...elders].map((node) => node.ping()));
    const hashes = new Set(pings.map((ping) => ping?.ledger_hash));
    return pings[0]?.phase === "READY" && pings[0].balance === 100 && hashes.size === 1;
  }
});

describe("kill -9 while trades go on", () => {
  const ids = [1, 2, 3, 4];
  const env = { DS_VOTERS: "1,2,3,4", DS_NODES: "1,2,3,4" };

  test("must lose nothing that was told to a client: all at once, then all back", { timeout: 180_000 }, async () => {
    await using lab = await TestLab.open(4);
    const random = drawFrom(seed);
    const promises = new Promises();
    let nodes = ids.map((id) => lab.start(id, { env }));
    await lab.agree(nodes, undefined, AGREE_MS);
    for (let round = 0; round < (isExtended ? 12 : 2); round++) {
      const load = trade(lab, random, promises, 60, `round-${round}`);
      const enough = promises.done.size + 5 + random(20);
      await until("some trades are done", () => promises.done.size >= enough);
      await Promise.all(nodes.map((node) => node.kill()));
      nodes = ids.map((id) => lab.start(id, { env }));
      await load;
      await lab.agree(nodes, undefined, AGREE_MS);
    }
    await settleAndAudit(lab, nodes, promises);
  });

  test(`must lose nothing, no matter which node dies at which point (CRASH_SEED=${seed})`, {
    timeout: 600_000,
  }, async () => {
    await using lab = await TestLab.open(4);
    const random = drawFrom(seed);
    const promises = new Promises();
    const start = (id: number): TestNode =>
      startCrashing(lab, id, { at: 1 + random(400), only: /sql|persist|send|reply/, from: "start" }, { env });
    const nodes = ids.map(start);
    const load = trade(lab, random, promises, isExtended ? 1_500 : 80, "random");
    let isOver = false;
    let crashes = 0;
    void load.finally(() => {
      isOver = true;
    });
    while (!isOver) {
      await Promise.race([load, ...nodes.map((node) => node.exited)]);
      for (const [index, node] of nodes.entries()) {
        if (!hasCrashed(node)) continue;
        crashes += 1;
        nodes[index] = start(node.id);
      }
    }
    await load;
    // The last lives end by our hand: a node that would still die at its own point gets a life without one.
    await Promise.all(nodes.map((node) => node.kill()));
    const last = ids.map((id) => lab.start(id, { env }));
    await lab.agree(last, undefined, AGREE_MS);
    await settleAndAudit(lab, last, promises);
    assertVotesUnique(lab, ids);
    expect(crashes).toBeGreaterThan(2);
    expect(promises.done.size).toBeGreaterThan(10);
  });
});

/** `count` trades of one credit between random nodes, six clients at a time; each asks until it is told what became of its trade. */
async function trade(
  lab: TestLab,
  random: (bound: number) => number,
  promises: Promises,
  count: number,
  name: string,
): Promise<void> {
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < count) {
      const requestId = `${name}-${next++}`;
      const from = 1 + random(4);
      const peer = 1 + ((from + random(3)) % 4);
      const op = random(2) === 0 ? "sell" : "buy";
      // The incarnation pins the request to this life of the node: in the next one it is found in the books, or never happened.
      const inc = await until(
        `node ${from} is READY`,
        async () => {
          const ping = await lab.request(from, { op: "ping" }, 300);
          const data = ping?.ok === true ? (ping.data as { inc: number; phase: string }) : null;
          return data?.phase === "READY" ? data.inc : null;
        },
        AGREE_MS,
      );
      promises.note(requestId, await lab.request(from, { op, peer, amount: 1, inc, request_id: requestId }, 60_000));
    }
  };
  await Promise.all(Array.from({ length: 6 }, client));
}

/** Whole numbers below a bound, the same for the same seed. */
function drawFrom(start: number): (bound: number) => number {
  let state = start >>> 0;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}
