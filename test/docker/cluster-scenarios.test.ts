// The original project's three scenarios and what it could not do, on real containers and a real multicast network, through the
// `lab` command as a user types it.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { CliLab, removeStateHome } from "../support/cli-lab.ts";
import { eventually } from "../support/eventually.ts";

interface PsJson {
  readonly id: number;
  readonly status: string;
  readonly role: string | null;
  readonly coordinator: number | null;
  readonly term: number | null;
}

let lab: CliLab;
beforeAll(async () => {
  lab = await CliLab.up("t-cluster", 5);
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  await removeStateHome();
});
afterEach(async () => {
  await lab.ok("resume", "all");
  await lab.ok("heal");
  await lab.ok("start", "all");
  await lab.ok("wait", "converged", "leader=5", "--timeout", "30s");
});

async function balances(of = lab): Promise<Record<string, number>> {
  const rows = await of.json<readonly { id: number; balance: number }[]>("balance");
  return Object.fromEntries(rows.map((row) => [row.id, row.balance]));
}

function logsOf(id: number): Promise<string> {
  return lab.ok("logs", `${id}`);
}

describe("scenario 1, basic trading", () => {
  it("must move credits from seller to buyer, and everybody must know it", async () => {
    const before = await balances();
    expect(await lab.ok("sell", "1", "2", "30")).toMatch(/^SELL 30 credits to Node 2 \[\d+ -> \d+\] \(trade_id=1-2-/);
    const after = await balances();
    expect([after[1], after[2]]).toEqual([(before[1] ?? 0) - 30, (before[2] ?? 0) + 30]);
    expect(await logsOf(2)).toMatch(/BUY 30 credits from Node 1 \[\d+ -> \d+\]/);
    await lab.ok("buy", "1", "2", "30");
    await lab.ok("wait", "converged");
    expect(await balances()).toEqual(before);
    const histories = await Promise.all([1, 5].map((id) => lab.json<{ entries: unknown[] }>("history", `${id}`)));
    expect(histories[0]?.entries).toEqual(histories[1]?.entries);
  });

  it("must refuse what can't be traded, in words, and change nothing", async () => {
    const before = await balances();
    const refusals = await Promise.all(
      [
        ["sell", "1", "1", "5"],
        ["sell", "1", "9", "5"],
        ["sell", "1", "2", "0"],
        ["sell", "1", "2", "-3"],
        ["sell", "1", "2", "1.5"],
        ["sell", "1", "2", "many"],
        ["sell", "1", "2", "1e30"],
        ["sell", "1", "2", "100000"],
        ["buy", "1", "2", "100000"],
      ].map((words) => lab.run(...words)),
    );
    for (const { code, stderr } of refusals) {
      expect([1, 2, 3]).toContain(code);
      expect(stderr.trim().split("\n").length).toBeGreaterThanOrEqual(2);
    }
    expect(refusals[0]?.stderr).toContain("Cannot trade with yourself");
    expect(refusals[7]?.stderr).toContain("Cannot sell 100000 energy credits - insufficient balance");
    expect(refusals[8]?.stderr).toContain("Insufficient credits");
    expect(await balances()).toEqual(before);
  });
});

describe("scenario 2, leader failure and re-election", () => {
  it("must suspect, then fail the leader, elect the next, and take the old one back with its credits", async () => {
    const before = await balances();
    const killed = await lab.ok("kill", "leader");
    expect(killed).toContain("killed 5 (coordinator)");
    await lab.ok("wait", "leader=4", "state:5=FAILED", "--timeout", "20s");
    const log = await logsOf(4);
    expect(log).toContain("Node 5 SUSPECTED (missed heartbeat timeout)");
    expect(log).toContain("Node 5 FAILED (sustained heartbeat absence)");
    expect(log).toContain("LEADER FAILED - triggering election");
    await lab.ok("sell", "1", "2", "7");
    await lab.ok("start", "5");
    await lab.ok("wait", "converged", "leader=5", "--timeout", "30s");
    const after = await balances();
    expect(after).toEqual({ ...before, 1: (before[1] ?? 0) - 7, 2: (before[2] ?? 0) + 7 });
  });

  it("must go on through a cascade of failing leaders", async () => {
    await lab.ok("kill", "5,4");
    await lab.ok("wait", "leader=3", "--timeout", "20s");
    await lab.ok("sell", "1", "2", "1");
    await lab.ok("buy", "1", "2", "1");
  });
});

describe("scenario 3, late joiner", () => {
  it("must bring a node that comes late up to date, and it must deliver what comes next", async () => {
    await lab.ok("sell", "1", "2", "3");
    await lab.ok("buy", "1", "2", "3");
    await lab.ok("scale", "6");
    try {
      await lab.ok("wait", "converged", "leader=6", "--timeout", "30s");
      const log = await logsOf(6);
      // Voters answer at once, as the coordinator does: any of them may be first.
      expect(log).toMatch(/Received JOIN_RESPONSE from (coordinator )?Node \d/);
      expect(log).toContain("Vector clock synchronized from coordinator");
      expect(log).toMatch(/State synchronized - coordinator=5, known_nodes=\[1, 2, 3, 4, 5, 6\]/);
      const [one, six] = await Promise.all([1, 6].map((id) => lab.json<{ entries: unknown[] }>("history", `${id}`)));
      expect(six?.entries).toEqual(one?.entries);
      await lab.ok("sell", "6", "1", "10");
      await lab.ok("buy", "6", "1", "10");
    } finally {
      await lab.ok("scale", "5");
    }
    const log = await logsOf(1);
    expect(log).toContain("Node 6 is leaving");
  });
});

describe("a paused node", () => {
  it("must be replaced, and step back in without two leaders of one term", async () => {
    await lab.ok("pause", "leader");
    await lab.ok("wait", "leader=4", "--timeout", "20s");
    await lab.ok("resume", "5");
    await lab.ok("wait", "converged", "leader=5", "--timeout", "30s");
    expect(await electedTerms()).toEqual([]);
  });
});

describe("a partition", () => {
  it("must leave a leader on each side, let both trade, and heal into one ledger", async () => {
    const before = await balances();
    await lab.ok("partition", "1,2", "3,4,5");
    await eventually(async () => {
      const rows = await lab.json<readonly PsJson[]>("ps");
      expect(rows.find((row) => row.id === 1)?.coordinator).toBe(2);
      expect(rows.find((row) => row.id === 3)?.coordinator).toBe(5);
    }, 20_000);
    await lab.ok("sell", "1", "2", "11");
    await lab.ok("sell", "3", "4", "13");
    await lab.ok("heal");
    await lab.ok("wait", "converged", "leader=5", "--timeout", "20s");
    const after = await balances();
    expect(after).toEqual({
      ...before,
      1: (before[1] ?? 0) - 11,
      2: (before[2] ?? 0) + 11,
      3: (before[3] ?? 0) - 13,
      4: (before[4] ?? 0) + 13,
    });
    expect(await electedTerms()).toEqual([]);
  });
});

describe("a bad network", () => {
  it("must complete every trade exactly once under delay and loss, without a false failure", async () => {
    const before = await balances();
    await lab.ok("netem", "all", "--delay", "20ms", "--jitter", "10ms", "--loss", "10%", "--dup", "5%");
    for (let i = 0; i < 5; i++) {
      await lab.ok("sell", "1", "2", "2", "--timeout", "20s");
      await lab.ok("sell", "2", "1", "1", "--timeout", "20s");
    }
    const rows = await lab.json<readonly PsJson[]>("ps");
    expect(rows.map((row) => row.status)).toEqual(Array(5).fill("running"));
    await lab.ok("heal");
    await lab.ok("wait", "converged", "--timeout", "20s");
    expect(await balances()).toEqual({ ...before, 1: (before[1] ?? 0) - 5, 2: (before[2] ?? 0) + 5 });
  });
});

describe("a payer that dies between debit and confirmation", () => {
  it("must have its debit confirmed after its return, once", async () => {
    // Patient nodes: nobody is failed while the one-way cut lasts, so the trade is taken up at all.
    const patience = { DS_PROBE_INTERVAL: "2", DS_SUSPICION_MULT: "20", DS_HEARTBEAT_TIMEOUT: "60" };
    const file = await writeLabFile({ profile: "fast", nodes: 3, env: patience });
    await using other = await CliLab.up("t-cluster-debit", 3, "-f", file);
    // What 1 sends gets nowhere, what it hears does: it debits, and nobody hears of it.
    await other.ok("partition", "1", "2,3", "--one-way");
    const bought = await other.run("buy", "2", "1", "9", "--timeout", "2s");
    expect(bought).toMatchObject({ code: 124, stderr: expect.stringMatching(/2-1-/) });
    await eventually(async () => {
      const [own] = await other.json<{ balances: Record<string, number> }[]>("status", "1");
      expect(own?.balances).toMatchObject({ 1: 91, 2: 109 });
    }, 10_000);
    await other.ok("kill", "1");
    await other.ok("heal");
    expect(await balances(other)).toMatchObject({ 2: 100, 3: 100 });
    await other.ok("start", "1");
    await other.ok("wait", "converged", "--timeout", "30s");
    expect(await balances(other)).toEqual({ 1: 91, 2: 109, 3: 100 });
  });
});

async function writeLabFile(content: unknown): Promise<string> {
  const file = join(lab.stateHome, "patient.yaml");
  await writeFile(file, stringify(content));
  return file;
}

/** Terms in which more than one node called itself elected: must be none, ever. */
async function electedTerms(): Promise<number[]> {
  const lines = (await lab.ok("logs", "all", "-o", "json")).trim().split("\n");
  const winners = new Map<number, Set<number>>();
  for (const text of lines) {
    const line = JSON.parse(text) as { node: number; kind?: string; role?: string; elected?: boolean; term?: number };
    if (line.kind !== "election" || line.role !== "COORDINATOR" || line.elected !== true) continue;
    const term = line.term ?? 0;
    winners.set(term, (winners.get(term) ?? new Set()).add(line.node));
  }
  expect(winners.size).toBeGreaterThan(0);
  return [...winners].filter(([, nodes]) => nodes.size > 1).map(([term]) => term);
}
