// What programs that aren't ours send and receive, without their help; and submissions that are graded.
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { connectDocker } from "../../lab/engine/docker/docker-connect.ts";
import { CliLab } from "../support/cli-lab.ts";
import { BASE, containersOf, ELECTION, openFolder } from "./program-fixture.ts";

const { path: folder, remove } = await openFolder();
afterAll(remove);

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
    using raw = await connectDocker();
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
    expect(stdout).toMatch(/messages +inconclusive +.*oldest \d{4,} datagrams were overwritten/);
    expect(code).toBe(7);
  }, 120_000);
});

describe("lab grade", () => {
  it("must give points, reasons and pages, and go on after a submission that can't be built", async () => {
    await using lab = await CliLab.named("t-grade");
    const home = join(folder, "grade");
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
