// A cluster inside a test, by `await using`; runs beside the other file, and they don't hear each other.
import { type Fault, Lab, LabError, type NodeStatus } from "energy-lab";
import { recordFailures } from "energy-lab/vitest";
import { expect, test } from "vitest";

test("both sides of a cut must trade, and heal into one ledger", async (context) => {
  await using lab = await Lab.up({ nodes: 3, runtime: "local", credits: 50 });
  recordFailures(lab, context);
  {
    await using cut: Fault = await lab.partition([1], [2, 3]);
    expect(cut.what).toBe("partition 1 2,3");
    await lab.until("agree");
    const one: NodeStatus = await lab.node(1).status();
    expect(one).toMatchObject({ coordinator: 1, elected: false });
    await lab.node(2).sell({ to: 3, amount: 7 });
  }
  await lab.until("converged", { withinMs: 20_000 });
  expect(await lab.balances()).toEqual({ 1: 50, 2: 43, 3: 57 });
});

test("a refusal must say what to do", async () => {
  await using lab = await Lab.up({ nodes: 2, runtime: "sim" });
  const error = await lab
    .node(1)
    .sell({ to: 2, amount: 1_000 })
    .catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(LabError);
  expect(error).toMatchObject({ exit: "failed", details: { code: "INSUFFICIENT_CREDITS" } });
});
