// Changes the cluster key of a lab by the command while trades run, for both runtimes.
import { expect } from "vitest";
import type { CliLab } from "./cli-lab.ts";

interface Status {
  readonly keys: readonly number[];
  readonly node: number;
}

/** Rotates twice while nodes trade without a pause; every trade must be settled, and nobody be suspected because of it. */
export async function rotateWhileTrading(lab: CliLab): Promise<void> {
  let isOver = false;
  const trading = (async () => {
    let settled = 0;
    for (let i = 0; !isOver || settled < 3; i++) {
      const [from, to] = [1 + (i % 3), 1 + ((i + 1) % 3)];
      const { state } = await lab.json<{ state: string }>("sell", `${from}`, `${to}`, "1");
      expect(state).toBe("settled");
      settled += 1;
    }
    return settled;
  })();
  try {
    const steps = await lab.json<{ step: string; keys: number[] }[]>("keys", "rotate");
    expect(steps).toEqual([
      { step: "add", keys: [1, 2] },
      { step: "use", keys: [2, 1] },
      { step: "remove", keys: [2] },
    ]);
    expect(await lab.json<Status[]>("keys")).toEqual([1, 2, 3].map((node) => ({ node, keys: [2] })));
    // One step at a time, and a node that starts in between.
    expect((await lab.run("keys", "use")).stderr).toMatch(/the next step is:\s+(?:npx )?lab keys add/);
    await lab.ok("keys", "add");
  } finally {
    isOver = true;
  }
  expect(await trading).toBeGreaterThanOrEqual(3);
  await lab.ok("kill", "2", "--no-wait");
  await lab.ok("keys", "use");
  await lab.ok("start", "2", "--wait");
  await lab.ok("keys", "rotate");
  expect(await lab.json<Status[]>("keys")).toEqual([1, 2, 3].map((node) => ({ node, keys: [3] })));
  await lab.ok("wait", "converged");
}
