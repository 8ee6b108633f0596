// Programs that aren't ours as processes of this machine: all that needs no network of one's own, and what is said of the rest.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { findByEnvironment } from "../../lab/base/process-table.ts";
import { LAB_VARIABLE } from "../../lab/engine/local/local-store.ts";
import { CliLab, removeStateHome } from "../support/cli-lab.ts";

const folder = await mkdtemp(join(tmpdir(), "lab-programs-"));
afterAll(async () => {
  await rm(folder, { recursive: true });
  await removeStateHome();
});

/** Also what a node has started. */
async function processesOf({ name }: CliLab): Promise<readonly object[]> {
  return (await findByEnvironment(LAB_VARIABLE)).filter(({ value }) => value.startsWith(`${name}/`));
}

/** `node:` for three nodes of a program that is written here. */
async function writeLab(node: object): Promise<string> {
  const file = join(folder, "lab.yaml");
  await writeFile(file, stringify({ nodes: 2, node }));
  return file;
}

const JS = "node --input-type=module -e";
/** Answers on its own address, and ends by the code that an order names. */
const ECHO = `
import { createSocket } from "node:dgram";
import { appendFileSync, readFileSync } from "node:fs";
const socket = createSocket("udp4").on("message", (bytes, { address, port }) => {
  if (String(bytes) === "fail") process.exit(7);
  socket.send(JSON.stringify({ node: process.env.OWN, peers: process.env.PEERS }), port, address);
});
socket.bind(7411, process.env.IP, () => console.log("ready"));
appendFileSync(process.env.LAB_NODE_DIR + "/starts", "x");
console.log("starts " + readFileSync(process.env.LAB_NODE_DIR + "/starts").length);
`;

describe("a program in local processes", () => {
  it("must have an address each, be asked, frozen, ended with its children, and leave nothing", async () => {
    await using lab = await CliLab.named("t-here", "local");
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as files write them
    const env = { OWN: "${id}", IP: "${ip}", PEERS: "${peers}", CODE: ECHO };
    const file = await writeLab({
      command: `sleep 1000 & ${JS} "$CODE"`,
      env,
      ready: { log: "^ready" },
      network: { udp: [7411] },
      ask: { who: { udp: 7411, send: "who", as: "json" }, env: { exec: "echo $OWN" } },
      tell: { fail: { udp: 7411, send: "fail" } },
      facts: [{ match: "^starts (?<value>\\d+)", kind: "starts" }],
    });
    await lab.ok("up", "-f", file);
    const [one, two] = await Promise.all(
      [1, 2].map((id) => lab.json<{ node: string; peers: string }>("ask", `${id}`, "who")),
    );
    expect([one?.node, two?.node]).toEqual(["1", "2"]);
    expect(one?.peers).toMatch(/^127\.\d+\.0\.2$/);
    expect(await lab.ok("ask", "2", "env")).toBe("2\n");
    await lab.ok("wait", "fact:starts=1");

    await lab.ok("pause", "2");
    expect(await lab.ok("ps")).toMatch(/2 +paused/);
    await lab.ok("resume", "2");
    await lab.ok("kill", "2");
    await lab.ok("start", "2");
    await lab.ok("wait", "ready", "fact:starts:2=2", "fact:starts:1=1");
    expect((await lab.run("tell", "1", "fail")).code).toBe(124);
    await lab.ok("wait", "status:1=exited");
    expect(await lab.ok("ps")).toMatch(/1 +exited \(exit code 7\)/);
    const lives = (await lab.ok("events", "-o", "json"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { node: number; inc: number; msg: string });
    expect(lives.filter(({ node, msg }) => node === 2 && msg === "ready").map(({ inc }) => inc)).toEqual([1, 2]);

    const cut = await lab.run("isolate", "2");
    expect([cut.code, cut.stderr]).toEqual([6, expect.stringContaining("share its network")]);
    await lab.ok("down");
    expect(await processesOf(lab)).toEqual([]);
  });

  it.each([
    ["an image alone", { image: "x" }, /run no image, and node: names no command/, 6],
    ["files", { command: "true", files: { "/etc/x": "lab.yaml" } }, /no file system of their own for files:/, 6],
    ["a health check", { image: "x", command: "true", ready: "health" }, /no image with a health check/, 6],
    ["a command that isn't there", { command: ["no-such-program"] }, /can't run "no-such-program"/, 1],
    ["an end at once", { command: "echo bye; exit 3" }, /exited \(exit code 3\)[\s\S]*bye/, 1],
    ["never ready", { command: "echo hm; sleep 99", ready: { log: "never" } }, /isn't ready after 1 s[\s\S]*hm/, 124],
    ["no port", { command: "sleep 99", network: { udp: [7412] } }, /doesn't listen on UDP port 7412/, 124],
  ] as const)("must be told when it has %s", async (_what, node, said, code) => {
    await using lab = await CliLab.named("t-cant", "local");
    const { stderr, code: found } = await lab.run("up", "-f", await writeLab(node), "--timeout", "1s");
    expect(stderr).toMatch(said);
    expect(found).toBe(code);
    expect((await lab.run("down")).code).toBe(code === 124 ? 0 : 3);
    expect(await processesOf(lab)).toEqual([]);
  });

  it("must not fill the disk with its words, nor survive a stop", async () => {
    await using lab = await CliLab.named("t-wild", "local");
    const command =
      "trap '' TERM; head -c 3000 /dev/urandom; yes $(printf %0900d 0) | head -n 40000; echo; echo done; while :; do sleep 1; done";
    await lab.ok("up", "-f", await writeLab({ command, ready: { log: "^done" } }), "--timeout", "60s");
    const logs = await readFile(join(lab.stateHome, "energy-lab", lab.name, "local/nodes/1/stdout.log"));
    expect(logs.length).toBeLessThan(33 * 2 ** 20);
    await lab.ok("stop", "1", "--grace", "200ms");
    expect(await lab.ok("ps")).toMatch(/1 +exited/);
    await lab.ok("down");
  });

  it.each(["node"])("must run what `lab init %s` writes", async (language) => {
    await using lab = await CliLab.named("t-init", "local");
    const own = join(folder, language);
    await lab.ok("init", language, own);
    await lab.ok("up", "-f", join(own, "lab.yaml"));
    await lab.ok("wait", "agree", "leader=3", "--timeout", "20s");
    await lab.ok("kill", "leader");
    await lab.ok("wait", "agree", "leader=2", "--timeout", "20s");
    // Its three nodes are bound to all addresses: any of them may have answered.
    const { code, stderr } = await lab.run("ask", "1", "status");
    expect([code, stderr]).toEqual([1, expect.stringMatching(/shares UDP port 7400|doesn't answer/)]);
  });
});
