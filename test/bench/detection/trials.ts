/**
 * One trial of each measurement in virtual time. Everything follows from the seed; times are milliseconds, Infinity is «not in a minute».
 */
import type { LinkModel } from "../../../lab/sim/world/network.ts";
import { type BenchCluster, createCluster, type SystemName } from "./cluster.ts";

const PATIENCE_MS = 60_000;

/** Groups of five that are cut off from each other, both ways; the highest, 5, with and without a majority, alone, and three parts. */
const CUTS: readonly (readonly (readonly number[])[])[] = [
  [
    [1, 2],
    [3, 4, 5],
  ],
  [
    [1, 2, 3],
    [4, 5],
  ],
  [[1, 2, 3, 4], [5]],
  [[1, 2], [3, 4], [5]],
];

/** A cluster that agrees, at a random moment of its heartbeats. */
export function settled(system: SystemName, nodes: number, seed: number, confirmCopies = 1): BenchCluster {
  const cluster = createCluster(system, { nodes, seed, confirmCopies });
  cluster.startAll();
  const isSettled = () => cluster.isLedByHighest() && (system === "original" || cluster.hasEqualLedgers());
  if (cluster.runUntil(isSettled, PATIENCE_MS) === Number.POSITIVE_INFINITY)
    throw new Error(`${nodes} nodes of ${system} didn't agree (seed ${seed})`);
  cluster.runFor(cluster.draw.between(1_000, 4_000));
  return cluster;
}

export interface CrashFigures {
  /** Until the first of the others suspects it. */
  readonly suspectedMs: number;
  /** Until all others hold it for FAILED. */
  readonly failedMs: number;
  /** Until all others follow one of them. */
  readonly agreedMs: number;
}

export function crash(system: SystemName, seed: number, who: "coordinator" | "follower"): CrashFigures {
  const cluster = settled(system, 5, seed);
  const victim = who === "coordinator" ? 5 : 1 + (seed % 4);
  const startMs = cluster.nowMs;
  const before = cluster.standings.length;
  cluster.kill(victim);
  const about = (state: "SUSPECTED" | "FAILED") =>
    cluster.standings.slice(before).filter((standing) => standing.of === victim && standing.state === state);
  let agreedMs = Number.POSITIVE_INFINITY;
  const isOver = () => {
    if (agreedMs === Number.POSITIVE_INFINITY && cluster.hasOneLeader()) agreedMs = cluster.nowMs - startMs;
    return agreedMs < Number.POSITIVE_INFINITY && new Set(about("FAILED").map(({ by }) => by)).size === 4;
  };
  const failedMs = cluster.runUntil(isOver, PATIENCE_MS);
  const suspectedAtMs = (about("SUSPECTED")[0] ?? about("FAILED")[0])?.atMs ?? Number.POSITIVE_INFINITY;
  const lastFailedAtMs = Math.max(...about("FAILED").map(({ atMs }) => atMs));
  return {
    suspectedMs: suspectedAtMs - startMs,
    failedMs: failedMs === Number.POSITIVE_INFINITY ? failedMs : lastFailedAtMs - startMs,
    agreedMs,
  };
}

export interface HealFigures {
  readonly oneLeaderMs: number;
  readonly equalLedgersMs: number;
  readonly highestLeadsMs: number;
}

/** Both sides trade for longer than detection takes; then the network is whole again, but for `loss`. */
export function heal(system: SystemName, seed: number, loss: number): HealFigures {
  const cluster = settled(system, 5, seed);
  const { draw } = cluster;
  cluster.partition(...draw.pick(CUTS));
  const endMs = cluster.nowMs + (system === "fast" ? draw.between(3_000, 10_000) : draw.between(20_000, 30_000));
  while (cluster.nowMs < endMs) {
    tradeOnce(cluster);
    cluster.runFor(draw.between(0, 400));
  }
  cluster.shape({ loss });
  cluster.heal();
  const startMs = cluster.nowMs;
  const figures = {
    oneLeaderMs: Number.POSITIVE_INFINITY,
    equalLedgersMs: Number.POSITIVE_INFINITY,
    highestLeadsMs: Number.POSITIVE_INFINITY,
  };
  const note = (name: keyof typeof figures, isTrue: () => boolean) => {
    if (figures[name] === Number.POSITIVE_INFINITY && isTrue()) figures[name] = cluster.nowMs - startMs;
  };
  cluster.runUntil(() => {
    note("oneLeaderMs", () => cluster.hasOneLeader());
    note("equalLedgersMs", () => cluster.hasEqualLedgers());
    note("highestLeadsMs", () => cluster.isLedByHighest());
    return Object.values(figures).every((ms) => ms < Number.POSITIVE_INFINITY);
  }, PATIENCE_MS);
  return figures;
}

/** From the start of a fifth process with an empty disk to the moment when its first sale is done on both sides. */
export function joinToTrade(system: SystemName, seed: number): number {
  const cluster = settled(system, 4, seed);
  for (let n = 0; n < 20; n++) tradeOnce(cluster);
  cluster.runFor(1_000);
  const startMs = cluster.nowMs;
  const newcomer = cluster.join();
  let isDone: (() => boolean) | null = null;
  while (isDone === null && cluster.nowMs - startMs < PATIENCE_MS) {
    cluster.runFor(10);
    isDone = cluster.trade("sell", newcomer, 1);
  }
  cluster.runUntil(() => isDone?.() === true, PATIENCE_MS);
  return isDone?.() === true ? cluster.nowMs - startMs : Number.POSITIVE_INFINITY;
}

export interface SuspicionFigures {
  readonly nodeHours: number;
  readonly suspected: number;
  readonly failed: number;
}

/** Five nodes that all run and can all be reached: every suspicion is false. */
export function falseSuspicions(system: SystemName, seed: number, link: Partial<LinkModel>, spanMs: number) {
  const cluster = settled(system, 5, seed);
  const before = cluster.standings.length;
  cluster.shape(link);
  cluster.runFor(spanMs);
  const count = (state: "SUSPECTED" | "FAILED") =>
    cluster.standings.slice(before).filter((standing) => standing.state === state).length;
  return { nodeHours: (5 * spanMs) / 3_600_000, suspected: count("SUSPECTED"), failed: count("FAILED") };
}

export interface TrafficFigures {
  /** Of each node, a second. */
  readonly idle: readonly Rate[];
  /** The same from the moment when the coordinator is first held for FAILED until all agree on another, a second at least. */
  readonly election: readonly Rate[];
}

export interface Rate {
  readonly datagrams: number;
  readonly bytes: number;
}

export function traffic(system: SystemName, nodes: number, seed: number): TrafficFigures {
  const cluster = settled(system, nodes, seed);
  const idle = ratesWhile(cluster, () => cluster.runFor(10_000));
  const before = cluster.standings.length;
  cluster.kill(nodes);
  const isFailed = () => cluster.standings.slice(before).some(({ of, state }) => of === nodes && state === "FAILED");
  cluster.runUntil(isFailed, PATIENCE_MS);
  const election = ratesWhile(cluster, () => {
    const startMs = cluster.nowMs;
    cluster.runUntil(() => cluster.hasOneLeader(), PATIENCE_MS);
    cluster.runFor(Math.max(0, startMs + 1_000 - cluster.nowMs));
  });
  return { idle, election: election.slice(0, nodes - 1) };
}

function ratesWhile(cluster: BenchCluster, run: () => void): Rate[] {
  const read = (id: number) => cluster.traffic.get(id) ?? { sent: 0, sentBytes: 0 };
  const before = cluster.ids.map((id) => ({ ...read(id) }));
  const startMs = cluster.nowMs;
  run();
  const seconds = (cluster.nowMs - startMs) / 1_000;
  return cluster.ids.map((id, index) => {
    const { sent, sentBytes } = before[index] ?? { sent: 0, sentBytes: 0 };
    return { datagrams: (read(id).sent - sent) / seconds, bytes: (read(id).sentBytes - sentBytes) / seconds };
  });
}

export interface TradeFigures {
  /** Per cent of 90 that both sides have executed half a minute after the last one. */
  readonly completed: number;
  /** Credits that there are too many or too few of, as a positive number. */
  readonly wrong: number;
}

export function tradesUnderLoss(system: SystemName, seed: number, loss: number, confirmCopies = 1): TradeFigures {
  const cluster = settled(system, 5, seed, confirmCopies);
  cluster.shape({ loss });
  const trades: (() => boolean)[] = [];
  for (let n = 0; n < 90; n++) {
    const trade = tradeOnce(cluster);
    if (trade !== null) trades.push(trade);
    cluster.runFor(100);
  }
  cluster.runFor(30_000);
  const done = trades.filter((isDone) => isDone()).length;
  return { completed: (100 * done) / 90, wrong: Math.abs(cluster.surplus()) };
}

function tradeOnce(cluster: BenchCluster): (() => boolean) | null {
  const from = cluster.draw.pick(cluster.ids);
  const to = cluster.draw.pick(cluster.ids.filter((id) => id !== from));
  return cluster.trade(cluster.draw.chance(0.5) ? "buy" : "sell", from, to);
}
