// A bad day with Docker: what goes wrong outside of the lab, and how the lab takes it. A table for each kind; the next case is a row.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CliLab, docker, removeStateHome } from "../support/cli-lab.ts";
import { IMPAIRMENT_VALUES } from "../support/impairment-values.ts";

let lab: CliLab;
/** Another person, who has the same engine and nothing else. */
let other: CliLab;
let otherHome: string;
beforeAll(async () => {
  lab = await CliLab.up("t-bad-d", 2);
  otherHome = await mkdtemp(join(tmpdir(), "lab-test-other-"));
  other = lab.seenFrom(otherHome);
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  await removeStateHome();
  await rm(otherHome, { recursive: true, force: true });
});

interface FaultJson {
  readonly id: string;
  readonly cause: string;
}
const causes = async (whose: CliLab) => (await whose.json<FaultJson[]>("faults")).map(({ cause }) => cause);

describe("a fault that isn't there", () => {
  test.each(IMPAIRMENT_VALUES)("%s must be brought about and verified: %s", async (_name, flags) => {
    expect(await lab.json("netem", "1", ...flags.split(" "))).toMatchObject({ verified: true });
  });

  test("must leave no fault behind when it can't be applied on one of its nodes", async () => {
    await lab.ok("heal");
    await lab.shell(2, "mv /usr/sbin/nft /usr/sbin/nft.away");
    const { code, stderr } = await lab.run("partition", "1", "2");
    await lab.shell(2, "mv /usr/sbin/nft.away /usr/sbin/nft");
    expect(stderr).toMatch(/^lab: node 2: nft refused .*; the fault is taken back/);
    expect(code).toBe(1);
    expect(await causes(lab)).toEqual([]);
    await lab.ok("heal");
    for (const id of [1, 2]) expect(await lab.remains(id)).toBe("");
  });
});

describe("limits", () => {
  test("must hold for new nodes too, let even the smallest lab live and be broken, and be named when one is exceeded", async () => {
    await using small = await CliLab.up("t-bad-l", 2, "--memory", "64MB", "--pids", "32");
    await small.ok("scale", "3");
    const container = (await small.peer(3)).container;
    const format = "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.PidsLimit}}";
    expect((await docker("inspect", "--format", format, container)).trim()).toBe(`${2 ** 26} ${2 ** 26} 32`);
    await small.ok("netem", "all", "--delay", "5ms", "--loss", "5%", "--rate", "10mbit");
    await small.ok("partition", "1", "2,3");
    await small.ok("heal");
    await small.ok("wait", "agree", "conserved");
    // The node is the first that the kernel takes.
    await small.shell(3, "echo 1000 >/proc/1/oom_score_adj; head -c 200m /dev/zero | tail >/dev/null").catch(() => "");
    await small.ok("wait", "status:3=exited", "--timeout", "20s");
    expect(await small.ok("ps")).toContain("exited (out of memory)");
    expect(await small.ok("events", "--type", "fault")).toContain("node 3 died: out of memory");
  });
});

describe("two people, one lab", () => {
  test("must both see what the other has set, and replace nothing in silence", async () => {
    await lab.ok("partition", "1", "2");
    expect(await causes(other)).toEqual(["partition 1 2"]);
    await other.ok("netem", "1", "--loss", "10%", "--to", "2");
    expect(await causes(lab)).toEqual(["partition 1 2", "netem 1 --loss 10% --to 2"]);
    expect(await lab.shell(2, "nft list table inet energy_lab_faults")).toMatch(/@cut[\s\S]*numgen/);
    await other.ok("heal");
    expect(await causes(lab)).toEqual([]);
  });

  test("must be told when the other was faster, change nothing then, and be obeyed the next time", async () => {
    expect([await causes(lab), await causes(other)]).toEqual([[], []]);
    await other.ok("partition", "1", "2");
    const first = await lab.run("netem", "2", "--loss", "20%");
    expect(first.stderr).toMatch(
      /^lab: somebody else set f\d+ \(partition 1 2\) on node 1 meanwhile; nothing was changed\n/,
    );
    expect(first.code).toBe(1);
    await lab.ok("netem", "2", "--loss", "20%");
    expect(await causes(other)).toEqual(["partition 1 2", "netem 2 --loss 20%"]);
    expect((await lab.run("heal")).stderr).toContain("verified: no fault is left");
  });

  test("must get back a list that was lost while all nodes were down", async () => {
    await lab.ok("partition", "1", "2");
    await lab.ok("netem", "1", "--delay", "5ms");
    await lab.ok("stop", "all");
    await rm(join(lab.stateHome, "energy-lab", lab.name), { recursive: true });
    await lab.ok("start", "all");
    expect(await causes(lab)).toEqual(["partition 1 2", "netem 1 --delay 5ms"]);
    await lab.ok("heal");
    for (const id of [1, 2]) expect(await lab.remains(id)).toBe("");
  });
});

describe("things change behind the lab's back", () => {
  const network = () => `energy-lab-${lab.name}`;
  /** A container of somebody else on the lab's network. */
  const sidecar = async (...options: string[]) => {
    const name = `${lab.name}-sidecar`;
    const image = (await docker("inspect", "--format", "{{.Image}}", (await lab.peer(1)).container)).trim();
    await docker(
      "run",
      "-d",
      "--name",
      name,
      "--network",
      network(),
      ...options,
      "--entrypoint",
      "sleep",
      image,
      "600",
    );
    const remove = async () => void (await docker("rm", "-f", name));
    return { name, [Symbol.asyncDispose]: remove };
  };

  test("a container that asks for no address must get one that no node can have", async () => {
    await using other = await sidecar();
    const format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    expect(Number((await docker("inspect", "--format", format, other.name)).trim().split(".")[3])).toBeGreaterThan(251);
  });

  test.each(["scale 3", "start 2", "plug 2"])(
    "`lab %s` must name the container that took the node's address",
    async (command) => {
      const node = command === "scale 3" ? 3 : 2;
      const ip = (await lab.peer(1)).ip.replace(/\d+$/, `${node + 1}`);
      if (command === "start 2") await lab.ok("stop", "2");
      if (command === "plug 2") await lab.ok("unplug", "2");
      {
        await using other = await sidecar("--ip", ip);
        const { code, stderr } = await lab.run(...command.split(" "));
        expect({ code, stderr }).toEqual({
          code: 1,
          stderr: expect.stringContaining(`node ${node} has no address: container ${other.name}`),
        });
        expect(stderr).toContain(`docker network disconnect ${network()} ${other.name}`);
      }
      await lab.ok(...command.split(" "));
      await lab.ok("wait", "agree");
      if (node === 3) await lab.ok("scale", "2");
    },
  );

  test.each(["start all", "plug 2"])("`lab %s` must make a network again that was pruned", async (command) => {
    await lab.ok("unplug", "2");
    await lab.ok("stop", "all");
    // What `docker network prune` does to this one.
    await docker("network", "rm", network());
    await lab.ok(...command.split(" "));
    await lab.ok("plug", "2");
    await lab.ok("start", "all");
    await lab.ok("wait", "agree", "conserved");
    if (command === "scale 3") await lab.ok("scale", "2");
    expect((await docker("network", "ls", "-q", "--filter", `label=energy-lab.lab=${lab.name}`)).trim()).toMatch(
      /^\w+$/,
    );
  });
});

test("many nodes that start at once must share one network that is made again, also of a program", async () => {
  await using many = await CliLab.named("t-bad-p");
  await many.ok("up", "-f", "compose/programs/election/lab.yaml");
  await many.ok("stop", "all");
  await docker("network", "rm", `energy-lab-${many.name}`);
  await many.ok("start", "all");
  const rows = await many.json<{ status: string }[]>("ps");
  expect(rows.map(({ status }) => status)).toEqual(Array.from({ length: 5 }, () => "running"));
  await many.ok("scale", "6");
});
