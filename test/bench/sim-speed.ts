/**
 * How fast virtual time passes: seconds of a simulated cluster's life for each second of this machine, under load, by the path that
 * scenarios take (engine, control channel, journal with every datagram, every promise checked at every step).
 *
 * By the clock on the wall, and by the processor's: on a busy machine only the second one says what the simulator costs.
 */
import { sleep } from "../../lab/base/lab-clock.ts";
import { bringUp } from "../../lab/cluster/up.ts";
import { openSimSession } from "../../lab/engine/sim/sim-session.ts";
import { Loads } from "../../lab/scenario/loads.ts";
import type { Report } from "./report.ts";

export interface SimSpeedOptions {
  readonly nodes: number;
  readonly profile: "default" | "fast";
  /** Trades a second among random pairs. */
  readonly rate: number;
  /** Of virtual time, a sample. */
  readonly seconds: number;
  readonly samples: number;
  readonly goal: number | null;
}

const JOURNALS = {
  events: {},
  wire: { DS_LOG_LEVEL: "DEBUG", DS_JOURNAL: "wire" },
} as const;

export async function benchSimSpeed(report: Report, options: SimSpeedOptions): Promise<void> {
  const { nodes, profile, rate, samples, goal } = options;
  const toGoal = goal === null ? null : ({ of: "median", atLeast: goal } as const);
  report.heading(`virtual seconds a second, ${nodes} nodes, ${rate} trades/s, profile ${profile}`);
  for (const journal of ["events", "wire"] as const) {
    const lives: Timed[] = [];
    for (let seed = 1; seed <= samples; seed++) lives.push(await timeLife(seed, JOURNALS[journal], options));
    const row = (what: string, unit: "ms" | "ratio", of: (life: Timed) => number, aim: typeof toGoal = null) =>
      report.row({ what: `journal ${journal}, ${what}`, unit, samples: lives.map(of), goal: aim });
    row("start until all agree", "ms", ({ startMs }) => startMs);
    row("by the wall clock", "ratio", ({ wall }) => wall, toGoal);
    row("by the processor's", "ratio", ({ cpu }) => cpu);
  }
}

/** Of this machine: the milliseconds of the start, then virtual time for each of wall clock and processor. */
interface Timed {
  readonly startMs: number;
  readonly wall: number;
  readonly cpu: number;
}

/** The first seconds are a start's: nodes still join, and the machine's code isn't compiled yet. */
const WARM_UP_MS = 20_000;

async function timeLife(
  seed: number,
  env: Readonly<Record<string, string>>,
  { nodes, profile, rate, seconds }: SimSpeedOptions,
): Promise<Timed> {
  await using _session = await openSimSession(seed);
  const quiet = { progress: () => {}, onNotice: () => {}, signal: new AbortController().signal };
  const request = { name: "speed", profile, nodes, env, voters: null };
  const startedAtMs = performance.now();
  const { lab } = await bringUp(request, { runtime: "sim", wait: true, timeoutMs: 120_000, ...quiet });
  const startMs = performance.now() - startedAtMs;
  const loads = new Loads(lab, seed);
  loads.begin({ path: "1", rate, forMs: null, pairs: null, amount: [1, 3] });
  await sleep(lab.clock, WARM_UP_MS);
  const before = { virtualMs: lab.clock.nowMs(), wallMs: performance.now(), cpu: process.cpuUsage() };
  await sleep(lab.clock, seconds * 1_000);
  const livedMs = lab.clock.nowMs() - before.virtualMs;
  const { user, system } = process.cpuUsage(before.cpu);
  const wall = livedMs / (performance.now() - before.wallMs);
  await loads.stop();
  return { startMs, wall, cpu: livedMs / ((user + system) / 1_000) };
}
