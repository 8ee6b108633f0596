// What takes longer on three hosts of a swarm: multicast by addresses, two labs at once, a cable pulled at the switch, and a killed command.
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CliLab, removeStateHome } from "../support/cli-lab.ts";
import { eventually } from "../support/eventually.ts";
import { isExtended } from "../support/extended.ts";
import { SwarmHosts } from "../support/swarm-hosts.ts";

let hosts: SwarmHosts;
const named = (prefix: string) => CliLab.named(prefix, "swarm", { DOCKER_HOST: hosts.endpoint(1) });

describe.skipIf(!isExtended)("a lab on a swarm, at length", () => {
  beforeAll(async () => {
    hosts = await SwarmHosts.up(3, process.env.LAB_TEST_IMAGE);
  }, 90_000);
  afterAll(async () => {
    await hosts?.[Symbol.asyncDispose]();
    await removeStateHome();
  });

  it("must agree without the helper when nodes are told the others' addresses, beside another lab, and scale", async () => {
    await using other = await named("t-swarm-one");
    await using lab = await named("t-swarm-uni");
    await Promise.all([
      other.ok("up", "--nodes", "2", "--profile", "fast"),
      lab.ok("up", "--nodes", "3", "--profile", "fast", "--multicast", "unicast"),
    ]);
    expect((await hosts.things(lab.name)).filter((thing) => thing.startsWith("service"))).toEqual([]);
    await lab.ok("scale", "4");
    await lab.ok("down");
    expect(await hosts.things(lab.name)).toEqual([]);
    await other.ok("wait", "agree");
  });

  it("must call the nodes of a host unreachable that is cut at the switch, and have them all back after the heal", async () => {
    await using lab = await named("t-swarm-cut");
    await lab.ok("up", "--nodes", "6", "--profile", "fast", "--journal", "detailed");
    await hosts.cut(2);
    await eventually(async () => expect(await lab.ok("ps")).toContain("unreachable"), 30_000);
    await lab.ok("sell", "1", "4", "5");
    await hosts.heal(2);
    await lab.ok("wait", "agree", "converged", "conserved", "--timeout", "60s");
    expect((await lab.run("check")).stdout).not.toMatch(/\bbroken\s/);
  });

  it.each([1, 2, 4, 7, 10])(
    "must leave what `down` removes completely when `up` is killed with %i of its things there",
    async (count) => {
      const lab = await named("t-swarm-killed");
      const up = lab.start("up", "--nodes", "3", "--profile", "fast");
      let isOver = false;
      const ended = once(up, "exit").then(() => {
        isOver = true;
      });
      while (!isOver && (await hosts.things(lab.name)).length < count);
      up.kill("SIGKILL");
      await ended;
      await lab.run("down");
      // The engines may still be carrying out the last orders of the dead command.
      await lab.run("down");
      expect(await hosts.things(lab.name)).toEqual([]);
    },
  );
});
