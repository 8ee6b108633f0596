// Scenarios in containers, of one engine or of a swarm (LAB_TEST_RUNTIME): a chosen few always, all of them with the extended tests.
import { afterAll, describe, expect, it } from "vitest";
import { CliLab, removeStateHome } from "../support/cli-lab.ts";
import { isExtended } from "../support/extended.ts";
import { SCENARIO_NAMES, scenarioPath } from "../support/scenario-files.ts";

const CHOSEN = ["01-basic-trading", "06-split-brain", "22-cable-pull", "30-lost-disk"];

afterAll(removeStateHome);

describe("a scenario must be valid in containers, and leave nothing", () => {
  it.each(isExtended ? SCENARIO_NAMES : CHOSEN)("%s", async (name) => {
    await using lab = await CliLab.named("t-scenario");
    const { code, stdout, stderr } = await lab.run("run", scenarioPath(name), "--name", lab.name);
    expect(`${stdout}\n${stderr}`).toContain("valid: every step did what was expected, and every promise was kept");
    expect(code).toBe(0);
    expect(await lab.run("ps")).toMatchObject({ code: 3 });
  });
});
