/**
 * The cost of a larger group: how long a dead node stays unnoticed, and what an idle node sends, takes and computes, in virtual time.
 *
 * In a group of five each sample has a cluster of its own. Larger ones go on with those that are left, so that one start serves many crashes.
 */
import type { Goal, Report } from "../report.ts";
import { summarise } from "../stats.ts";
import type { BenchCluster } from "./cluster.ts";
import { settled } from "./trials.ts";

const SIZES = [5, 20, 50, 250] as const;
/** How much longer than among five, at the 95th percentile. */
const COORDINATOR_FACTOR = 1.5;
const FOLLOWER_FACTOR = 2.5;
/** How much more of an idle node's datagrams and processor time. */
const IDLE_FACTOR = 2;
const PATIENCE_MS = 60_000;
/** The voters of a larger group, of which a majority stays. */
const VOTERS = 5;

type Who = "coordinator" | "follower";

interface Crash {
  /** Until all others hold it for FAILED. */
  readonly failedMs: number;
  /** Until all others follow one of them. */
  readonly agreedMs: number;
}

interface Idle {
  readonly sent: number;
  readonly received: number;
  /** Milliseconds of processor time, the simulator's own included. */
  readonly cpuMs: number;
}

export function benchGrowth(report: Report, crashes: number): void {
  for (const profile of ["default", "fast"] as const) {
    report.heading(
      `simulated: groups of ${SIZES.join(", ")}, profile ${profile}; goals are multiples of the group of five`,
    );
    const bySize = SIZES.map((nodes) => ({ nodes, ...measure(profile, nodes, crashes) }));
    const small = bySize[0] as (typeof bySize)[number];
    for (const { nodes, coordinator, follower, idle } of bySize) {
      const row = (what: string, unit: "ms" | "1/s", samples: readonly number[], goal: Goal | null) =>
        report.row({ what: `${profile}: ${nodes} nodes, ${what}`, unit, samples, goal: nodes === 5 ? null : goal });
      const agreedMs = coordinator.map((crash) => crash.agreedMs);
      const failedMs = follower.map((crash) => crash.failedMs);
      const p95 = (samples: readonly number[], factor: number): Goal => ({
        of: "p95",
        atMost: Math.round(factor * summarise(samples).p95),
      });
      row(
        "crash of the coordinator to agreement",
        "ms",
        agreedMs,
        p95(
          small.coordinator.map((it) => it.agreedMs),
          COORDINATOR_FACTOR,
        ),
      );
      row(
        "crash of a follower to FAILED by all",
        "ms",
        failedMs,
        p95(
          small.follower.map((it) => it.failedMs),
          FOLLOWER_FACTOR,
        ),
      );
      const atMost = (of: keyof Idle): Goal => ({ of: "median", atMost: IDLE_FACTOR * small.idle[of] });
      row("idle, datagrams sent by a node", "1/s", [idle.sent], atMost("sent"));
      row("idle, datagrams that reach a node", "1/s", [idle.received], atMost("received"));
      row("idle, processor time of a node and its simulation, a second", "ms", [idle.cpuMs], atMost("cpuMs"));
    }
  }
}

function measure(profile: "default" | "fast", nodes: number, crashes: number) {
  const coordinator: Crash[] = [];
  const follower: Crash[] = [];
  const perCluster = nodes === 5 ? 1 : Math.floor(nodes / 8);
  let idle: Idle | null = null;
  for (let seed = 1; coordinator.length < crashes; seed++) {
    const cluster = settled(profile, nodes, seed);
    idle ??= idleOf(cluster);
    for (let n = 0; n < perCluster && coordinator.length < crashes; n++) {
      coordinator.push(crash(cluster, "coordinator"));
      follower.push(crash(nodes === 5 ? settled(profile, nodes, seed) : cluster, "follower"));
    }
  }
  return { coordinator, follower, idle: idle as Idle };
}

/** The highest leads, so the second highest of the others is a follower that is no voter. */
function crash(cluster: BenchCluster, who: Who): Crash {
  const running = cluster.runningIds();
  const others = running.slice(0, -1).filter((id) => running.length <= VOTERS || id > VOTERS);
  const victim = who === "coordinator" ? (running.at(-1) as number) : cluster.draw.pick(others);
  cluster.runFor(cluster.draw.between(2_000, 3_000));
  const startMs = cluster.nowMs;
  let seen = cluster.standings.length;
  const missing = new Set(running.filter((id) => id !== victim));
  cluster.kill(victim);
  let agreedMs = who === "coordinator" ? Number.POSITIVE_INFINITY : 0;
  const failedMs = cluster.runUntil(() => {
    for (; seen < cluster.standings.length; seen++) {
      const { by, of, state } = cluster.standings[seen] as (typeof cluster.standings)[number];
      if (of === victim && state === "FAILED") missing.delete(by);
    }
    if (agreedMs === Number.POSITIVE_INFINITY && cluster.hasOneLeader()) agreedMs = cluster.nowMs - startMs;
    return missing.size === 0 && agreedMs < Number.POSITIVE_INFINITY;
  }, PATIENCE_MS);
  return { failedMs, agreedMs };
}

function idleOf(cluster: BenchCluster): Idle {
  const seconds = 20;
  const count = () => [...cluster.traffic.values()].reduce((sum, { sent }) => sum + sent, 0);
  const before = { sent: count(), received: cluster.received, cpu: process.cpuUsage() };
  cluster.runFor(1_000 * seconds);
  const { user, system } = process.cpuUsage(before.cpu);
  const share = seconds * cluster.ids.length;
  return {
    sent: (count() - before.sent) / share,
    received: (cluster.received - before.received) / share,
    cpuMs: (user + system) / 1_000 / share,
  };
}
