// A lab on three hosts of a Docker Swarm, as its user sees it: up, the verbs that need the network between hosts, a host that loses its power
// under load, and nothing left at the end. The hosts are namespaces of this machine (test/support/swarm-hosts.ts).
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CliLab, removeStateHome } from "../support/cli-lab.ts";
import { eventually } from "../support/eventually.ts";
import { SwarmHosts } from "../support/swarm-hosts.ts";

interface Row {
  readonly id: number;
  readonly status: string;
  readonly host: string;
  readonly role: string | null;
  readonly balance: number | null;
}

let hosts: SwarmHosts;
let lab: CliLab;

beforeAll(async () => {
  hosts = await SwarmHosts.up(3, process.env.LAB_TEST_IMAGE);
  lab = await CliLab.named("t-swarm", "swarm", { DOCKER_HOST: hosts.endpoint(1) });
}, 90_000);

afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  await hosts?.[Symbol.asyncDispose]();
  await removeStateHome();
});

describe("a lab on a swarm", () => {
  it("must agree across hosts by multicast, with as many nodes on each, and say where", async () => {
    await lab.ok("up", "--nodes", "6", "--profile", "fast", "--journal", "detailed");
    const rows = await lab.json<Row[]>("ps");
    expect(rows.map(({ host }) => host).toSorted()).toEqual(["h1", "h1", "h2", "h2", "h3", "h3"]);
    const container = (await (await hosts.engine(2)).listContainers()).find(({ Labels: l }) => l["energy-lab.node"]);
    const { Config: config } = await (await hosts.engine(2)).getContainer(container?.Id ?? "").inspect();
    expect(config.Env.join("\n")).not.toContain("DS_PEERS");
  });

  it("must keep its token and keys out of everything that a manager tells", async () => {
    const manager = await hosts.engine(1);
    const told = JSON.stringify([
      await manager.listServices(),
      await manager.listConfigs(),
      await manager.listNetworks(),
    ]);
    expect(told).not.toMatch(/TOKEN|DS_KEYS/);
    const placement = (await manager.listConfigs()).map(
      (config) => (config as { Spec?: { Data?: string } }).Spec?.Data ?? "",
    );
    expect(placement.map((data) => Buffer.from(data, "base64").toString()).join()).not.toMatch(/token|keys/);
  });

  it("must take the verbs that name nodes, hosts and zones", async () => {
    await hosts.label(3, "energy-lab.zone", "far");
    await lab.ok("sell", "1", "2", "30");
    expect(await lab.ok("kill", "host:h2")).toMatch(/killed 2.*, 5/);
    await lab.ok("start", "host:h2", "--wait");
    await lab.ok("partition", "zone:far");
    await lab.ok("heal");
    await lab.ok("unplug", "4");
    await lab.ok("plug", "4");
    await lab.ok("wait", "agree", "conserved");
    expect((await lab.run("kill", "host:h9")).stderr).toContain("no node is on host h9");
  });

  it("must go on without a host that lost its power, and keep every trade when it is back", async () => {
    await hosts.powerOff(2);
    await eventually(async () => {
      const rows = await lab.json<Row[]>("ps");
      expect(rows.filter(({ host }) => host === "h2").map(({ status }) => status)).toEqual([
        "unreachable",
        "unreachable",
      ]);
    }, 30_000);
    await lab.ok("wait", "agree", "--timeout", "30s");
    await lab.ok("sell", "1", "3", "5");
    expect(await lab.ok("kill", "host:h2")).toContain("nothing to kill");
    await hosts.powerOn(2);
    await lab.ok("start", "host:h2", "--wait");
    await lab.ok("wait", "converged", "conserved", "--timeout", "30s");
    const { stdout } = await lab.run("check");
    expect(stdout).not.toMatch(/\bbroken\s/);
    expect(stdout).toMatch(/^durability +valid/m);
  });

  it("must name what lies on a host that is away when it is taken down, and remove it when that host is back", async () => {
    await hosts.powerOff(3);
    const { stderr } = await lab.run("down");
    expect(stderr).toContain("host h3");
    expect(await lab.ok("ls")).not.toContain(lab.name);
    await hosts.powerOn(3);
    await lab.ok("gc", "--runtime", "swarm");
    expect(await hosts.things()).toEqual([]);
  });
});
