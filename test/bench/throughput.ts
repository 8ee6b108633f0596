/**
 * Trades: how long one takes, and how many a second a group makes, with a disk and memory-only, beside what the machine allows.
 *
 * A trade is done when both ends have it on disk (`until: settled`). The floor is the bare peer (bare/peer.ts): the same datagrams and
 * commits without a protocol, under the same load, in turns with ours, so that both meet the same noise. Beside it stands what no
 * peer can reach: two round trips between two processes and two commits of one row, and the rows that one process commits in batches.
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
import { startBarePeers } from "./bare/peers.ts";
import { lab as cli } from "./command.ts";
import { Load, type Target } from "./load.ts";
import type { Goal, Report } from "./report.ts";
import { summarise } from "./stats.ts";

const UNDER_WAY_PER_NODE = 48;
/** Nobody runs out of money: what is measured is trading, not refusing. */
const CREDITS = 1_000_000_000;
/** Each competitor has its turn in each of them. */
const ROUNDS = 5;

type Runtime = "docker" | "local";

export interface ThroughputOptions {
  /** `docker` measures local nodes too, in the same run. */
  readonly runtime: Runtime;
  readonly sizes: readonly number[];
  /** Length of each measurement under load. */
  readonly seconds: number;
}

/** A group of peers under a load, with its measurements so far. */
interface Competitor {
  readonly what: string;
  readonly load: Load;
  readonly alone: number[];
  readonly busy: number[];
  /** Trades a second, by round. */
  readonly rates: number[];
}

export async function benchThroughput(report: Report, options: ThroughputOptions): Promise<void> {
  report.heading(`trades, settled on both disks (${options.runtime})`);
  for (const durable of [true, false])
    for (const size of options.sizes) await benchSize(report, options, size, durable);
}

async function benchSize(report: Report, options: ThroughputOptions, size: number, durable: boolean): Promise<void> {
  report.heading(`  ${size} nodes, ${durable ? "durable" : "memory only"}`);
  await using stack = new AsyncDisposableStack();
  const bare = stack.use(await startBarePeers(size, durable));
  const competitors = [competitor("bare peers", stack.use(await Load.open(bare.targets, bare.token)))];
  const labs: LabHandle[] = [];
  for (const runtime of options.runtime === "docker" ? (["local", "docker"] as const) : (["local"] as const)) {
    const lab = await openLab(stack, runtime, size, durable);
    labs.push(lab);
    competitors.push(competitor(runtime, stack.use(await Load.open(await targetsOf(lab), lab.info.token))));
  }
  // Compilers and caches warm up before anything counts.
  for (const { load } of competitors) await load.run(2_000, 8);
  const floors: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    floors.push(await floorMs(durable));
    for (const one of competitors) await measure(report, one, options.seconds / ROUNDS);
  }
  tell(report, competitors, durable && size === 5);
  report.row({ what: "  floor: two round trips, two commits", unit: "ms", samples: floors, goal: null });
  if (durable) {
    const what = "  floor: rows a second, 64 a commit, one process";
    report.row({ what, unit: "1/s", samples: [rowsPerSecond()], goal: null });
  }
  for (const lab of labs) await assertConserved(lab, size);
}

function competitor(what: string, load: Load): Competitor {
  return { what, load, alone: [], busy: [], rates: [] };
}

async function openLab(
  stack: AsyncDisposableStack,
  runtime: Runtime,
  size: number,
  durable: boolean,
): Promise<LabHandle> {
  const name = `bench-trades-${runtime}`;
  const directory = await mkdtemp(join(tmpdir(), "bench-trades-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, "lab.yaml");
  const env = durable ? "" : "env: { DS_DATA_DIR: '' }\n";
  await writeFile(file, `name: ${name}\nnodes: ${size}\nprofile: fast\ncredits: ${CREDITS}\n${env}`);
  stack.defer(async () => void (await cli("down", "--name", name, "--runtime", runtime)));
  await cli("up", "-f", file, "--runtime", runtime);
  return stack.use(await openHandle(name, { runtime }));
}

/** @throws Error when a node doesn't answer */
export async function targetsOf(lab: LabHandle): Promise<readonly Target[]> {
  return [...(await lab.ping())].map(([id, ping]) => {
    const [host = "", port = ""] = lab.target(id).address?.split(":") ?? [];
    if (ping === null || port === "") throw new Error(`node ${id} did not answer`);
    return { id, host, port: Number(port), inc: ping.inc };
  });
}

async function measure(report: Report, { what, load, alone, busy, rates }: Competitor, seconds: number): Promise<void> {
  alone.push(...(await load.oneByOne(40)));
  const loaded = await load.run(seconds * 1_000, UNDER_WAY_PER_NODE);
  busy.push(...loaded.latencies);
  rates.push(loaded.latencies.length / (loaded.tookMs / 1_000));
  if (loaded.refused > 0) report.note(`${what}: ${loaded.refused} trades were refused: ${loaded.why}`);
}

function tell(report: Report, competitors: readonly Competitor[], hasGoals: boolean): void {
  const [bare, local] = competitors as [Competitor, Competitor];
  const ratio = (what: string, samples: readonly number[], goal: Goal): void =>
    report.row({ what: `  ${what}`, unit: "ratio", samples, goal: hasGoals ? goal : null });
  for (const { what, alone, busy, rates } of competitors) {
    report.row({ what: `${what}: one trade at a time`, unit: "ms", samples: alone, goal: null });
    report.row({
      what: `  trades a second, ${UNDER_WAY_PER_NODE} under way at each`,
      unit: "1/s",
      samples: rates,
      goal: null,
    });
    report.row({ what: "  latency under that load", unit: "ms", samples: busy, goal: null });
    const rateOf = (other: Competitor): number[] => rates.map((rate, round) => rate / (other.rates[round] as number));
    if (what === "local") {
      ratio("latency / bare peer's", [median(alone) / median(bare.alone)], { of: "median", atMost: 1.6 });
      ratio("trades a second / bare peer's", rateOf(bare), { of: "median", atLeast: 0.6 });
    } else if (what === "docker")
      ratio("trades a second / local nodes'", rateOf(local), { of: "median", atLeast: 0.8 });
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

const median = (samples: readonly number[]): number => summarise(samples).median;
