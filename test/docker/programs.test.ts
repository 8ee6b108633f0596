// Programs that aren't ours, through the `lab` command: the example with its bug and its fix, faults from outside, and what goes wrong.
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { connectDocker } from "../../lab/engine/docker/docker-connect.ts";
import { Lab } from "../../lab/library/lab.ts";
import { CliLab, removeStateHome } from "../support/cli-lab.ts";
import { eventually } from "../support/eventually.ts";
import { PROJECT_ROOT } from "../support/sources.ts";

const ELECTION = join(PROJECT_ROOT, "compose/programs/election");
const folder = await mkdtemp(join(tmpdir(), "lab-programs-"));
using raw = await connectDocker();
afterAll(async () => {
  await rm(folder, { recursive: true });
  await removeStateHome();
});

async function containersOf(lab: CliLab): Promise<readonly { name: string; caps: readonly string[] | null }[]> {
  const label = [`energy-lab.lab=${lab.name}`];
  const found = await raw.docker.listContainers({ all: true, filters: { label } });
  return await Promise.all(
    found.map(async ({ Id, Names }) => {
      const info = await raw.docker.getContainer(Id).inspect();
      return { name: Names[0] ?? "", caps: info.HostConfig.CapAdd ?? null };
    }),
  );
}

async function helpersOf(lab: CliLab): Promise<number> {
  return (await containersOf(lab)).filter(({ name }) => name.endsWith("-helper")).length;
}

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

/** `node:` of the lab file, what is said, and the exit code. `sh` runs in an image that is there already. */
const BASE = "node:24-bookworm-slim";
const udp = (port: number, address: string) =>
  `require("dgram").createSocket("udp4").bind(${port}, "${address}"); setInterval(() => {}, 1e6)`;
const BAD: readonly (readonly [what: string, node: object, said: RegExp, code: number | readonly number[]])[] = [
  ["an image that doesn't exist", { image: "no-such-image-of-ours:1" }, /there is no image no-such-image-of-ours:1/, 1],
  ["a folder without a Dockerfile", { build: "." }, /has no Dockerfile/, 2],
  ["a command that doesn't exist", { image: BASE, command: ["no-such-program"] }, /node \d[\s\S]*no-such-program/, 1],
  ["a program that ends at once", { image: BASE, command: "echo bye; exit 3" }, /exited[\s\S]*bye/, 1],
  [
    "a program that is never ready",
    { image: BASE, command: "echo hm; sleep 99", ready: { log: "never" } },
    /isn't ready after 2 s: no line of its output matches \/never\/; it wrote last:\s+hm/,
    124,
  ],
  [
    "a program that listens on TCP only",
    { image: BASE, command: ["node", "-e", 'require("net").createServer().listen(7001)'], network: { udp: [7001] } },
    /listens on TCP port 7001 only, not on UDP/,
    124,
  ],
  [
    "a program that listens where nobody reaches it",
    { image: BASE, command: ["node", "-e", udp(7001, "127.0.0.1")], network: { udp: [7001] } },
    /listens on 127.0.0.1:7001, where no other node reaches it/,
    124,
  ],
  [
    "an image without a health check",
    { image: BASE, command: "sleep 99", ready: "health" },
    /has no health check/,
    124,
  ],
  [
    "a program that speaks IPv6 only",
    {
      image: BASE,
      command: ["node", "-e", 'require("dgram").createSocket("udp6").bind(7001, "::1"); setInterval(() => {}, 1e6)'],
      network: { udp: [7001] },
    },
    /listens on IPv6 \S+, and the lab's network has IPv4 only|EADDRNOTAVAIL[\s\S]*a node has one address/,
    // Some engines have no IPv6 at all.
    [1, 124],
  ],
  [
    "a program that takes another address",
    { image: BASE, command: ["node", "-e", udp(7001, "10.9.8.7")], ready: { log: "never" } },
    /EADDRNOTAVAIL[\s\S]*a node has one address, \$\{ip\}/,
    1,
  ],
  [
    "a program that needs a capability",
    { image: BASE, command: "node -e 0; mount -t tmpfs x /mnt || exit 1" },
    /exited[\s\S]*(permission denied|must be superuser)[\s\S]*has no capability/,
    1,
  ],
];

describe("what is wrong with a program", () => {
  it.each(BAD)("must be said: %s", async (_what, node, said, code) => {
    await using lab = await CliLab.named("t-bad");
    const file = join(folder, "lab.yaml");
    await writeFile(file, stringify({ nodes: 2, node }));
    const { stderr, code: found } = await lab.run("up", "-f", file, "--timeout", "2s");
    expect(stderr).toMatch(said);
    expect([code].flat()).toContain(found);
    // After a timeout the nodes stay, to be looked at; all else is taken back.
    expect((await lab.run("down")).code).toBe(found === 124 ? 0 : 3);
    expect(await containersOf(lab)).toEqual([]);
  });

  it("must not matter to a lab: floods, bytes, and no ear for SIGTERM", async () => {
    await using lab = await CliLab.named("t-wild");
    const file = join(folder, "lab.yaml");
    const command =
      "trap '' TERM; head -c 3000 /dev/urandom; yes flood | head -n 10000; echo; echo done; while :; do sleep 1; done";
    await writeFile(file, stringify({ nodes: 2, node: { image: BASE, command, ready: { log: "^done" } } }));
    await lab.ok("up", "-f", file);
    await lab.ok("stop", "1", "--grace", "1s");
    expect(await lab.ok("ps")).toMatch(/exited \(killed by SIGKILL\)/);
    expect((await lab.ok("events", "--node", "2")).length).toBeGreaterThan(1_000);
    const { code, stderr } = await lab.run("netem", "2", "--delay", "50ms");
    if (code !== 0) expect([code, stderr]).toEqual([6, expect.stringContaining("need tc netem")]);
    for (const words of [
      ["sell", "1", "2", "3"],
      ["wait", "balance:2=3"],
      ["ask", "2", "x"],
    ]) {
      expect((await lab.run(...words)).code).toBeGreaterThan(1);
    }
  });
});

interface MessageLine {
  readonly kind: string;
  readonly node: number;
  readonly inc: number;
  readonly id?: string;
  readonly type?: string;
  readonly to?: number;
}

describe("the tap", () => {
  it("must show each datagram at both ends, lost ones too, over a restart, and go with the lab", async () => {
    await using lab = await CliLab.named("t-tap");
    await lab.ok("up", "-f", join(ELECTION, "lab.yaml"), "--messages");
    await lab.ok("wait", "agree", "leader=5", "--timeout", "60s");
    await lab.ok("isolate", "2");
    await lab.ok("wait", "fact:leader:2=2", "--timeout", "60s");
    await lab.ok("heal");
    await lab.ok("kill", "5");
    await lab.ok("start", "5");
    await lab.ok("wait", "fact:leader:5=5", "--timeout", "60s");
    const text = await lab.ok("events", "-o", "json");
    const events = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as MessageLine);
    const of = (kind: string, node?: number) =>
      events.filter((event) => event.kind === kind && event.node === (node ?? event.node));
    const sent = of("send", 3).find(({ type, to }) => type === "HEARTBEAT" && to === undefined);
    expect(
      of("recv")
        .filter(({ id }) => id === sent?.id)
        .map(({ node }) => node)
        .sort(),
    ).toEqual([1, 2, 4, 5]);
    expect(of("drop", 2).length).toBeGreaterThan(5);
    expect(of("drop").every(({ node, id }) => node === 2 || id?.startsWith("2-"))).toBe(true);
    // A drop is told once, though the interface saw it too.
    const dropped = new Set(of("drop", 2).map(({ id }) => id));
    expect(of("recv", 2).filter(({ id }) => dropped.has(id))).toEqual([]);
    expect(of("send", 5).some(({ inc }) => inc === 1) && of("send", 5).some(({ inc }) => inc === 2)).toBe(true);
    expect(await lab.ok("export", "svg")).toContain("<svg");
    expect(await lab.ok("export", "shiviz")).toMatch(/^node3 \{.*"node3":\d+.*\}$/m);
    await lab.ok("down");
    const { Volumes: volumes } = await raw.docker.listVolumes({ filters: { label: [`energy-lab.lab=${lab.name}`] } });
    expect([await containersOf(lab), volumes ?? []]).toEqual([[], []]);
  }, 240_000);
});

describe("a program that floods the network", () => {
  it("must leave the tap with a bounded part of it, and its verdicts open", async () => {
    await using lab = await CliLab.named("t-flood");
    const file = join(folder, "lab.yaml");
    const flood = `const socket = require("dgram").createSocket("udp4"); const bytes = Buffer.alloc(1400);
      let left = 30000; const next = () => left-- > 0 ? socket.send(bytes, 7001, process.env.TO, next) : console.log("done"); next();
      setInterval(() => {}, 1e6)`;
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as files write them
    const node = { image: BASE, command: ["node", "-e", flood], env: { TO: "${peers}" }, ready: { log: "^done" } };
    await writeFile(file, stringify({ nodes: 2, node }));
    await lab.ok("up", "-f", file, "--messages", "--timeout", "60s");
    const { code, stdout } = await lab.run("check");
    expect(stdout).toMatch(/messages +inconclusive +.*(too fast for the tap|were overwritten)/);
    expect(code).toBe(7);
  }, 120_000);
});

describe("lab grade", () => {
  it("must give points, reasons and pages, and go on after a submission that can't be built", async () => {
    await using lab = await CliLab.named("t-grade");
    const home = await mkdtemp(join(folder, "grade-"));
    const submissions = join(home, "submissions");
    for (const name of ["anna", "bob", "carl"]) await cp(ELECTION, join(submissions, name), { recursive: true });
    const bug = await readFile(join(ELECTION, "node.py"), "utf8");
    await writeFile(join(submissions, "bob/node.py"), bug.replace('os.environ.get("FIXED") == "1"', "True"));
    await writeFile(join(submissions, "carl/Dockerfile"), "FROM node:24-bookworm-slim\nRUN exit 3\n");
    const out = join(home, "out");
    const { code, stdout } = await lab.run("grade", join(ELECTION, "split.yaml"), "--node", submissions, "--out", out);
    expect(stdout).toMatch(/anna +election-split +0\/1 +one-holder leader: nodes 2 and 5 are leader/);
    expect(stdout).toMatch(/bob +election-split +1\/1\n/);
    expect(stdout).toMatch(/carl +election-split +0\/1 +.*can't be built/);
    expect(code).toBe(1);
    expect(await readFile(join(out, "grades.csv"), "utf8")).toBe(
      'submission,points,"election-split"\n"anna",0,0\n"bob",1,1\n"carl",0,0\n',
    );
    expect(await readFile(join(out, "anna.html"), "utf8")).toContain("<svg");
    expect(await readFile(join(out, "junit.xml"), "utf8")).toMatch(/<testsuite name="bob" tests="1" failures="0">/);
  }, 300_000);
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

const isExtended = process.env.LAB_TEST_ALL === "1";

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
