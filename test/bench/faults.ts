/**
 * A fault on a whole lab, applied and verified: the command's time less the CLI's own start. The floor on Docker is what the engine takes
 * to run a program that does nothing in each container, all at once: a fault needs one such run a node.
 */
import { connectDocker } from "../../lab/engine/docker/docker-connect.ts";
import { execAsRoot } from "../../lab/engine/docker/docker-exec.ts";
import { lab as cli } from "./command.ts";
import type { Report } from "./report.ts";
import { summarise } from "./stats.ts";

export async function benchFaults(
  report: Report,
  options: { runtime: "docker" | "local"; nodes: number; rounds: number },
): Promise<void> {
  const { nodes, runtime, rounds } = options;
  report.heading(`faults on ${nodes} nodes (${runtime}), applied and verified, after the CLI has started`);
  const name = `bench-faults-${nodes}`;
  const goal = { of: "median", atMost: 250 + 20 * Math.max(0, nodes - 5) } as const;
  await cli("up", "--name", name, "--nodes", String(nodes), "--profile", "fast", "--runtime", runtime);
  try {
    const starts: number[] = [];
    const partitions: number[] = [];
    const netems: number[] = [];
    const floors: number[] = [];
    const heals: number[] = [];
    const half = Math.floor(nodes / 2);
    for (let round = 0; round <= rounds; round++) {
      const start = (await cli("--help")).ms;
      const partition = (await cli("partition", `1-${half}`, `${half + 1}-${nodes}`, "--name", name)).ms;
      const heal = (await cli("heal", "--name", name)).ms;
      const netem = (await cli("netem", "all", "--loss", "5%", "--delay", "20ms", "--name", name)).ms;
      await cli("heal", "--name", name);
      if (runtime === "docker") floors.push(await execFloorMs(name, nodes));
      if (round === 0) continue;
      starts.push(start);
      partitions.push(partition);
      heals.push(heal);
      netems.push(netem);
    }
    const startMs = summarise(starts).median;
    const beyond = (samples: readonly number[]): number[] => samples.map((ms) => ms - startMs);
    report.row({
      what: `partition into 1-${half} and ${half + 1}-${nodes}`,
      unit: "ms",
      samples: beyond(partitions),
      goal,
    });
    report.row({ what: "netem all --loss 5% --delay 20ms", unit: "ms", samples: beyond(netems), goal });
    report.row({ what: "heal", unit: "ms", samples: beyond(heals), goal });
    if (floors.length > 1)
      report.row({ what: "floor: an exec of nothing in each", unit: "ms", samples: floors.slice(1), goal: null });
  } finally {
    await cli("down", "--name", name);
  }
}

async function execFloorMs(lab: string, nodes: number): Promise<number> {
  using connection = await connectDocker();
  const startMs = performance.now();
  await Promise.all(
    Array.from({ length: nodes }, (_, index) =>
      execAsRoot(connection.docker, { lab, id: index + 1, seen: null }, ":", {}),
    ),
  );
  return performance.now() - startMs;
}
