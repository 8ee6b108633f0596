/**
 * A fault on a whole lab, applied and verified: the command's time less the CLI's own start.
 */
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
    const heals: number[] = [];
    const half = Math.floor(nodes / 2);
    for (let round = 0; round <= rounds; round++) {
      const start = (await cli("--help")).ms;
      const partition = (await cli("partition", `1-${half}`, `${half + 1}-${nodes}`, "--name", name)).ms;
      const heal = (await cli("heal", "--name", name)).ms;
      const netem = (await cli("netem", "all", "--loss", "5%", "--delay", "20ms", "--name", name)).ms;
      await cli("heal", "--name", name);
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
  } finally {
    await cli("down", "--name", name);
  }
}
