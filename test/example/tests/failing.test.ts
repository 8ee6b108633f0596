// The run of a failing test is kept: `EXAMPLE_FAILS=1 npm run test:failing`, and look into test-results/.
import { Lab } from "energy-lab";
import { labTest, recordFailures } from "energy-lab/vitest";
import { describe, test } from "vitest";

describe.runIf(process.env.EXAMPLE_FAILS === "1")("a test that fails", () => {
  labTest.override({ labOptions: { nodes: 2, runtime: "sim" } });

  labTest("must leave its run behind", async ({ lab }) => {
    await lab.node(1).sell({ to: 2, amount: 30 });
    await lab.until("balance(1) == 100", { withinMs: 500 });
  });

  test("must leave it behind although its lab is gone by then", async (context) => {
    await using lab = await Lab.up({ nodes: 2, runtime: "sim" });
    recordFailures(lab, context);
    await lab.until("leader == 1", { withinMs: 500 });
  });
});
