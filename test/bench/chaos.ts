/**
 * Chaos for many minutes, and what the group looked like meanwhile: `npm run bench -- chaos --minutes 10`, `npm run soak`.
 *
 * The run itself is `lab chaos`, whose checkers judge it. Here stands what they can't see: memory that grows, queues that pile up, and
 * what is left on the machine afterwards (containers, networks, volumes, processes, folders). Both should be nothing.
 */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { findByEnvironment } from "../../lab/base/process-table.ts";
import { openHandle } from "../../lab/cluster/open-handle.ts";
import { StateData } from "../../node/wire/control.ts";
import type { Report } from "./report.ts";
import { summarise } from "./stats.ts";

export interface ChaosBenchOptions {
  readonly runtime: "docker" | "local";
  readonly minutes: number;
  readonly nodes: number;
  readonly seed: number;
  /** `fast` needs a machine that has time for all of its probes. */
  readonly profile: string;
  /** As `lab chaos` takes them; absent: faults every five seconds, of every kind, on a good network. */
  readonly rate: string | undefined;
  readonly kinds: string | undefined;
  readonly network: string | undefined;
}

const NAME = "bench-chaos";
/** Applying a fault to ten containers takes seconds on a busy machine, and a schedule that runs late is another one. */
const RATE = "0.2/s";
const LOOK_EVERY_MS = 5_000;
const BIN = join(import.meta.dirname, "../../dist/lab.js");
const run = promisify(execFile);

interface Told {
  readonly verdict: string;
  readonly reason: string;
  readonly faults: number;
  readonly file: string;
  readonly loads: readonly {
    readonly offered: number;
    readonly settled: number;
    readonly refused: number;
    readonly open: number;
  }[];
  readonly checks: readonly { readonly violations: readonly unknown[] }[];
}

interface Look {
  readonly rssMb: number;
  readonly holdback: number;
  readonly pending: number;
}

/** Prints its rows; the exit code is 5 when a promise was broken, and 1 when anything is left. */
export async function benchChaos(report: Report, options: ChaosBenchOptions): Promise<void> {
  const { runtime, minutes, nodes, seed } = options;
  report.heading(`chaos for ${minutes} min: ${nodes} nodes (${runtime}), seed ${seed}`);
  const folder = await mkdtemp(join(tmpdir(), "bench-chaos-"));
  const before = await listLeftovers();
  const ended = new AbortController();
  const looking = look(runtime, ended.signal);
  const told = await play(folder, options).finally(() => ended.abort());
  const looks = await looking;
  const left = (await listLeftovers()).filter((line) => !before.includes(line));
  const violations = told.checks.flatMap((check) => check.violations).length;
  const nothing = { of: "max", atMost: 0 } as const;
  report.row({ what: "promises broken", unit: "count", samples: [violations], goal: nothing });
  report.row({ what: "things left behind", unit: "count", samples: [left.length], goal: nothing });
  report.row({ what: "faults", unit: "count", samples: [told.faults], goal: null });
  const [load] = told.loads;
  if (load !== undefined) {
    report.row({ what: "trades offered", unit: "count", samples: [load.offered], goal: null });
    report.row({ what: "  settled", unit: "count", samples: [load.settled], goal: null });
    report.row({ what: "  without an answer in time", unit: "count", samples: [load.open], goal: null });
  }
  describeLooks(report, looks);
  report.note(`verdict ${told.verdict}${told.reason === "" ? "" : `: ${told.reason}`}`);
  for (const line of left) report.note(`left behind: ${line}`);
  if (told.verdict === "valid" && left.length === 0) await rm(folder, { recursive: true, force: true });
  else report.note(`see ${folder}`);
  if (told.verdict !== "valid" || left.length > 0) process.exitCode = told.verdict === "invalid" ? 5 : 1;
}

async function play(folder: string, options: ChaosBenchOptions): Promise<Told> {
  const { runtime, minutes, nodes, seed, profile, rate = RATE, kinds, network } = options;
  const chosen = Object.entries({ kinds, network }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, value],
  );
  const schedule = ["--seed", `${seed}`, "--for", `${minutes}m`, "--rate", rate, ...chosen];
  const group = ["--nodes", `${nodes}`, "--profile", profile, "--runtime", runtime, "--name", NAME];
  const args = [BIN, "chaos", ...schedule, ...group, "--no-wire", "--report", folder, "-o", "json"];
  // Its exit code is the verdict, which is in the answer too.
  const { stdout, stderr } = await run(process.execPath, args, { maxBuffer: 1e9 }).catch(
    (error: { stdout: string; stderr: string }) => error,
  );
  if (stdout === "") throw new Error(`lab chaos told nothing: ${stderr}`);
  return JSON.parse(stdout) as Told;
}

/** Until the signal: what the nodes say of themselves. */
async function look(runtime: "docker" | "local", signal: AbortSignal): Promise<readonly Look[]> {
  const looks: Look[] = [];
  while (!signal.aborted) {
    await pause(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
    try {
      await using lab = await openHandle(NAME, { runtime });
      for (const id of lab.running) {
        const { data } = await lab.call(id, { op: "state" }, { timeoutMs: 2_000 });
        const { rss_bytes, holdback, pending } = StateData.parse(data);
        looks.push({ rssMb: rss_bytes / 1e6, holdback, pending });
      }
    } catch {
      // Not up yet, down already, or the very node that was killed.
    }
  }
  return looks;
}

function describeLooks(report: Report, looks: readonly Look[]): void {
  const tenth = Math.floor(looks.length / 10);
  if (tenth === 0) return;
  const early = looks.slice(tenth, 2 * tenth).map(({ rssMb }) => rssMb);
  const late = looks.slice(-tenth).map(({ rssMb }) => rssMb);
  report.row({ what: "memory of a node, second tenth of the time", unit: "MB", samples: early, goal: null });
  report.row({ what: "memory of a node, last tenth", unit: "MB", samples: late, goal: null });
  report.row({
    what: "  growth",
    unit: "ratio",
    samples: [summarise(late).median / summarise(early).median],
    goal: null,
  });
  report.row({ what: "messages held back", unit: "count", samples: looks.map(({ holdback }) => holdback), goal: null });
  report.row({ what: "trades under way", unit: "count", samples: looks.map(({ pending }) => pending), goal: null });
}

/** Whatever carries the lab's name: containers, networks, volumes, processes, folders. */
async function listLeftovers(): Promise<readonly string[]> {
  const label = `label=energy-lab.lab=${NAME}`;
  const ask = async (kind: string, ...args: string[]) => {
    const { stdout } = await run("docker", [...args, "--filter", label, "-q"]).catch(() => ({ stdout: "" }));
    return stdout
      .split("\n")
      .filter(Boolean)
      .map((id) => `${kind} ${id}`);
  };
  const processes = await Promise.all(["ENERGY_LAB_DIR", "ENERGY_LAB_HELPER"].map(findByEnvironment));
  const home = process.env.XDG_STATE_HOME ?? join(process.env.HOME ?? "", ".local/state");
  const folders = await readdir(join(home, "energy-lab")).catch(() => []);
  return [
    ...(await ask("container", "ps", "-a")),
    ...(await ask("network", "network", "ls")),
    ...(await ask("volume", "volume", "ls")),
    ...processes
      .flat()
      .filter(({ value }) => value.includes(NAME))
      .map(({ pid }) => `process ${pid}`),
    ...folders.filter((name) => name === NAME).map((name) => `folder ${name}`),
  ];
}
