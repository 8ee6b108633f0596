// The secrets of a lab of local processes: files that the user alone can read, and a key that changes while trades run.
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CliLab, removeStateHome } from "../support/cli-lab.ts";
import { rotateWhileTrading } from "../support/key-rotation.ts";

let lab: CliLab;

beforeAll(async () => {
  lab = await CliLab.up("t-keys", 3, "--runtime", "local");
});

afterAll(async () => {
  await lab[Symbol.asyncDispose]();
  await removeStateHome();
});

describe("a local lab", () => {
  test("must hand its secrets over in files of the user alone", () => {
    const folder = join(lab.stateHome, "energy-lab", lab.name, "local");
    const read = (name: string): string => readFileSync(join(folder, name), "utf8").trim();
    expect(read("keys")).toMatch(/^1:[A-Za-z0-9+/]{43}=$/);
    expect(read("token")).toMatch(/^[0-9a-f]{64}$/);
    for (const name of ["keys", "token"]) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    for (const id of [1, 2, 3]) {
      const { pid } = JSON.parse(read(`nodes/${id}/process.json`)) as { pid: number };
      const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
      expect(environment).toContain("DS_NODES=1,2,3");
      expect(environment).not.toContain(read("token"));
      expect(environment).not.toContain(read("keys").slice(2));
    }
    expect(readFileSync(join(folder, "lab.json"), "utf8")).not.toContain(read("token"));
  });

  test("must change its key without losing a trade", async () => {
    await rotateWhileTrading(lab);
  });

  test("must not take a key from a lab with a node that can't be told", async () => {
    await lab.ok("pause", "3");
    expect(await lab.run("keys", "add")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("node 3 is paused: it can't take a key"),
    });
    await lab.ok("resume", "3");
    expect(await lab.json("keys")).toEqual([1, 2, 3].map((node) => ({ node, keys: [3] })));
  });
});
