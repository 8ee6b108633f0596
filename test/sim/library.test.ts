// The library as a program uses it, in virtual time: the same calls on local processes and containers are in test/integration and
// test/docker (the example project).
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { Lab, LabError } from "../../lab/library/energy-lab.ts";

const up = (options = {}) => Lab.up({ nodes: 5, runtime: "sim", ...options });

describe("a lab of the library", () => {
  test("must trade, lose its leader, and take it back with its credits", async () => {
    await using lab = await up();
    expect((await lab.leader()).id).toBe(5);
    const sold = await lab.node(1).sell({ to: 2, amount: 30 });
    expect(sold).toMatchObject({ tradeId: "1-2-1.1", state: "settled", balance: 70 });
    await lab.node(3).buy({ from: 2, amount: 5 });
    await lab.node(5).kill();
    expect(await lab.node(5).status()).toMatchObject({ status: "exited", role: null, exitCode: 137 });
    const { tookMs } = await lab.until("leader == 4 && state(5) == FAILED", { withinMs: 5_000 });
    expect(tookMs).toBeLessThan(5_000);
    await lab.node(5).start();
    await lab.until("converged and leader == 5");
    expect(await lab.balances()).toEqual({ 1: 70, 2: 125, 3: 105, 4: 100, 5: 100 });
    expect(await lab.node(5).history()).toEqual(await lab.node(1).history());
    expect(await lab.node(5).history({ tail: 1 })).toEqual([{ tradeId: "3-2-1.1", from: 2, to: 3, amount: 5 }]);
  });

  test("must wait for what a function sees, and say what it saw instead when time is up", async () => {
    await using lab = await up({ nodes: 3 });
    await lab.until((nodes) => nodes.every(({ balance }) => balance === 100));
    await expect(lab.until((nodes) => nodes.length === 4, { withinMs: 300 })).rejects.toMatchObject({
      exit: "timeout",
      message: expect.stringContaining("node 3 running, follows 3, has 100"),
    });
    await expect(lab.until("balance(2) == 7", { withinMs: 300 })).rejects.toThrow("node 2 has 100");
  });

  test("must cut the network while the handle lives, and mend it at the end of the block", async () => {
    await using lab = await up();
    {
      await using cut = await lab.partition([1, 2], "3-5");
      expect(cut.what).toBe("partition 1,2 3,4,5");
      await lab.until("agree");
      expect((await lab.node(1).status()).coordinator).toBe(2);
      expect((await lab.node(3).status()).coordinator).toBe(5);
    }
    await lab.until("converged");
    const alone = await lab.isolate("leader", { forMs: 60_000 });
    await lab.until("state(5) == FAILED");
    await alone.heal();
    await alone.heal();
    await lab.until("converged && leader == 5");
    const slow = await lab.netem({ node: 1, to: 2, both: true, delayMs: 40 });
    const began = await lab.journal();
    expect(slow.what).toBe("netem 1 --delay 40ms --to 2 --both");
    expect(began.entries.findLast(({ node }) => node === 0)).toMatchObject({
      node: 0,
      action: "impair",
      fault: slow.id,
    });
    await lab.node(1).sell({ to: 2, amount: 1 });
    await lab.heal();
  });

  test("must freeze, stop, restart, add and remove nodes", async () => {
    await using lab = await up({ nodes: 3 });
    await lab.node(2).pause({ forMs: 60_000 });
    expect((await lab.node(2).status()).status).toBe("paused");
    await lab.until("state(2) == FAILED");
    await lab.node(2).resume();
    await lab.node(1).restart();
    await lab.until("converged");
    await lab.scale(4);
    await lab.until("leader == 4 && nodes == 4");
    expect(lab.ids).toEqual([1, 2, 3, 4]);
    await lab.node(4).leave();
    await lab.until("leader == 3");
    await lab.scale(3);
    expect(lab.nodes.map(({ id }) => id)).toEqual([1, 2, 3]);
  });

  test("must be the same run for the same seed, and another for another", async () => {
    const play = async (seed: number) => {
      await using lab = await up({ nodes: 3, seed, name: "same" });
      await lab.node(1).sell({ to: 2, amount: 3 });
      await lab.netem({ node: "all", loss: 0.2, delayMs: 10, jitterMs: 5 });
      await lab.sleep(3_000);
      const { entries } = await lab.journal();
      return entries.filter(({ node }) => node > 0).map(({ node, time, msg }) => `${node} ${time} ${msg}`);
    };
    const first = await play(7);
    expect(first.length).toBeGreaterThan(20);
    expect(await play(7)).toEqual(first);
    expect(await play(8)).not.toEqual(first);
  });

  test("must live beside others in one process", async () => {
    const labs = await Promise.all([up({ nodes: 2, name: "one" }), up({ nodes: 3, name: "one" }), up({ nodes: 4 })]);
    await Promise.all(labs.map((lab) => lab.node(1).sell({ to: 2, amount: lab.ids.length })));
    const balances = await Promise.all(labs.map((lab) => lab.node(1).balance()));
    expect(balances).toEqual([98, 97, 96]);
    await Promise.all(labs.map((lab) => lab.down()));
    await Promise.all(labs.map((lab) => lab.down()));
  });

  test("must take nodes and settings as a file of the lab has them", async () => {
    const nodes = { 2: { credits: 500 }, 7: {}, 9: { env: { DS_HEARTBEAT_INTERVAL: "1" } } };
    await using lab = await up({ nodes, credits: 40, voters: [2, 7, 9], profile: "default" });
    expect(await lab.balances()).toEqual({ 2: 500, 7: 40, 9: 40 });
    expect((await lab.node(2).state()).voters).toEqual([2, 7, 9]);
    expect((await lab.journal()).facts).toMatchObject({ profile: "default", isDetailed: true, hasWire: true, seed: 1 });
  });

  test("must say what is wrong in the words of the command line", async () => {
    await using lab = await up({ nodes: 2 });
    const wrong: readonly [() => Promise<unknown>, string, RegExp][] = [
      [() => Promise.resolve().then(() => lab.node(9)), "notFound", /has no node 9 \(it has 1, 2\)/],
      [() => lab.until("leadr == 2"), "usage", /isn't a condition/],
      [() => lab.until(""), "usage", /no condition/],
      [() => lab.netem({ node: 1 }), "usage", /without anything/],
      [() => lab.partition([1], [1, 2]), "usage", /in two groups/],
      [() => lab.node(1).sell({ to: 1, amount: 1 }), "failed", /yourself/],
      [() => lab.node(1).sell({ to: 2, amount: 1_000 }), "failed", /insufficient/i],
      [() => lab.node(1).unplug(), "unsupported", /cable/],
      [
        () =>
          lab
            .node(1)
            .start()
            .then(() => lab.node(1).kill("SIGNONSENSE")),
        "usage",
        /signal/,
      ],
    ];
    for (const [attempt, exit, message] of wrong) {
      const error = await attempt().catch((caught: unknown) => caught);
      expect(error, `${attempt}`).toBeInstanceOf(LabError);
      expect(error, `${attempt}`).toMatchObject({ exit, message: expect.stringMatching(message) });
    }
    await expect(lab.until("leadr == 2")).rejects.toMatchObject({ hint: 'did you mean "leader"?' });
    await expect(Lab.up({ runtime: "sim", nodes: 2, env: { DS_HEARTBEAT_INTERVAL: "soon" } })).rejects.toBeInstanceOf(
      LabError,
    );
  });

  test("must be judged when everything is due, and name what was broken", async () => {
    await using lab = await up({ nodes: 3 });
    await lab.node(1).sell({ to: 2, amount: 30 });
    await lab.node(3).kill();
    // Nobody can have noticed yet.
    const now = await lab.check();
    expect(now.violations).toEqual([]);
    expect(now.verdict).toBe("inconclusive");
    await lab.node(3).start();
    await lab.until("converged");
    const { verdict, results } = await lab.assertValid();
    expect(verdict).toBe("valid");
    expect(new Set(results.map((result) => result.verdict))).toEqual(new Set(["valid", "nothing to judge"]));
    await expect(lab.check("conservatoin")).rejects.toMatchObject({ hint: 'did you mean "conservation"?' });
    await using terse = await up({ nodes: 2, journal: "events" });
    await expect(terse.assertValid()).rejects.toMatchObject({ exit: "inconclusive" });
  });

  test("must play a scenario file, and stay", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "lab-test-library-")), "kill.yaml");
    onTestFinished(() => rmSync(dirname(file), { recursive: true }));
    const steps = ["sell: 1 2 30", "kill: leader", "wait: leader=2", "expect: { balance: { 1: 70 } }"];
    writeFileSync(file, `name: kill\nsteps:\n${steps.map((step) => `  - ${step}\n`).join("")}`);
    await using lab = await up({ nodes: 3 });
    const outcome = await lab.run(file);
    // Whether all promises were kept isn't due yet.
    expect(["valid", "inconclusive"]).toContain(outcome.verdict);
    expect(outcome.steps.map(({ text, state }) => `${text}: ${state}`)).toContain("kill leader: ok");
    await lab.node(3).start();
    await lab.until("converged && leader == 3");
    writeFileSync(file, "name: kill\nsteps:\n  - kil: leader\n");
    await expect(lab.run(file)).rejects.toMatchObject({
      exit: "usage",
      message: expect.stringMatching(/kill.yaml:3:5/),
    });
  });

  test("must write down what it did, without its secrets", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lab-test-library-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    await using lab = await up({ nodes: 3 });
    const secrets = [(await lab.journal()).facts.run ?? ""];
    await lab.node(3).kill();
    await lab.until("agree");
    const path = await lab.report(folder, { title: "Kill the leader" });
    expect(path).toMatch(/Z-kill-the-leader$/);
    expect(readdirSync(path)).toContain("junit.xml");
    const config = readFileSync(join(path, "config.json"), "utf8");
    expect(config).toContain(secrets[0]);
    expect(config).not.toMatch(/"(?:token|keys)"/);
  });
});
