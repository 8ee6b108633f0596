/**
 * `npm run bench`: measures what the project promises, beside the floor that the machine sets, and prints both.
 *
 *   npm run bench                       everything that this machine can run (about 40 minutes on two cores)
 *   npm run bench -- up failover        only these: step, cli, recovery, up, failover, detection, faults,
 *                                       trades, footprint, scenario, sim-speed, playground
 *   npm run bench -- chaos --minutes 10 only when asked for: faults all the time, and what is left of them (10 nodes)
 *   npm run bench -- swarm              only when asked for: three hosts of a swarm on this machine (root on Linux)
 *   npm run bench -- peers              only when asked for: serf beside our own nodes
 *   npm run bench -- --runtime local    without Docker
 *   npm run bench -- --quick            fewer rounds and sizes
 *   npm run bench -- -o json            a JSON line for each row
 *
 * Not a test: a missed goal is printed, not an exit code. Numbers of one run compare; numbers of two runs don't.
 */

import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { probeDocker } from "../support/docker-available.ts";
import { benchChaos } from "./chaos.ts";
import { benchGrowth } from "./detection/growth.ts";
import { benchRealDetection } from "./detection/real.ts";
import { benchSimulatedDetection } from "./detection/simulated.ts";
import { benchFailover } from "./failover.ts";
import { benchFaults } from "./faults.ts";
import { benchCli, benchFootprint } from "./footprint.ts";
import { benchPeers } from "./peers.ts";
import { benchPlayground } from "./playground.ts";
import { benchRecovery } from "./recovery.ts";
import { Report } from "./report.ts";
import { benchScenario } from "./scenario.ts";
import { benchSimSpeed } from "./sim-speed.ts";
import { benchStep } from "./step.ts";
import { benchSwarm } from "./swarm.ts";
import { benchThroughput } from "./throughput.ts";
import { benchUp } from "./up.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runtime: { type: "string" },
    quick: { type: "boolean", default: false },
    minutes: { type: "string", default: "10" },
    nodes: { type: "string", default: "10" },
    seed: { type: "string", default: "1" },
    profile: { type: "string", default: "fast" },
    rate: { type: "string" },
    kinds: { type: "string" },
    network: { type: "string" },
    output: { type: "string", short: "o", default: "text" },
  },
});

const report = new Report(values.output === "json");
const docker = await probeDocker();
const runtime =
  values.runtime === "local" || values.runtime === "docker" ? values.runtime : docker.available ? "docker" : "local";
if (!docker.available) report.note(`no Docker here (${docker.reason}): only what the local runtime can show`);
report.heading(
  `Node ${process.versions.node}, ${cpus().length} cores (${cpus()[0]?.model ?? "unknown"}), runtime ${runtime}`,
);

const wanted = (section: string): boolean => positionals.length === 0 || positionals.includes(section);
const rounds = values.quick ? 3 : 10;

if (wanted("step")) await benchStep(report, { seconds: values.quick ? 10 : 60, tradesPerSecond: 200 });
if (wanted("cli")) await benchCli(report, { rounds, runtimes: runtime === "docker" ? ["docker", "local"] : ["local"] });
if (wanted("recovery")) await benchRecovery(report, { records: 100_000, rounds: values.quick ? 3 : 10 });
if (wanted("up") && runtime === "docker")
  await benchUp(report, { sizes: values.quick ? [5] : [5, 20, 50], rounds: values.quick ? 3 : 5 });
if (wanted("failover")) {
  await benchFailover(report, { runtime, profile: "fast", nodes: 5, kills: values.quick ? 5 : 20, goalMs: 1000 });
  await benchFailover(report, { runtime, profile: "default", nodes: 5, kills: values.quick ? 3 : 10, goalMs: 4000 });
}
if (wanted("detection")) {
  const trials = values.quick ? 10 : 100;
  benchGrowth(report, values.quick ? 10 : 60);
  benchSimulatedDetection(report, { trials, trafficTrials: values.quick ? [2, 1, 1, 1] : [100, 50, 20, 2] });
  for (const profile of ["fast", "default"] as const)
    await benchRealDetection(report, { runtime, profile, rounds: values.quick ? 3 : profile === "fast" ? 100 : 20 });
}
if (wanted("faults")) {
  await benchFaults(report, { runtime, nodes: 5, rounds });
  if (!values.quick) await benchFaults(report, { runtime, nodes: 20, rounds: 5 });
}
if (wanted("footprint") && runtime === "docker") await benchFootprint(report);
if (wanted("trades")) {
  const sizes = values.quick ? [5] : [2, 5, 20];
  await benchThroughput(report, { runtime, sizes, seconds: values.quick ? 10 : 30 });
}
if (positionals.includes("swarm") && docker.available)
  await benchSwarm(report, {
    image: docker.image,
    sizes: values.quick ? [9] : [9, 30, 60],
    rounds: values.quick ? 3 : 5,
  });
if (positionals.includes("chaos")) {
  const { minutes, nodes, seed, profile, rate, kinds, network } = values;
  const numbers = { minutes: Number(minutes), nodes: Number(nodes), seed: Number(seed) };
  await benchChaos(report, { runtime, profile, ...numbers, rate, kinds, network });
}
if (positionals.includes("peers"))
  await benchPeers(report, { rounds: values.quick ? 2 : 10, lossSeconds: values.quick ? 20 : 120 });
if (wanted("scenario")) await benchScenario(report, { runtime, rounds: values.quick ? 2 : 5 });
if (wanted("playground")) await benchPlayground(report, values.quick ? 3 : 5);
if (wanted("sim-speed")) {
  for (const [profile, rate, nodes, goal] of [
    ["default", 1, 5, 1_000],
    ["default", 1, 20, null],
    ["default", 1, 100, null],
    ["fast", 20, 5, 170],
    ["fast", 20, 20, null],
    ["fast", 20, 100, 9],
  ] as const) {
    const seconds = (values.quick ? 1_000 : 10_000) / nodes ** 2;
    await benchSimSpeed(report, { nodes, profile, rate, seconds, samples: 3, goal });
  }
}
