/**
 * The cost of a scenario beside the same bare commands: the same steps once by `lab run`, once typed one after the other,
 * from the first node's start to the lab's removal. The journal is as detailed in both.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lab as cli } from "./command.ts";
import type { Report } from "./report.ts";

const NAME = "bench-scenario";
const COMMANDS: readonly (readonly string[])[] = [
  ["sell", "1", "2", "5"],
  ["buy", "3", "1", "5"],
  ["kill", "5", "--no-wait"],
  ["wait", "leader=4"],
  ["partition", "1,2", "3,4"],
  ["sell", "1", "2", "5"],
  ["heal"],
  ["start", "5"],
  ["wait", "converged", "leader=5"],
];
const STEPS = `
  - sell 1 2 5
  - buy 3 1 5
  - kill 5
  - wait leader=4
  - partition 1,2 3,4
  - sell 1 2 5
  - heal
  - start 5
  - wait converged leader=5
`;

export async function benchScenario(
  report: Report,
  { runtime, rounds }: { runtime: "docker" | "local"; rounds: number },
): Promise<void> {
  report.heading(`lab run with ${COMMANDS.length} steps, 5 nodes, beside the bare commands (${runtime})`);
  const folder = await mkdtemp(join(tmpdir(), "bench-scenario-"));
  const file = join(folder, "bench.yaml");
  await writeFile(file, `name: bench\nnodes: 5\nprofile: fast\nsteps:${STEPS}`);
  const where = ["--name", NAME, "--runtime", runtime];
  const [bare, whole]: [number[], number[]] = [[], []];
  try {
    // In turn, so that both see the same machine.
    for (let round = 0; round < rounds; round++) {
      bare.push(await timeCommands(where));
      whole.push((await cli("run", file, ...where)).ms);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  report.row({ what: "bare commands, up and down included", unit: "ms", samples: bare, goal: null });
  report.row({ what: "the same as a scenario, with all checks", unit: "ms", samples: whole, goal: null });
  const ratios = whole.map((ms, round) => ms / (bare[round] ?? ms));
  report.row({ what: "scenario / bare commands", unit: "ratio", samples: ratios, goal: { of: "median", atMost: 1.1 } });
}

async function timeCommands(where: readonly string[]): Promise<number> {
  const { ms } = await cli("up", "--nodes", "5", "--profile", "fast", "--journal", "wire", ...where);
  let sum = ms;
  try {
    for (const command of COMMANDS) sum += (await cli(...command, ...where)).ms;
  } finally {
    sum += (await cli("down", ...where)).ms;
  }
  return sum;
}
