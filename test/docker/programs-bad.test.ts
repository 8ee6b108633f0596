// Programs that aren't ours, and what goes wrong with them: each gets a sentence, and leaves nothing behind.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { CliLab } from "../support/cli-lab.ts";
import { BASE, containersOf, openFolder } from "./program-fixture.ts";

const { path: folder, remove } = await openFolder();
afterAll(remove);

/** `node:` of the lab file, what is said, and the exit code. */
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
    { image: BASE, command: "mount -t tmpfs x /mnt || exit 1", ready: { log: "never" } },
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
