/**
 * The cost of an idle lab: image size above its base, a node's memory, an idle node's share of a core; and the
 * CLI's own start, and what looking at a lab takes.
 */
import { setTimeout as pause } from "node:timers/promises";
import type Docker from "dockerode";
import { openHandle } from "../../lab/cluster/open-handle.ts";
import { connectDocker } from "../../lab/engine/docker/docker-connect.ts";
import { StateData } from "../../node/wire/control.ts";
import { lab as cli, run } from "./command.ts";
import type { Report } from "./report.ts";

const NAME = "bench-idle";
const BASE = "node:24-bookworm-slim";
const IDLE_MS = 20_000;

export async function benchCli(
  report: Report,
  { rounds, runtimes }: { rounds: number; runtimes: readonly ("docker" | "local")[] },
): Promise<void> {
  report.heading("the CLI itself");
  const samples: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const { ms } = await cli("--help");
    if (round > 0) samples.push(ms);
  }
  report.row({ what: "lab --help, whole process", unit: "ms", samples, goal: { of: "median", atMost: 200 } });
  const ofNpx: number[] = [];
  for (let round = 0; round < rounds; round++)
    ofNpx.push((await run("npx", ["lab", "--help"])).ms - (await cli("--help")).ms);
  report.row({ what: "  npx's own share of a command", unit: "ms", samples: ofNpx, goal: null });
  for (const runtime of runtimes) await benchLooks(report, runtime, rounds);
}

/** Commands that only look at a lab, without npx. */
async function benchLooks(report: Report, runtime: "docker" | "local", rounds: number): Promise<void> {
  const place = ["--name", "bench-looks", "--runtime", runtime];
  await cli("up", "--nodes", "5", ...place);
  try {
    for (const verb of ["ps", "status", "balance"]) {
      const samples: number[] = [];
      for (let round = 0; round < rounds; round++) samples.push((await cli(verb, ...place)).ms);
      report.row({
        what: `lab ${verb}, five nodes (${runtime})`,
        unit: "ms",
        samples,
        goal: { of: "median", atMost: 250 },
      });
    }
  } finally {
    await cli("down", ...place);
  }
}

export async function benchFootprint(report: Report): Promise<void> {
  report.heading(`five idle nodes, profile default, ${IDLE_MS / 1000} s (Docker)`);
  using connection = await connectDocker();
  await cli("up", "--name", NAME, "--nodes", "5", "--profile", "default", "--runtime", "docker");
  try {
    await using lab = await openHandle(NAME, { runtime: "docker" });
    const before = await cpuSeconds(connection.docker);
    await pause(IDLE_MS);
    const after = await cpuSeconds(connection.docker);
    const shares = [...after].map(([id, seconds]) => ((seconds - (before.get(id) ?? 0)) / (IDLE_MS / 1000)) * 100);
    report.row({
      what: "an idle node's share of one core",
      unit: "%",
      samples: shares,
      goal: { of: "median", atMost: 1 },
    });
    const states = await Promise.all(
      lab.ids.map(async (id) => StateData.parse((await lab.call(id, { op: "state" })).data)),
    );
    report.row({
      what: "a node's resident memory",
      unit: "MB",
      samples: states.map((state) => state.rss_bytes / 1e6),
      goal: { of: "median", atMost: 85 },
    });
    const [container] = await connection.docker.listContainers({ filters: { label: [`energy-lab.lab=${NAME}`] } });
    const image = await connection.docker.getImage(container?.ImageID ?? "").inspect();
    const base = await connection.docker.getImage(BASE).inspect();
    report.row({
      what: "image above its base",
      unit: "MB",
      samples: [(image.Size - base.Size) / 1e6],
      goal: { of: "max", atMost: 15 },
    });
  } finally {
    await cli("down", "--name", NAME);
  }
}

async function cpuSeconds(docker: Docker): Promise<ReadonlyMap<string, number>> {
  const containers = await docker.listContainers({ filters: { label: [`energy-lab.lab=${NAME}`] } });
  const entries = await Promise.all(
    containers.map(async ({ Id }) => {
      const stats = await docker.getContainer(Id).stats({ stream: false, "one-shot": true });
      return [Id, stats.cpu_stats.cpu_usage.total_usage / 1e9] as const;
    }),
  );
  return new Map(entries);
}
