// A short chaos run in containers: every promise is kept, and no container, network or volume is left.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { CliLab, removeStateHome } from "../support/cli-lab.ts";

afterAll(removeStateHome);

test("`chaos` must keep every promise in containers, and leave none", { timeout: 180_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "chaos-"));
  // Its end takes the lab down, and looks for what is left of it.
  await using lab = await CliLab.named("chaos");
  try {
    const flags = ["--seed", "8", "--for", "8s", "--nodes", "3", "--rate", "0.8/s", "--no-wire", "--report", folder];
    const { code, stdout } = await lab.run("chaos", ...flags);
    expect([code, stdout]).toEqual([0, expect.stringContaining("valid: every step did")]);
    const labs = await lab.json<readonly { readonly name: string }[]>("ls");
    expect(labs.filter(({ name }) => name === lab.name)).toEqual([]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
