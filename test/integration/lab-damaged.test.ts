// A node that refuses its ledger, seen from the lab: `ps`, `status`, `start --wait` and `logs` say why it doesn't run.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openLabHome } from "../support/cli.ts";

test("a node that doesn't start must tell why, wherever one looks", async () => {
  await using home = await openLabHome();
  expect((await home.lab("up", "--nodes", "3", "--profile", "fast")).code).toBe(0);
  const ledger = join(home.path, "energy-lab", "lab", "local", "nodes", "2", "data", "ledger.db");
  expect((await home.lab("kill", "2")).code).toBe(0);
  const sound = await readFile(ledger);
  const broken = Buffer.from(sound);
  broken.write("no ledger", 0);
  await writeFile(ledger, broken);

  const why = /the ledger .*ledger\.db is damaged: file is not a database; nothing was changed; move the folder away/;
  const started = await home.lab("start", "2", "--wait", "--timeout", "20s");
  expect(started.code).toBe(1);
  expect(started.stderr).toMatch(why);
  expect((await home.lab("ps")).stderr).toMatch(why);
  expect((await home.lab("status")).stderr).toMatch(why);
  expect((await home.lab("logs", "2", "--tail", "1")).stdout).toMatch(why);

  await writeFile(ledger, sound);
  const repaired = await home.lab("start", "2", "--wait", "--timeout", "30s");
  expect(repaired).toMatchObject({ code: 0, stderr: expect.stringContaining("all agree") });
  expect((await home.lab("ps")).stderr).not.toMatch(why);
});
