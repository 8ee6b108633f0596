import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseArguments } from "../../node/runtime/arguments.ts";
import { loadConfig } from "../../node/runtime/config.ts";
import { ConfigError } from "../../node/runtime/errors.ts";
import { resolveNames } from "../../node/runtime/resolve-names.ts";
import { makeTempFolder } from "../support/temp-folder.ts";

const key = Buffer.alloc(32, 7).toString("base64");

describe("configuration", () => {
  test("must have the original's defaults when only the number is given", () => {
    const config = loadConfig({ DS_NODE_ID: "3" });
    expect(config.network).toEqual({
      group: "224.1.1.1",
      groupPort: 5007,
      unicastPort: 6003,
      host: null,
      datagramBytesMax: 1200,
    });
    expect(config.core.timing).toMatchObject({
      heartbeatMs: 2000,
      heartbeatTimeoutMs: 10_000,
      electionTimeoutMs: 5000,
    });
    expect(config.core).toMatchObject({
      initialCredits: 100,
      preempt: true,
      fanOut: false,
      durable: false,
      voters: [],
    });
  });

  test("must let the user's own variables win over the profile, and what depends on them follow", () => {
    const fast = loadConfig({ DS_NODE_ID: "1", DS_PROFILE: "fast" }).core.timing;
    expect(fast).toMatchObject({ heartbeatMs: 500, probeIntervalMs: 100, suspicionMinMs: 300 });
    const mixed = loadConfig({ DS_NODE_ID: "1", DS_PROFILE: "fast", DS_PROBE_INTERVAL: "0.2", DS_SUSPICION_MULT: "5" });
    expect(mixed.core.timing).toMatchObject({ heartbeatMs: 500, probeIntervalMs: 200, suspicionMinMs: 1000 });
    const quick = loadConfig({ DS_NODE_ID: "1", DS_HEARTBEAT_TIMEOUT: "1", DS_HEARTBEAT_INTERVAL: "0.5" });
    expect(quick.core.timing).toMatchObject({ suspicionMinMs: 1000, discoveryMs: 500 });
  });

  test("must make all of detection and election follow the original's two time-outs in its profile, and say so elsewhere", () => {
    const variables = { DS_NODE_ID: "1", DS_HEARTBEAT_TIMEOUT: "30", DS_ELECTION_TIMEOUT: "20" };
    const original = loadConfig({ ...variables, DS_PROFILE: "original" });
    expect(original.core.timing).toMatchObject({
      ...{ heartbeatMs: 2_000, heartbeatTimeoutMs: 30_000, electionTimeoutMs: 20_000 },
      ...{ probeIntervalMs: 15_000, probeTimeoutMinMs: 7_500, suspicionMinMs: 30_000, okWaitMinMs: 20_000 },
    });
    expect(original.remarks).toEqual([]);
    expect(loadConfig(variables).remarks).toEqual([expect.stringContaining("use the profile original")]);
    expect(loadConfig({ DS_NODE_ID: "1" }).remarks).toEqual([]);
  });

  test("must read peers with and without a port, and then fan out", () => {
    const { core } = loadConfig({ DS_NODE_ID: "1", DS_PEERS: "2:10.0.0.2, 3:10.0.0.3:7003,1:10.0.0.1" });
    expect([...core.peers]).toEqual([
      [2, "10.0.0.2:6002"],
      [3, "10.0.0.3:7003"],
    ]);
    expect(core.fanOut).toBe(true);
  });

  test("must take an empty variable for an absent one", () => {
    expect(loadConfig({ DS_NODE_ID: "1", DS_PEERS: "", DS_KEYS: " " }).core.fanOut).toBe(false);
  });

  const wrong: readonly [variable: string, value: string, allowed: RegExp][] = [
    ["DS_NODE_ID", "0", /1 to 65535/],
    ["DS_NODE_ID", "1.5", /1 to 65535/],
    ["DS_MULTICAST_GROUP", "10.0.0.1", /224/],
    ["DS_MULTICAST_GROUP", "224.1.1.256", /224/],
    ["DS_MULTICAST_PORT", "70000", /65535/],
    ["DS_HEARTBEAT_INTERVAL", "soon", /seconds/],
    ["DS_ELECTION_TIMEOUT", "-1", /seconds/],
    ["DS_INITIAL_CREDITS", "1e99", /1099511627776/],
    ["DS_HOST", "localhost", /IPv4/],
    ["DS_PROFILE", "slow", /default or fast or original/],
    ["DS_PEERS", "2=10.0.0.2", /id:address/],
    ["DS_PEERS", "2:10.0.0.2:1:2", /id:address/],
    ["DS_PREEMPT", "maybe", /1 or 0/],
    ["DS_MAX_DATAGRAM", "9000", /1400/],
    ["DS_JOURNAL", "all", /events or wire/],
    ["DS_LOG_LEVEL", "LOUD", /DEBUG/],
    ["DS_VOTERS", "1,x", /ids/],
  ];
  test.each(wrong)("%s=%s must be refused by name, value and what is allowed", (variable, value, allowed) => {
    const error = catchError(() => loadConfig({ DS_NODE_ID: "1", [variable]: value }));
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).message).toContain(variable);
    expect((error as ConfigError).message).toContain(value);
    expect((error as ConfigError).hint).toMatch(allowed);
    expect((error as ConfigError).exitCode).toBe(2);
  });

  test("must never repeat a secret in an error", () => {
    for (const [variable, value] of [
      ["DS_CONTROL_TOKEN", "short"],
      ["DS_KEYS", `0:${key}`],
      ["DS_KEYS", "1:dG9vc2hvcnQ="],
      ["DS_KEYS", `1:${key},1:${key}`],
    ] as const) {
      const error = catchError(() => loadConfig({ DS_NODE_ID: "1", [variable]: value })) as ConfigError;
      expect(error).toBeInstanceOf(ConfigError);
      expect(error.message + error.hint).not.toContain(value);
    }
  });

  test("must read keys and token from files", () => {
    const folder = makeTempFolder();
    writeFileSync(join(folder, "keys"), `2:${key}\n1:${key}\n`);
    writeFileSync(join(folder, "token"), "a long token\n");
    const config = loadConfig({
      DS_NODE_ID: "1",
      DS_KEYS_FILE: join(folder, "keys"),
      DS_CONTROL_TOKEN_FILE: join(folder, "token"),
    });
    expect(config.keys.map((entry) => entry.id)).toEqual([2, 1]);
    expect(config.controlToken).toBe("a long token");
    const error = catchError(() => loadConfig({ DS_NODE_ID: "1", DS_KEYS_FILE: join(folder, "none") }));
    expect((error as ConfigError).message).toContain("DS_KEYS_FILE");
  });

  test("must refuse a number whose port doesn't exist", () => {
    expect(catchError(() => loadConfig({ DS_NODE_ID: "60000" }))).toBeInstanceOf(ConfigError);
  });
});

describe("arguments", () => {
  test("must set the variables of the original's options", () => {
    expect(
      parseArguments(["1", "--nodes", "2,3", "--host=10.0.0.1", "--peers", "2:10.0.0.2", "--debug", "--wire"]).settings,
    ).toEqual({
      DS_NODE_ID: "1",
      DS_NODES: "2,3",
      DS_HOST: "10.0.0.1",
      DS_PEERS: "2:10.0.0.2",
      DS_LOG_LEVEL: "DEBUG",
      DS_JOURNAL: "wire",
    });
  });

  test.each([
    [["1", "2"], 'unexpected argument "2"'],
    [["--nodes"], "--nodes"],
    [["--wat"], "--wat"],
  ])("%j must be refused in words that name it", (argv, named) => {
    const error = catchError(() => parseArguments(argv));
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).message).toContain(named);
  });

  test.each([
    [["abc"], 'the number of this node is "abc"'],
    [["1", "--host", "1.2.3"], '--host is "1.2.3"'],
    [["1", "--peers", "two"], '--peers is "two"'],
    [["1", "--profile=slow"], '--profile is "slow"'],
  ])("%j must be refused in the words that were typed, not as a variable", (argv, message) => {
    const { settings, labels } = parseArguments(argv);
    expect((catchError(() => loadConfig(settings, labels)) as ConfigError).message).toBe(message);
  });
});

describe("names of hosts", () => {
  test("must become addresses, at --host and --peers", async () => {
    const resolved = await resolveNames({
      DS_HOST: "localhost",
      DS_PEERS: "2:localhost,3:10.0.0.3:7003, 4:localhost:9",
    });
    expect(resolved.DS_HOST).toBe("127.0.0.1");
    expect(resolved.DS_PEERS).toBe("2:127.0.0.1,3:10.0.0.3:7003,4:127.0.0.1:9");
  });

  test("must leave alone what is no name", async () => {
    const given = { DS_HOST: "1.2.3", DS_PEERS: "2=10.0.0.2", DS_NODE_ID: "1" };
    expect(await resolveNames(given)).toEqual(given);
    expect(await resolveNames({})).toEqual({});
  });

  test("must be refused in the words that were typed when nobody knows them", async () => {
    await expect(resolveNames({ DS_PEERS: "2:nobody.invalid" }, { DS_PEERS: "--peers" })).rejects.toThrow(
      "--peers: nobody.invalid has no IPv4 address here",
    );
  });
});

function catchError(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}
