import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createKeyring, OPEN_KEYS } from "../../node/runtime/keyring.ts";
import { sealDatagram } from "../../node/wire/envelope.ts";
import { until } from "../support/eventually.ts";
import { findPorts, mainPath, TestLab } from "../support/node-process.ts";

function runMain(args: readonly string[], env: Record<string, string> = {}) {
  const result = spawnSync(process.execPath, ["--disable-warning=ExperimentalWarning", mainPath, ...args], {
    env: { PATH: process.env.PATH ?? "", ...env },
    encoding: "utf8",
    timeout: 30_000,
  });
  return { code: result.status, stdout: result.stdout, stderr: result.stderr };
}

describe("one node as a process", () => {
  test("must stay up and count whatever strangers send", async () => {
    await using lab = await TestLab.open(2);
    const node = lab.start(1);
    await until("it answers", () => node.ping());
    const ring = createKeyring(OPEN_KEYS);
    let packetSeq = 0;
    const seal = (body: string): Uint8Array => {
      packetSeq += 1;
      const header = { control: false, keyId: 0, sender: 2, incarnation: 1, bootId: "00000000000000bb", packetSeq };
      return sealDatagram(header, Buffer.from(body), ring);
    };
    const otherVersion = seal("{}");
    otherVersion[2] = 9;
    const tampered = seal("{}");
    tampered[40] = (tampered[40] ?? 0) ^ 1;
    const replayed = seal("not json either");
    for (const bytes of [
      Buffer.alloc(5000, 1),
      Buffer.alloc(10),
      Buffer.from("x".repeat(100)),
      Buffer.from('{"message_type":"HEARTBEAT","sender_id":2,"sender_priority":2,"payload":{"credits":5}}'),
      otherVersion,
      tampered,
      seal("not json"),
      seal('{"message_type":"HEARTBEAT"}'),
      seal('{"message_type":"DANCE"}'),
      replayed,
      replayed,
      lab.sealRequest({ op: "leave", request_id: "r" }, "another token"),
    ])
      lab.sendRaw(1, bytes);
    await until("all are counted", async () => {
      const { counters } = await node.state();
      const expected = {
        drop_oversize: 1,
        drop_truncated: 1,
        drop_magic: 2,
        drop_version: 1,
        drop_bad_tag: 1,
        // The doubled one too: numbers are marked of admitted senders only.
        drop_not_json: 3,
        drop_schema: 1,
        drop_unknown_type: 1,
        control_unauthorised: 1,
      };
      return Object.entries(expected).every(([name, count]) => (counters[name] ?? 0) === count);
    });
    expect(await node.ping()).toMatchObject({ id: 1 });
  });

  test("must refuse to run twice with the same number on one host, and say so", async () => {
    await using lab = await TestLab.open(2);
    const node = lab.start(1);
    await until("it answers", () => node.ping());
    const second = lab.start(1, { memoryOnly: true });
    expect(await second.exited).toBe(1);
    expect(second.stderr).toContain("another node with this number already runs here");
    expect(await node.ping()).toMatchObject({ id: 1 });
  });

  test("must refuse a number that lives at another address of the cluster, naming both", async () => {
    await using lab = await TestLab.open(3);
    const nodes = [lab.start(1), lab.start(2)];
    await lab.agree(nodes);
    // As on another host: other ports, another folder, the same group.
    const { base } = await findPorts(2);
    const second = lab.start(2, {
      env: { DS_UNICAST_PORT_BASE: String(base), DS_DATA_DIR: join(lab.folder, "elsewhere"), DS_CONTROL_TOKEN: "" },
    });
    expect(await second.exited).toBe(1);
    expect(second.stderr).toContain(`127.0.0.1:${lab.port(2)}`);
    expect(second.stderr).toContain(`127.0.0.1:${base + 2}`);
    await lab.agree(nodes, 2);
  });

  test("must refuse a data directory that another node uses", async () => {
    await using lab = await TestLab.open(3);
    const node = lab.start(1);
    await until("it answers", () => node.ping());
    const second = lab.start(2, { env: { DS_DATA_DIR: lab.dataDir(1) } });
    expect(await second.exited).toBe(1);
    expect(second.stderr).toContain("another node uses the folder");
  });

  test("must refuse a damaged ledger", async () => {
    await using lab = await TestLab.open(1);
    const first = lab.start(1);
    await until("it answers", () => first.ping());
    // Gracefully: after a kill the whole ledger may still be in its log, beside the file that we spoil.
    await first.kill("SIGTERM");
    writeFileSync(join(lab.dataDir(1), "ledger.db"), "garbage ".repeat(1000));
    const second = lab.start(1);
    expect(await second.exited).toBe(1);
    expect(second.stderr).toMatch(/is damaged.*\n {2}nothing was changed; move the folder away/);
  });

  test("must say that it keeps nothing without a data directory, and that its key is public", async () => {
    await using lab = await TestLab.open(1);
    const node = lab.start(1, { memoryOnly: true });
    await node.hears("in memory only");
    await node.hears("auth: open");
    expect((await node.state()).durable).toBe(false);
  });

  test("must reload its keys at SIGHUP", async () => {
    await using lab = await TestLab.open(1);
    const path = join(lab.folder, "keys");
    const key = (fill: number): string => Buffer.alloc(32, fill).toString("base64");
    writeFileSync(path, `1:${key(1)}`);
    const node = lab.start(1, { env: { DS_KEYS_FILE: path } });
    expect((await until("it answers", () => node.state().catch(() => null))).auth).toBe("keyed");
    writeFileSync(path, `2:${key(2)},1:${key(1)}`);
    node.child.kill("SIGHUP");
    await node.hears("Keys reloaded; key 2 seals");
    writeFileSync(path, "nonsense");
    node.child.kill("SIGHUP");
    await node.hears("Keys not reloaded");
    expect(await node.ping()).not.toBeNull();
  });

  test("must leave as it should when a signal comes more than once, by way of other processes", async () => {
    await using lab = await TestLab.open(2);
    const nodes = [lab.start(1), lab.start(2)] as const;
    await lab.agree(nodes);
    const [node, other] = nodes;
    for (const signal of ["SIGSTOP", "SIGTERM", "SIGINT", "SIGCONT"] as const) node.child.kill(signal);
    node.child.kill("SIGTERM");
    expect(await node.exited).toBe(0);
    await other.hears("Node 1 is leaving");
  });

  test("must not die of a stdout that nobody reads any more", async () => {
    await using lab = await TestLab.open(1);
    const node = lab.start(1, { env: { DS_JOURNAL: "wire" } });
    await until("it answers", () => node.ping());
    node.child.stdout?.destroy();
    const before = (await node.state()).uptime_ms;
    await until("it lives on", async () => (await node.state()).uptime_ms > before + 1_000);
  });
});

describe("the prompt", () => {
  test("must greet, answer and refuse in the original's words, and leave at quit", async () => {
    await using lab = await TestLab.open(2);
    const one = lab.start(1, { env: { DS_PROMPT: "1", DS_NODES: "1,2" } });
    const two = lab.start(2, { env: { DS_NODES: "1,2" } });
    await lab.agree([one, two], 2);
    const screen = (): string => one.plain.join("\n");
    const types = async (line: string, answer: string | RegExp): Promise<void> => {
      one.type(line);
      await until(`${line} is answered with ${String(answer)}`, () => screen().search(answer) >= 0).catch(() => {
        throw new Error(`${line} -> no ${String(answer)} on:\n${screen()}`);
      });
    };
    expect(screen()).toContain("  ENERGY TRADING NODE 1");
    expect(screen()).toContain("Type 'help' for commands");
    await types("help", /sell N A {3}- Sell A energy credits to node N/);
    await types("dance", /Unknown command: dance\. Type 'help' for commands\./);
    await types("sell 2", /Usage: sell <node_id> <amount>/);
    await types("sell 1 5", /Cannot trade with yourself/);
    await types("sell 9 5", /Node 9 is not available in the system\. Active nodes: \[/);
    await types("sell 2 150", /Cannot sell 150 energy credits - insufficient balance/);
    await types("sell 2 -1", /can't be negative/);
    await types("balance", /Balance: 100 credits/);
    await types("sell 2 30", /SELL 30 credits to Node 2 \[100 -> 70\]/);
    await types("balance", /Balance: 70 credits/);
    await types("status", /NODE STATUS - Node 1/);
    await types("status", /Coordinator: Node 2/);
    await types("nodes", /Node 2 \(coordinator, active\) at 127\.0\.0\.1/);
    await types("history", /SELL 30/);
    await types("election", /Starting election\.\.\./);
    one.type("quit");
    expect(await one.exited).toBe(0);
    expect(screen()).toContain("Shutting down...");
  });

  test("must leave when its input ends", async () => {
    await using lab = await TestLab.open(1);
    const node = lab.start(1, { env: { DS_PROMPT: "1" } });
    await until("it answers", () => node.ping());
    node.child.stdin?.end();
    expect(await node.exited).toBe(0);
  });
});

describe("the command line", () => {
  test("must refuse wrong configuration in two lines with exit code 2", () => {
    const result = runMain(["1"], { DS_HEARTBEAT_TIMEOUT: "soon" });
    expect(result.code).toBe(2);
    expect(result.stderr.trimEnd().split("\n")).toEqual([
      'DS_HEARTBEAT_TIMEOUT is "soon"',
      "  allowed: a number of seconds from 0.1 to 3600",
    ]);
    expect(runMain([]).stderr).toContain("this node has no number");
    expect(runMain(["--help"]).stdout).toContain("Usage: node main.js <id>");
  });

  test("must ask the node of this host with `control`, by its number or its data directory", async () => {
    await using lab = await TestLab.open(1);
    const node = lab.start(1);
    await until("it is READY", async () => (await node.ping())?.phase === "READY");
    const byNumber = { DS_NODE_ID: "1", DS_UNICAST_PORT_BASE: String(lab.portBase), DS_CONTROL_TOKEN: lab.token };
    const byFolder = { DS_DATA_DIR: lab.dataDir(1), DS_CONTROL_TOKEN: lab.token };
    expect(runMain(["control", "status"], byNumber).stdout).toContain("NODE STATUS - Node 1");
    expect(runMain(["control", "balance"], byFolder).stdout).toBe("Balance: 100 credits\n");
    const refused = runMain(["control", "sell", "1", "5"], byFolder);
    expect(refused).toMatchObject({ code: 1, stderr: "Cannot trade with yourself\n" });
    const state = JSON.parse(runMain(["control", "state"], byFolder).stdout) as unknown;
    expect(state).toMatchObject({ id: 1, durable: true });
    const request = runMain(["control", "request", '{"op":"ping"}'], byFolder);
    expect(JSON.parse(request.stdout)).toMatchObject({ ok: true, data: { id: 1 } });
    expect(runMain(["control", "dance"], byFolder).code).toBe(2);
    const stranger = runMain(["control", "status", "--timeout", "0.3"], {
      ...byFolder,
      DS_CONTROL_TOKEN: "wrong token",
    });
    expect(stranger.code).toBe(1);
    expect(stranger.stderr).toContain("no answer from");
  });

  test("must obey loopback without a token", async () => {
    await using lab = await TestLab.open(1);
    const node = lab.start(1, { env: { DS_CONTROL_TOKEN: "" } });
    const env = { DS_NODE_ID: "1", DS_UNICAST_PORT_BASE: String(lab.portBase) };
    const said = await until("it answers", () => {
      const result = runMain(["control", "balance", "--timeout", "0.5"], env);
      return result.code === 0 ? result.stdout : null;
    });
    expect(said).toContain("Balance:");
    expect(await node.kill("SIGTERM")).toBe(0);
    const { base } = await findPorts(1);
    expect(runMain(["control", "leave", "--timeout", "0.2"], { ...env, DS_UNICAST_PORT_BASE: String(base) }).code).toBe(
      1,
    );
  });
});
