// Attacks on real nodes by a stranger without the key: nothing gets in, nothing stops, and the counters name what came.

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../support/eventually.ts";
import { Attacker, type FloodKind, flood, randomKeys } from "../support/hostile.ts";
import { TestLab, type TestNode } from "../support/node-process.ts";

const KEYS = randomKeys();
/** Resident memory that no attack may get a node over. */
const RSS_MIB_MAX = 220;

let lab: TestLab;
let nodes: TestNode[];
let stranger: Attacker;
/** A heartbeat as it went over the wire. */
let overheard: Buffer;

beforeAll(async () => {
  lab = await TestLab.open(3);
  nodes = [1, 2, 3].map((id) => lab.start(id, { env: { DS_KEYS: KEYS, DS_VOTERS: "1,2,3", DS_NODES: "1,2,3" } }));
  await lab.agree(nodes, 3);
  stranger = await Attacker.open(9, randomKeys());
  overheard = await listen();
});

afterAll(async () => {
  await stranger[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
});

/** The next datagram of node 3 on the group: anybody on the network can have it. */
async function listen(): Promise<Buffer> {
  const socket = createSocket({ type: "udp4", reuseAddr: true });
  socket.bind(lab.groupPort, "224.1.1.1");
  await once(socket, "listening");
  socket.addMembership("224.1.1.1", "127.0.0.1");
  const datagram = await new Promise<Buffer>((resolve) => {
    socket.on("message", (bytes) => {
      if (bytes.readUInt16BE(6) === 3) resolve(Buffer.from(bytes));
    });
  });
  socket.close();
  return datagram;
}

const countersOf = async (id: number): Promise<Record<string, number>> =>
  (await nodes[id - 1]?.state())?.counters ?? {};

/** What the counters of a node gained while `attack` ran; it must come to `expected` exactly. */
async function counts(id: number, attack: () => void, expected: Record<string, number>): Promise<void> {
  const before = await countersOf(id);
  attack();
  await until(`node ${id} counts ${JSON.stringify(expected)}`, async () => {
    const after = await countersOf(id);
    const gained = Object.keys(expected).map((name) => [name, (after[name] ?? 0) - (before[name] ?? 0)]);
    return JSON.stringify(Object.fromEntries(gained)) === JSON.stringify(expected);
  });
}

async function trade(from: number, to: number): Promise<void> {
  const balance = async () => (await until(`node ${to} answers`, () => nodes[to - 1]?.ping())).balance;
  const before = await balance();
  const result = await nodes[from - 1]?.request({ op: "sell", peer: to, amount: 1 }, 20_000);
  expect(result).toMatchObject({ ok: true, data: { state: "settled" } });
  expect(await balance()).toBe(before + 1);
}

describe("datagrams that aren't what they seem", () => {
  test("must be dropped and counted by what is wrong with them", async () => {
    const port = lab.port(2);
    const good = stranger.seal(stranger.message("LEAVE", { msg_id: "9-1.1" }));
    const altered = (change: (bytes: Buffer) => void): Buffer => {
      const copy = Buffer.from(overheard);
      change(copy);
      return copy;
    };
    const rest = overheard.length - 42;
    await counts(
      2,
      () => {
        for (let i = 0; i < 5; i++) stranger.raw(port, good);
        // Every field of the header, the body, the tag: one bit each.
        for (const at of [7, 8, 12, 20, 25, 26, 26 + (rest >> 1), overheard.length - 1])
          stranger.raw(
            port,
            altered((bytes) => bytes.writeUInt8((bytes[at] ?? 0) ^ 0x10, at)),
          );
        for (const length of [0, 1, 25, 41]) stranger.raw(port, overheard.subarray(0, length));
        // Long enough to be one, but not all of it.
        for (const length of [42, 100, overheard.length - 1]) stranger.raw(port, overheard.subarray(0, length));
        for (const length of [1_201, 1_400, 9_000, 60_000]) stranger.raw(port, Buffer.alloc(length, overheard));
        for (const version of [0, 1, 255])
          stranger.raw(
            port,
            altered((bytes) => bytes.writeUInt8(version, 2)),
          );
        stranger.raw(
          port,
          altered((bytes) => bytes.write("HI")),
        );
        stranger.raw(
          port,
          altered((bytes) => bytes.writeUInt8(7, 4)),
        );
        for (let i = 0; i < 6; i++) stranger.raw(port, overheard);
      },
      {
        drop_bad_tag: 5 + 8 + 3,
        drop_truncated: 4,
        drop_oversize: 4,
        drop_version: 3,
        drop_magic: 1,
        drop_unknown_key: 1,
        drop_replay: 6,
        drop_flood: 0,
      },
    );
    expect(nodes[1]?.said("Dropped a datagram from")).toBeDefined();
    await trade(1, 2);
  });

  test("must not be answered: nobody learns that somebody is here, or aims answers at others", async () => {
    for (let i = 0; i < 20; i++)
      stranger.raw(lab.port(2), stranger.seal(stranger.message("PING", { nonce: "0".repeat(16), rumours: [] })));
    await counts(2, () => stranger.raw(lab.port(2), Buffer.from("hello")), { drop_truncated: 1 });
    expect(stranger.received).toEqual([]);
  });
});

describe("a flood of 50,000 datagrams a second, or what the machine makes of it", () => {
  /** The coordinator's port, but for recordings of the coordinator itself, which it would take for its own echo. */
  const cases: readonly { kind: FloodKind; target: number; counter: string }[] = [
    { kind: "garbage", target: 3, counter: "drop_magic" },
    { kind: "forged", target: 3, counter: "drop_flood" },
    { kind: "replayed", target: 2, counter: "drop_flood" },
  ];

  test.each(cases)(
    "$kind: must leave the node up, small, trading and in agreement",
    async ({ kind, target, counter }) => {
      const leave = stranger.message("LEAVE", { msg_id: "x".repeat(40) });
      const sample = kind === "forged" ? stranger.seal(leave) : overheard;
      const before = await countersOf(target);
      const cpuMsBefore = cpuMs(target);
      const attack = flood({ port: lab.port(target), kind, perSecond: 50_000, spanMs: 4_000, sample });
      try {
        for (let i = 0; i < 3; i++) {
          await trade(target, 1);
          await trade(1, target);
        }
        const { perSecond, sent } = await attack.done;
        const usedMs = cpuMs(target) - cpuMsBefore;
        const state = await nodes[target - 1]?.state();
        const counters = state?.counters ?? {};
        const gained = (name: string): number => (counters[name] ?? 0) - (before[name] ?? 0);
        const dropped = Object.keys(counters)
          .filter((name) => name.startsWith("drop_") && name !== "drop_own")
          .reduce((sum, name) => sum + gained(name), 0);
        const mib = Math.round((state?.rss_bytes ?? 0) / 1_048_576);
        const cost = ((1000 * usedMs) / dropped).toFixed(1);
        console.info(
          `${kind}: ${perSecond}/s, ${dropped} of ${sent} read, ${usedMs} ms of CPU (${cost} us each), ${mib} MiB`,
        );
        expect(dropped).toBeGreaterThan(1_000);
        expect(gained(counter)).toBeGreaterThan(dropped / 2);
        expect(mib).toBeLessThan(RSS_MIB_MAX);
        await lab.agree(nodes, 3);
        await trade(1, target);
      } finally {
        attack.stop();
      }
    },
  );

  /** User and system time of a node's process, in ms (proc(5): fields 14 and 15, in hundredths of a second). */
  function cpuMs(id: number): number {
    const fields =
      readFileSync(`/proc/${nodes[id - 1]?.child.pid}/stat`, "utf8")
        .split(") ")[1]
        ?.split(" ") ?? [];
    return 10 * (Number(fields[11]) + Number(fields[12]));
  }
});
