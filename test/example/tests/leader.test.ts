// A cluster for each test, by the fixture: the same test in virtual time and on real processes.
import { labTest } from "energy-lab/vitest";
import { describe, expect } from "vitest";

describe.each(["sim", "local"] as const)("five nodes (%s)", (runtime) => {
  labTest.override({ labOptions: { nodes: 5, runtime } });

  labTest("must elect the next leader when one dies, and keep every credit", async ({ lab }) => {
    await lab.node(1).sell({ to: 2, amount: 30 });
    await (await lab.leader()).kill();
    await lab.until("leader == 4", { withinMs: 10_000 });
    await lab.node(3).buy({ from: 2, amount: 5 });
    await lab.node(5).start();
    await lab.until("converged && leader == 5", { withinMs: 20_000 });
    expect(await lab.balances()).toEqual({ 1: 70, 2: 125, 3: 105, 4: 100, 5: 100 });
    expect((await lab.check("conservation", "exactly-once")).violations).toEqual([]);
  });
});
