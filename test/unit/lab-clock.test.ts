import { expect, test } from "vitest";
import { REAL_CLOCK } from "../../lab/base/lab-clock.ts";

test("the machine's clock must run what is due already, without a warning on the user's terminal", async () => {
  const warnings: Error[] = [];
  const note = (warning: Error) => void warnings.push(warning);
  process.on("warning", note);
  await new Promise<void>((resolve) => void REAL_CLOCK.after(-0.5, resolve));
  // A warning is emitted in the tick after its cause.
  await new Promise<void>((resolve) => setImmediate(resolve));
  process.off("warning", note);
  expect(warnings).toEqual([]);
});
