/**
 * Trades: how long one takes, and how many a second a group makes, with a disk and memory-only, beside what the machine allows.
 *
 * A trade is done when both ends have it on disk (`until: settled`). The floor of its latency is two round trips between two processes
 * on loopback and two commits of one row, each measured in the same run on the same disk; the floor of throughput is how many
 * rows one process commits in batches of 64. The load comes from this process, over the control channel, closed loop: so many
 * requests of each node are under way all the time.
 */
import { spawn } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { LabHandle } from "../../lab/cluster/lab-handle.ts";
import { openHandle } from "../../lab/cluster/open-handle.ts";
import type { NodeId } from "../../node/wire/ids.ts";
import { lab as cli } from "./command.ts";
import type { Report } from "./report.ts";

const UNDER_WAY_PER_NODE = 48;
/** Nobody runs out of money: what is measured is trading, not refusing. */
const CREDITS = 1_000_000_000;

export interface ThroughputOptions {
  readonly runtime: "docker" | "local";
  readonly sizes: readonly number[];
  /** Length of each measurement under load. */
  readonly seconds: number;
}

export async function benchThroughput(report: Report, options: ThroughputOptions): Promise<void> {
  report.heading(`trades, settled on both disks (${options.runtime})`);
  for (const durable of [true, false])
    for (const size of options.sizes) await benchSize(report, options, size, durable);
}

async function benchSize(report: Report, options: ThroughputOptions, size: number, durable: boolean): Promise<void> {
  const name = "bench-trades";
  const where = `${size} nodes, ${durable ? "durable" : "memory only"}`;
  const directory = await mkdtemp(join(tmpdir(), "bench-trades-"));
  const file = join(directory, "lab.yaml");
  const env = durable ? "" : "env: { DS_DATA_DIR: '' }\n";
  await writeFile(file, `name: ${name}\nnodes: ${size}\nprofile: fast\ncredits: ${CREDITS}\n${env}`);
  try {
    await cli("up", "-f", file, "--runtime", options.runtime);
    await using lab = await openHandle(name, { runtime: options.runtime });
    const incarnations = new Map<NodeId, number>();
    for (const [id, ping] of await lab.ping()) if (ping !== null) incarnations.set(id, ping.inc);
    const load = new Load(lab, incarnations);
    // Compilers and caches warm up before anything counts.
    await load.run(2_000, 8);
    const alone: number[] = [];
    const floors: number[] = [];
    for (let round = 0; round < 5; round++) {
      alone.push(...(await load.oneByOne(40)));
      floors.push(await floorMs(durable));
    }
    const busy = await load.run(options.seconds * 1_000, UNDER_WAY_PER_NODE);
    const [rate] = [busy.latencies.length / (busy.tookMs / 1_000)];
    report.row({ what: `${where}: one trade at a time`, unit: "ms", samples: alone, goal: null });
    report.row({ what: "  floor: two round trips, two commits", unit: "ms", samples: floors, goal: null });
    report.row({
      what: "  latency / floor",
      unit: "ratio",
      samples: [median(alone) / median(floors)],
      goal: durable && size === 5 ? { of: "median", atMost: 1.5 } : null,
    });
    report.row({
      what: `  trades a second, ${UNDER_WAY_PER_NODE} under way at each node`,
      unit: "1/s",
      samples: [rate],
      goal: durable && size === 5 ? { of: "median", atLeast: 3_000 } : null,
    });
    report.row({ what: "  latency under that load", unit: "ms", samples: busy.latencies, goal: null });
    if (durable)
      report.row({
        what: "  floor: rows a second, 64 a commit, one process",
        unit: "1/s",
        samples: [rowsPerSecond()],
        goal: null,
      });
    if (busy.refused > 0) report.note(`${busy.refused} trades were refused: ${busy.why}`);
    await assertConserved(lab, size);
  } finally {
    await cli("down", "--name", name);
    await rm(directory, { recursive: true, force: true });
  }
}

interface Loaded {
  readonly latencies: number[];
  readonly tookMs: number;
  readonly refused: number;
  readonly why: string;
}

class Load {
  readonly #lab: LabHandle;
  readonly #incarnations: ReadonlyMap<NodeId, number>;
  #turn = 0;

  constructor(lab: LabHandle, incarnations: ReadonlyMap<NodeId, number>) {
    this.#lab = lab;
    this.#incarnations = incarnations;
  }

  async oneByOne(count: number): Promise<number[]> {
    const latencies: number[] = [];
    const ids = this.#lab.running;
    for (let i = 0; i < count; i++) latencies.push(await this.#sell(ids[i % ids.length] as NodeId));
    return latencies;
  }

  async run(spanMs: number, underWay: number): Promise<Loaded> {
    const latencies: number[] = [];
    const startMs = performance.now();
    let refused = 0;
    let why = "";
    const work = async (from: NodeId): Promise<void> => {
      while (performance.now() - startMs < spanMs) {
        try {
          latencies.push(await this.#sell(from));
        } catch (error) {
          refused += 1;
          why = (error as Error).message;
        }
      }
    };
    await Promise.all(this.#lab.running.flatMap((id) => Array.from({ length: underWay }, () => work(id))));
    return { latencies, tookMs: performance.now() - startMs, refused, why };
  }

  async #sell(from: NodeId): Promise<number> {
    const others = this.#lab.running.filter((id) => id !== from);
    const peer = others[this.#turn++ % others.length] as NodeId;
    const startMs = performance.now();
    const inc = this.#incarnations.get(from);
    if (inc === undefined) throw new Error(`node ${from} did not answer`);
    await this.#lab.call(from, { op: "sell", peer, amount: 1, inc, until: "settled" }, { timeoutMs: 20_000 });
    return performance.now() - startMs;
  }
}

/** Money is exact, whatever the load was. */
async function assertConserved(lab: LabHandle, size: number): Promise<void> {
  const deadlineMs = Date.now() + 10_000;
  for (;;) {
    let sum = 0;
    for (const ping of (await lab.ping()).values()) sum += ping?.balance ?? Number.NaN;
    if (sum === size * CREDITS) return;
    if (Date.now() > deadlineMs) throw new Error(`the nodes have ${sum} credits, ${size * CREDITS} were issued`);
  }
}

// Floors ----------------------------------------------------------------------------------------------------------------------

const ECHO = `const s=require("node:dgram").createSocket("udp4");s.on("message",(m,r)=>s.send(m,r.port,r.address));s.bind(0,"127.0.0.1",()=>process.stdout.write(s.address().port+"\\n"))`;

/** Two round trips of 250 bytes to another process and, with a disk, two commits of one row: the median of many, in milliseconds. */
async function floorMs(durable: boolean): Promise<number> {
  const trip = await roundTripMs();
  return 2 * trip + (durable ? 2 * commitMs() : 0);
}

async function roundTripMs(): Promise<number> {
  const child = spawn(process.execPath, ["-e", ECHO], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const socket: Socket = createSocket("udp4");
  const samples: number[] = [];
  try {
    for (let i = 0; i < 300; i++) {
      const startMs = performance.now();
      socket.send(Buffer.alloc(250), Number(line.toString()), "127.0.0.1");
      await once(socket, "message");
      samples.push(performance.now() - startMs);
    }
  } finally {
    socket.close();
    child.kill();
  }
  return median(samples.slice(100));
}

function withDatabase<T>(use: (database: DatabaseSync) => T): T {
  const directory = mkdtempSync(join(tmpdir(), "bench-floor-"));
  const database = new DatabaseSync(join(directory, "floor.db"));
  try {
    database.exec(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE record (n INTEGER PRIMARY KEY, body TEXT)",
    );
    return use(database);
  } finally {
    database.close();
    rmSync(directory, { recursive: true });
  }
}

function commitMs(): number {
  return withDatabase((database) => {
    const insert = database.prepare("INSERT INTO record (body) VALUES (?)");
    const samples: number[] = [];
    for (let i = 0; i < 200; i++) {
      const startMs = performance.now();
      insert.run("x".repeat(200));
      samples.push(performance.now() - startMs);
    }
    return median(samples.slice(50));
  });
}

function rowsPerSecond(): number {
  return withDatabase((database) => {
    const insert = database.prepare("INSERT INTO record (body) VALUES (?)");
    const startMs = performance.now();
    let rows = 0;
    while (performance.now() - startMs < 1_000) {
      database.exec("BEGIN");
      for (let i = 0; i < 64; i++) insert.run("x".repeat(200));
      database.exec("COMMIT");
      rows += 64;
    }
    return rows / ((performance.now() - startMs) / 1_000);
  });
}

function median(samples: readonly number[]): number {
  return [...samples].sort((a, b) => a - b)[Math.floor(samples.length / 2)] ?? Number.NaN;
}
