// docker-compose.yml for a user who has Docker and not the lab: three nodes from `docker compose up`, and the CLI finds
// them by their labels.
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { docker } from "../support/cli-lab.ts";
import { eventually } from "../support/eventually.ts";

const ROOT = join(import.meta.dirname, "../..");
const hasCompose = await docker("compose", "version").then(
  () => true,
  () => false,
);
const why = hasCompose ? "" : " (skipped: this docker client has no compose plugin; .ci/compose brings one)";

const PROJECT = "t-compose";
const files = ["-f", join(ROOT, "docker-compose.yml"), "-f", join(ROOT, "compose/fast.yml")];

function compose(...args: string[]): Promise<string> {
  return docker("compose", "-p", PROJECT, ...files, ...args);
}

describe.skipIf(!hasCompose)(`compose/grafana.yml${why}`, () => {
  it("must be understood by itself and on top of the nodes", async () => {
    const overlay = join(ROOT, "compose/grafana.yml");
    await docker("compose", "--project-directory", ROOT, "-f", overlay, "config", "-q");
    const merged = await docker(
      "compose",
      "-f",
      join(ROOT, "docker-compose.yml"),
      "-f",
      overlay,
      "config",
      "--services",
    );
    expect(merged.trim().split("\n").sort()).toEqual(["grafana", "node1", "node2", "node3", "prometheus"]);
  });
});

describe.skipIf(!hasCompose)(`docker compose up${why}`, () => {
  let home: string;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "lab-test-compose-"));
    await compose("up", "-d", "--quiet-pull");
  });
  afterAll(async () => {
    await compose("down", "-v", "-t", "1");
    await rm(home, { recursive: true });
    expect(await docker("ps", "-aq", "--filter", `label=com.docker.compose.project=${PROJECT}`)).toBe("");
  });

  async function lab(...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(process.execPath, [join(ROOT, "dist/lab.js"), ...args], {
      env: { ...process.env, XDG_STATE_HOME: home, LAB_NAME: "compose", LAB_RUNTIME: "docker" },
    });
    return stdout;
  }

  it("must make three nodes that agree on node 3 and are healthy", async () => {
    await eventually(async () => {
      const status = await compose("exec", "-T", "node1", "node", "/app/node.js", "control", "status");
      expect(status).toContain("Coordinator: Node 3");
    }, 30_000);
    await eventually(async () => {
      const states = await docker(
        "ps",
        "--filter",
        `label=com.docker.compose.project=${PROJECT}`,
        "--format",
        "{{.Status}}",
      );
      expect(
        states
          .trim()
          .split("\n")
          .filter((state) => state.includes("(healthy)")),
      ).toHaveLength(3);
    }, 60_000);
  });

  it("must be seen and obeyed through the lab's CLI", async () => {
    expect(await lab("ps")).toMatch(/3\s+COORDINATOR/);
    expect(await lab("sell", "1", "2", "30")).toContain("SELL 30 credits to Node 2 [100 -> 70]");
    expect(await lab("balance")).toMatch(/2\s+130/);
  });

  it("must elect the next one when the coordinator is killed", async () => {
    await compose("kill", "node3");
    await eventually(async () => {
      const status = await compose("exec", "-T", "node1", "node", "/app/node.js", "control", "status");
      expect(status).toContain("Coordinator: Node 2");
    }, 30_000);
  });
});
