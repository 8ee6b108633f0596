// A program that isn't the lab's own: here one that `lab init node` writes; in your project, your image.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Lab } from "energy-lab";
import { afterAll, expect, test } from "vitest";

const home = mkdtempSync(join(tmpdir(), "foreign-"));
afterAll(() => rmSync(home, { recursive: true }));

test("the highest node that is left must lead", { timeout: 120_000 }, async () => {
  const folder = join(home, "my-node");
  execFileSync("npx", ["energy-lab", "init", "node", folder]);
  await using lab = await Lab.up({
    nodes: 3,
    runtime: "docker",
    node: {
      build: folder,
      // biome-ignore lint/suspicious/noTemplateCurlyInString: variables of the lab
      env: { NODE_ID: "${id}", NODE_IP: "${ip}" },
      ready: { log: "^ready" },
      facts: [{ match: "^leader (?<value>\\d+)$", kind: "leader" }],
    },
  });
  await lab.until("agree && leader == 3");
  await lab.partition([1, 2], [3]);
  await lab.until("fact:leader:1 == 2");
  await lab.heal();
  await lab.until("agree && leader == 3");
  await (await lab.leader()).kill();
  await lab.until("agree && leader == 2");
  expect((await lab.check()).violations).toEqual([]);
});
