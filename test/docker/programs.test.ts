import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { Lab } from "../../lab/library/lab.ts";
import { CliLab } from "../support/cli-lab.ts";
import { eventually } from "../support/eventually.ts";
import { isExtended } from "../support/extended.ts";
import { PROJECT_ROOT } from "../support/sources.ts";
import { containersOf, ELECTION, helpersOf, openFolder } from "./program-fixture.ts";

const { path: folder, remove } = await openFolder();
afterAll(remove);

describe("five nodes of a Python program", () => {
  it("must be started, asked, killed, scaled and cut, and leave nothing", async () => {
    await using lab = await CliLab.named("t-prog");
    await lab.ok("up", "-f", join(ELECTION, "lab.yaml"));
    await lab.ok("wait", "agree", "leader=5", "--timeout", "60s");
    expect(await lab.ok("ps")).toMatch(/NODE {2}STATE +LEADER +MEMBER +ADDRESS/);
    expect(await lab.json<{ leader: number }>("ask", "3", "status")).toMatchObject({ from: 3, leader: 5 });
    await lab.ok("kill", "leader");
    await lab.ok("wait", "agree", "leader=4", "status:5=exited", "--timeout", "60s");
    await lab.ok("start", "5");
    await lab.ok("wait", "fact:leader=5", "--timeout", "60s");
    expect(await helpersOf(lab)).toBe(0);

    // A cut needs a helper at each receiver, and the program gets no capability.
    await lab.ok("isolate", "2");
    expect(await helpersOf(lab)).toBe(5);
    const programs = (await containersOf(lab)).filter(({ name }) => !name.endsWith("-helper"));
    expect(programs.map(({ caps }) => caps)).toEqual(programs.map(() => null));
    await lab.ok("wait", "fact:leader:2=2", "--timeout", "60s");

    // A node that comes back finds the fault in force before it speaks: nobody hears of it.
    await lab.ok("kill", "2");
    await lab.ok("wait", "status:2=exited");
    await lab.ok("start", "2");
    await lab.ok("wait", "fact:leader:2=2", "--timeout", "60s");
    const heard = (await lab.ok("logs", "2")).split("JOINED 2").at(-1);
    expect(heard).not.toContain("ALIVE");
    await lab.ok("heal");
    expect(await helpersOf(lab)).toBe(0);

    await lab.ok("netem", "3", "--loss", "100%", "--for", "2s");
    await eventually(async () => expect(await helpersOf(lab)).toBe(0));
    await lab.ok("scale", "3");
    expect(await lab.json<unknown[]>("ps")).toHaveLength(3);
    await lab.ok("down");
    expect(await containersOf(lab)).toEqual([]);
  }, 240_000);

  it("must be found out by the scenario, and pass with the bug taken away", async () => {
    await using lab = await CliLab.named("t-split");
    const file = join(ELECTION, "split.yaml");
    const found = await lab.run("run", file);
    expect(found.stdout).toMatch(/one-holder leader +invalid/);
    expect(found.code).toBe(5);
    const fixed = await lab.run("run", file, "--set", "env.FIXED=1");
    expect(fixed.stdout).toMatch(/agree leader +valid/);
    expect(fixed.code).toBe(0);
    expect(await containersOf(lab)).toEqual([]);
  }, 240_000);
});

describe("the library", () => {
  it("must start, ask, break and judge a program of one's own", async () => {
    await using lab = await Lab.up({
      nodes: 3,
      runtime: "docker",
      node: {
        build: join(PROJECT_ROOT, "compose/programs/init-node"),
        // biome-ignore lint/suspicious/noTemplateCurlyInString: as files write them
        env: { NODE_ID: "${id}", NODE_IP: "${ip}" },
        ready: { log: "^ready" },
        ask: { status: { udp: 7400, send: "status", as: "json" } },
        facts: [{ match: "^leader (?<value>\\d+)$", kind: "leader" }],
      },
    });
    await lab.until("fact:leader == 3");
    expect(await lab.node(1).ask("status")).toMatchObject({ leader: 3 });
    expect((await lab.status()).map(({ facts }) => facts)).toEqual([{ leader: "3" }, { leader: "3" }, { leader: "3" }]);
    await (await lab.leader()).kill();
    await lab.until("agree && leader == 2");
    expect((await lab.check()).results.map(({ verdict }) => verdict)).not.toContain("invalid");
    await expect(lab.balances()).resolves.toEqual({});
  });
});

describe.runIf(isExtended)("a program from elsewhere", () => {
  it("must be broken from outside: serf, as Debian has it", async () => {
    await using lab = await CliLab.named("t-serf");
    await lab.ok("run", join(PROJECT_ROOT, "compose/programs/serf/failures.yaml"));
    expect(await containersOf(lab)).toEqual([]);
  }, 300_000);
});

describe("lab init", () => {
  it.each(["python", "node", ...(isExtended ? ["go"] : [])])(
    "must write a %s program that runs",
    async (language) => {
      await using lab = await CliLab.named("t-init");
      const own = join(folder, language);
      await lab.ok("init", language, own);
      expect((await lab.run("init", language, own)).stderr).toContain("exists already");
      await lab.ok("run", join(own, "split.yaml"), "--runtime", "docker");
    },
    240_000,
  );
});
