// The secrets of a lab of containers: in files on a volume, not where `docker inspect` shows them; changed while trades run.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CliLab, docker, removeStateHome } from "../support/cli-lab.ts";
import { rotateWhileTrading } from "../support/key-rotation.ts";

let lab: CliLab;

beforeAll(async () => {
  lab = await CliLab.up("t-keys", 3);
});

afterAll(async () => {
  await lab[Symbol.asyncDispose]();
  expect(await docker("volume", "ls", "-q", "--filter", `label=energy-lab.lab=${lab.name}`)).toBe("");
  await removeStateHome();
});

describe("a lab of containers", () => {
  test("must not show its secrets in what the engine tells of them", async () => {
    const [keys = "", token = ""] = (await lab.shell(1, "cat /run/secrets/keys /run/secrets/token")).trim().split("\n");
    expect(keys).toMatch(/^1:[A-Za-z0-9+/]{43}=$/);
    expect(token).toMatch(/^[0-9a-f]{64}$/);
    const { container } = await lab.peer(1);
    const shown = await docker("inspect", container);
    expect(shown).toContain("DS_KEYS_FILE=/run/secrets/keys");
    expect(shown).not.toContain(token);
    expect(shown).not.toContain(keys.slice(2));
    expect(await lab.shell(1, "stat -c '%u %g %a' /run/secrets/*")).toBe("0 1000 440\n0 1000 440\n");
  });

  test("must be found again without the CLI's own files", async () => {
    await rm(join(lab.stateHome, "energy-lab", lab.name), { recursive: true });
    expect(await lab.ok("status", "1")).toContain("NODE STATUS - Node 1");
    // The control client inside a container finds the token by itself.
    const { container } = await lab.peer(1);
    expect(await docker("exec", "-u", "1000:1000", container, "node", "/app/node.js", "control", "status")).toContain(
      "READY",
    );
  });

  test("must change its key without losing a trade", async () => {
    await rotateWhileTrading(lab);
  });
});
