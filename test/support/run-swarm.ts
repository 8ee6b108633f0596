/**
 * Long swarms by hand: `node test/support/run-swarm.ts 1-5000`. Prints each failing seed with its first line, then a summary.
 *
 * Exit code 1 when a seed failed. `--stop` ends at the first failure and prints all of it.
 */
import { SimFailure } from "../../lab/sim/cluster.ts";
import { runSwarm, type SwarmResult } from "../../lab/sim/swarm.ts";
import { percentile } from "./sim-seeds.ts";

const [range = "1-1000", ...flags] = process.argv.slice(2);
const [from = 1, to = from] = range.split("-").map(Number);
const stopsEarly = flags.includes("--stop");
const startedAtMs = performance.now();
const results: SwarmResult[] = [];
const failures: number[] = [];

for (let seed = from; seed <= to; seed++) {
  try {
    results.push(runSwarm(seed));
  } catch (error) {
    failures.push(seed);
    const text = error instanceof SimFailure ? error.message : String(error);
    const cause =
      text.split("\n").find((line) => /\b[SL]\d+: |did not come true|Error/.test(line)) ?? text.split("\n")[0];
    console.log(`seed ${seed}: ${stopsEarly ? text : cause}`);
    if (stopsEarly) break;
  }
}

const seconds = (performance.now() - startedAtMs) / 1000;
const virtualMs = results.reduce((sum, result) => sum + result.virtualMs, 0);
const spread = (pick: (result: SwarmResult) => number) => {
  const samples = results.map(pick);
  return [0.5, 0.99, 1].map((fraction) => percentile(samples, fraction).toFixed(0)).join(" / ");
};
console.log(
  `${results.length} passed, ${failures.length} failed${failures.length > 0 ? `: ${failures.join(" ")}` : ""}`,
);
console.log(
  `${seconds.toFixed(1)} s, ${(results.length / seconds).toFixed(1)} schedules/s, ${(virtualMs / 1000 / seconds).toFixed(0)} x real time`,
);
console.log(
  `after the heal, ms (p50 / p99 / max): leader ${spread((r) => r.leaderMs)}, ledgers ${spread((r) => r.ledgerMs)}, highest ${spread((r) => r.highestMs)}`,
);
console.log(
  `trades executed ${results.reduce((sum, result) => sum + result.executed, 0)}, faults ${results.reduce((sum, result) => sum + result.faults, 0)}`,
);
process.exitCode = failures.length > 0 ? 1 : 0;
