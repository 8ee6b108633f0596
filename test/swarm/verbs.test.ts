// Every verb on three hosts, as on one, and hosts that fail under load. A lab for all verbs: making it is what takes time.
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CliLab, removeStateHome } from "../support/cli-lab.ts";
import { eventually } from "../support/eventually.ts";
import { isExtended } from "../support/extended.ts";
import { SwarmHosts } from "../support/swarm-hosts.ts";

const LIBRARY = pathToFileURL(join(import.meta.dirname, "../../dist/energy-lab.js")).href;

let hosts: SwarmHosts;
let folder: string;
const named = (prefix: string) => CliLab.named(prefix, "swarm", { DOCKER_HOST: hosts.endpoint(1) });

interface Finding {
  readonly check: string;
  readonly level: string;
  readonly found: string;
}

describe.skipIf(!isExtended)("every verb, and hosts that fail", () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "swarm-verbs-"));
    hosts = await SwarmHosts.up(3, process.env.LAB_TEST_IMAGE);
  }, 90_000);
  afterAll(async () => {
    await hosts?.[Symbol.asyncDispose]();
    await removeStateHome();
    await rm(folder, { recursive: true, force: true });
  });

  it("must take every verb that one host takes", { timeout: 300_000 }, async () => {
    await using lab = await named("t-swarm-verbs");
    await lab.ok("up", "--nodes", "5", "--profile", "fast", "--journal", "wire", "--memory", "256MB", "--pids", "128");
    const [made] = await (await hosts.engine(2)).listContainers({ filters: { label: ["energy-lab.node"] } });
    const { HostConfig: config } = await (await hosts.engine(2)).getContainer(made?.Id ?? "").inspect();
    expect([config.Memory, config.PidsLimit]).toEqual([256 * 1024 ** 2, 128]);

    const looks = ["ps", "status 1", "nodes 2", "balance", "ls", "hosts", "keys", "logs --tail 5"];
    for (const line of looks) expect(await lab.ok(...line.split(" ")), line).not.toBe("");
    await lab.ok("sell", "1", "2", "30");
    expect(await lab.ok("history", "2")).toContain("1-2-1.1");
    await lab.ok("buy", "3", "2", "1");
    await lab.ok("election", "1");
    await lab.ok("wait", "agree");

    const changes = [
      ...["netem host:h1 --delay 20ms", "heal", "isolate 2 --for 1s", "partition 1,2 3-5", "heal"],
      ...["pause 2", "resume 2", "stop 3", "start 3 --wait", "restart host:h2 --wait", "unplug 4", "plug 4"],
      ...["kill 5", "wipe 5", "start 5 --wait", "keys rotate", "scale 6", "rm 6", "wait agree converged"],
    ];
    for (const line of changes) await lab.ok(...line.split(" "));
    await lab.ok("disk", "save", "2", join(folder, "disk"));

    expect(await lab.ok("events", "--type", "fault")).toContain("netem");
    await lab.ok("export", "svg", "-O", join(folder, "run.svg"));
    expect((await lab.run("check")).stdout).not.toMatch(/\bbroken\s/);
    expect((await lab.run("report", "--to", join(folder, "reports"))).stdout).not.toMatch(/\bbroken\s/);
    expect(await readdir(join(folder, "reports"))).toHaveLength(1);

    const shell = lab.start("shell", "1");
    expect(await once(shell, "exit")).toEqual([0, null]);
    const dash = lab.start("dash", "--port", "0");
    try {
      let said = "";
      for (const stream of [dash.stdout, dash.stderr]) stream?.on("data", (data) => (said += data));
      const url = await eventually(() => /http:\S+/.exec(said)?.[0] ?? Promise.reject(new Error(said)), 20_000);
      const page = await (await fetch(url)).text();
      expect(page).toContain("<html");
    } finally {
      dash.kill();
      await once(dash, "exit");
    }
  });

  it("must play scenarios, chaos on hosts and the library's labs", { timeout: 300_000 }, async () => {
    await using lab = await named("t-swarm-play");
    await lab.ok("run", "compose/scenarios/02-leader-failure.yaml", "--report", join(folder, "runs"));
    await lab.ok("up", "--nodes", "6", "--profile", "fast", "--journal", "detailed");
    const spanS = process.env.SWARM_CHAOS_S ?? "20";
    const kinds = "host,kill,pause,netem";
    const chaos = await lab.run(
      ...["chaos", "--on", lab.name, "--kinds", kinds, "--for", `${spanS}s`, "--seed", "7", "--report", folder],
    );
    expect(chaos.code, chaos.stdout + chaos.stderr).toBe(0);
    const { Lab } = await import(LIBRARY);
    process.env.DOCKER_HOST = hosts.endpoint(1);
    try {
      await using own = await Lab.up({ nodes: 3, runtime: "swarm", profile: "fast" });
      await own.sell(1, 2, 5);
      await own.kill("leader");
      await own.waitFor("agree");
    } finally {
      delete process.env.DOCKER_HOST;
    }
  });

  it("must lose no acknowledged trade when a host's plug is pulled under load", { timeout: 300_000 }, async () => {
    await using lab = await named("t-swarm-load");
    await lab.ok("up", "--nodes", "6", "--profile", "fast", "--journal", "detailed");
    let acknowledged = 0;
    let isOver = false;
    const sellers = [1, 2, 3].map(async (from) => {
      while (!isOver) if ((await lab.run("sell", `${from}`, `${from + 3}`, "1")).code === 0) acknowledged++;
    });
    await eventually(() => expect(acknowledged).toBeGreaterThan(2), 30_000);
    await hosts.powerOff(3);
    const before = acknowledged;
    await eventually(() => expect(acknowledged).toBeGreaterThan(before + 2), 60_000);
    isOver = true;
    await Promise.all(sellers);
    await hosts.powerOn(3);
    await lab.ok("start", "host:h3", "--wait");
    await lab.ok("wait", "agree", "converged", "conserved", "--timeout", "60s");
    const { stdout } = await lab.run("check");
    expect(stdout).not.toMatch(/\bbroken\s/);
    expect(stdout).toMatch(/^durability +valid/m);
  });

  it("must say in doctor what hosts hear of each other, and refuse what a kernel can't", async () => {
    await using lab = await named("t-swarm-exam");
    // It brings the image to all hosts.
    await lab.ok("up", "--nodes", "3", "--profile", "fast");
    const { stdout } = await lab.run("doctor", "-o", "json");
    const findings = JSON.parse(stdout) as Finding[];
    const level = (check: string) => findings.find((finding) => finding.check === check)?.level;
    expect(level("overlay"), stdout).toBe("ok");
    expect(level("multicast across hosts"), stdout).toBe("ok");
    expect((await hosts.things()).filter((thing) => thing.includes("doctor"))).toEqual([]);
    await lab.ok("down");
    if (level("encryption") === "ok") return;
    expect((await lab.run("up", "--encrypted")).stderr).toContain("has no IPsec");
    expect(await hosts.things(lab.name)).toEqual([]);
  });
});
