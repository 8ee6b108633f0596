// A lab from `up` to `down`, as a user drives it: real processes on loopback, the built command, a state folder of its own.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { NodeRow } from "../../lab/cluster/node-rows.ts";
import { JournalLine } from "../../node/wire/journal.ts";
import { type LabHome, openLabHome } from "../support/cli.ts";

describe("a lab of five", () => {
  let home: LabHome;
  beforeAll(async () => {
    home = await openLabHome();
    const { code, stdout, stderr } = await home.lab("up", "--nodes", "5", "--profile", "fast");
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stdout.split("\n")).toEqual([
      expect.stringMatching(/^NODE +ROLE +STATE +TERM +BALANCE +ADDRESS$/),
      ...[1, 2, 3, 4].map((id) =>
        expect.stringMatching(new RegExp(`^ +${id} +FOLLOWER +READY +\\d+ +100 +127\\.0\\.0\\.1:\\d+$`)),
      ),
      expect.stringMatching(/^ +5 +COORDINATOR +READY/),
      "",
    ]);
    expect(stderr).toContain("all agree on coordinator 5 (elected");
    expect(stderr).toContain("next: lab sell 1 2 30");
  });
  afterAll(async () => {
    await home[Symbol.asyncDispose]();
  });

  const balances = async (): Promise<Record<number, number>> =>
    Object.fromEntries(
      (await home.json<{ id: number; balance: number }[]>("balance")).map((row) => [row.id, row.balance]),
    );

  test("must trade, and every node's ledger must know it", async () => {
    const before = await balances();
    const sold = await home.lab("sell", "1", "2", "30");
    expect(sold).toMatchObject({ code: 0, stdout: expect.stringMatching(/^SELL 30 credits to Node 2 \[\d+ -> \d+\]/) });
    const bought = await home.json<{ state: string; trade_id: string }>("buy", "3", "4", "7");
    expect(bought).toMatchObject({ state: "settled", trade_id: expect.any(String) });
    expect((await home.lab("wait", "converged", "--timeout", "20s")).code).toBe(0);
    const after = await balances();
    expect([1, 2, 3, 4, 5].map((id) => (after[id] ?? 0) - (before[id] ?? 0))).toEqual([-30, 30, 7, -7, 0]);
    for (const node of ["1", "5"]) {
      const history = await home.json<{ amount: number }[]>("history", node);
      expect(history.map((entry) => entry.amount)).toEqual([30, 7]);
    }
    expect(await home.json("history", "2", "--tail", "1")).toMatchObject([{ from: 4, to: 3, amount: 7 }]);
  });

  test.each([
    [["sell", "1", "1", "5"], 1, "Cannot trade with yourself"],
    [["sell", "1", "9", "5"], 1, "Node 9 is not available in the system. Active nodes: [1, 2, 3, 4, 5]"],
    [["sell", "1", "2", "100000"], 1, "Cannot sell 100000 energy credits - insufficient balance"],
    [["buy", "1", "2", "100000"], 1, "Node 2 rejected trade"],
    [["sell", "1", "2", "0"], 2, 'the amount "0" is less than 1'],
    [["sell", "1", "2", "-5"], 2, 'the amount "-5" is less than 1'],
    [["sell", "1", "2", "1.5"], 2, 'the amount "1.5" isn\'t a whole number'],
    [["sell", "1", "2", "many"], 2, 'the amount "many" isn\'t a number'],
    [["sell", "1", "2", "9999999999999"], 2, 'the amount "9999999999999" is too large'],
    [["sell", "7", "2", "5"], 3, 'lab "lab" has no node 7 (it has 1, 2, 3, 4, 5)'],
    [["sell", "all", "2", "5"], 2, '"all" means 5 nodes'],
  ] as const)("must refuse %j with exit code %i and change nothing", async (args, code, message) => {
    const before = await balances();
    const result = await home.lab(...args);
    expect(result).toMatchObject({ code, stdout: "" });
    const [what, hint] = result.stderr.trim().split("\n");
    expect(what).toContain(`lab: ${message}`);
    expect(hint).toMatch(/^ {2}\S/);
    expect(await balances()).toEqual(before);
  });

  test("must show its state in text and in full", async () => {
    expect((await home.lab("status", "leader")).stdout).toMatch(/Role: COORDINATOR[\s\S]*Vector Clock: \[/);
    const states = await home.json<{ id: number; members: { id: number }[]; voters: number[] }[]>("status", "1-2");
    expect(states).toMatchObject([
      { id: 1, voters: [1, 2, 3, 4, 5] },
      { id: 2, voters: [1, 2, 3, 4, 5] },
    ]);
    expect(states[0]?.members.map((member) => member.id)).toEqual([2, 3, 4, 5]);
    expect((await home.lab("nodes", "1")).stdout).toContain("Node 5");
    expect(await home.json("ls")).toMatchObject([{ name: "lab", runtime: "local", profile: "fast" }]);
    expect(JSON.stringify(await home.json("ls"))).not.toContain("token");
  });

  test("must speak the original's prompt to a node, and its own to nobody", async () => {
    const node = await home.start(["shell", "1"], { input: "balance\nnodes\nsell 99 1\nbogus\nsell 2\nquit\n" }).done;
    expect(node.stdout).toContain("Node 99 is not available in the system");
    expect(node.stdout).toContain("Unknown command: bogus. Type 'help' for commands.");
    expect(node.stdout).toContain("Usage: sell <node_id> <amount>");
    const own = await home.start(["shell"], { input: "ps\nlab balance 1\nquit\n" }).done;
    expect(own).toMatchObject({ code: 0, stdout: expect.stringMatching(/COORDINATOR[\s\S]*BALANCE/) });
  });

  test("must end quietly when the reader of its logs has had enough", async () => {
    const running = home.start(["logs", "-f"]);
    await running.saw("JOIN announced (reliable)");
    running.child.stdout.destroy();
    // Its next line finds nobody: an election makes some.
    await home.lab("election", "1");
    expect(await running.done).toMatchObject({ code: 0, stderr: "" });
  });

  test("must print journals as they are with -o json", async () => {
    const { stdout } = await home.lab("logs", "2", "--tail", "5", "-o", "json");
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines).toHaveLength(5);
    expect(lines[0]).toMatchObject({ node: 2, kind: expect.any(String), msg: expect.any(String) });
  });

  test("must say what it sees instead of what it waits for, with exit code 124", async () => {
    const result = await home.lab("wait", "leader=2", "--timeout", "300ms");
    expect(result).toMatchObject({ code: 124, stderr: expect.stringContaining("coordinator is 5") });
  });

  test("must be completed, not made twice, by another `up`; and left alone by one that differs", async () => {
    const same = await home.lab("up", "--nodes", "5", "--profile", "fast");
    expect(same).toMatchObject({ code: 0, stderr: expect.stringContaining('lab "lab" exists already') });
    const other = await home.lab("up", "--nodes", "3", "--profile", "fast");
    expect(other).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/exists already: nodes 1,2,3,4,5[\s\S]*lab scale 3/),
    });
  });

  test("must elect again when its coordinator is killed, and take it back with its credits", async () => {
    const before = await balances();
    const follower = await home.lab("kill", "2");
    expect(follower).toMatchObject({
      code: 0,
      stdout: "killed 2 (follower); coordinator is still 5\n",
      stderr: expect.stringContaining("to see an election: lab kill leader\n"),
    });
    const leader = await home.lab("kill", "leader");
    expect(leader.stdout).toMatch(
      /^killed 5 \(coordinator\)\ncoordinator is now 4 \(elected, term \d+\) after [\d.]+ s\n$/,
    );
    const rows = await home.json<NodeRow[]>("ps");
    expect(rows.map((row) => row.status)).toEqual(["running", "exited", "running", "running", "exited"]);
    expect(await home.lab("balance", "5")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("node 5 has exited"),
    });
    expect((await home.lab("wait", "state:5=FAILED", "--timeout", "20s")).code).toBe(0);
    expect((await home.lab("start", "all", "--wait")).code).toBe(0);
    expect((await home.lab("wait", "converged", "leader=5", "nodes=5", "--timeout", "20s")).code).toBe(0);
    expect(await balances()).toEqual(before);
  });

  test("must have kept a journal of its own, in the nodes' form", async () => {
    const text = await readFile(join(home.path, "energy-lab", "lab", "journal.jsonl"), "utf8");
    // The number of a line is its place in the file.
    const lines = text
      .trim()
      .split("\n")
      .map((line, index) => JournalLine.parse({ ...JSON.parse(line), seq: index + 1 }));
    const up = expect.stringMatching(/^up lab-/);
    expect(lines.map((line) => line.msg)).toEqual([up, "kill 2 SIGKILL", "kill 5 SIGKILL", "start 2,5"]);
  });

  test("must leave nothing", async () => {
    expect(await home.lab("down")).toMatchObject({ code: 0, stdout: 'removed lab "lab"\n' });
    expect(await home.leftovers()).toEqual([]);
    for (const verb of ["down", "ps"])
      expect(await home.lab(verb)).toMatchObject({
        code: 3,
        stderr: expect.stringContaining('there is no lab named "lab"'),
      });
  });
});
