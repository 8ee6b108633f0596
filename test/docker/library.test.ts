// The library's containers as an outside user has them: the example project, with the package installed, on the engine.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { docker } from "../support/cli-lab.ts";
import { type InstalledExample, installExample } from "../support/installed-example.ts";

describe("the installed package, with testcontainers", () => {
  let example: InstalledExample;
  let before: string;
  beforeAll(async () => {
    before = await listAll();
    example = await installExample();
  }, 180_000);
  afterAll(() => example?.[Symbol.dispose]());

  it("must start single nodes and whole clusters, break them, and leave nothing behind", async () => {
    const { code, output } = await example.run("test:docker");
    expect(code, output).toBe(0);
    expect(output).toMatch(/Tests {2}4 passed/);
    expect(await listAll()).toBe(before);
  });
});

async function listAll(): Promise<string> {
  const label = "label=org.testcontainers=true";
  const lists = [
    docker("ps", "-aq", "--filter", label, "--filter", "label=org.testcontainers.session-id"),
    docker("network", "ls", "-q", "--filter", label),
  ];
  return (await Promise.all(lists)).join("\n");
}
