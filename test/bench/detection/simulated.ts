/**
 * Detection, election, healing and joining in virtual time: both profiles beside the model of the original, over the same network
 * (0.1 to 0.4 ms one way), the same seeds everywhere. A machine's speed changes nothing here.
 */
import type { Goal, Report } from "../report.ts";
import type { SystemName } from "./cluster.ts";
import { crash, falseSuspicions, heal, joinToTrade, type Rate, tradesUnderLoss, traffic } from "./trials.ts";

const SYSTEMS: readonly SystemName[] = ["default", "fast", "original"];

const SIZES = [5, 10, 20, 100] as const;
/** Beyond this many nodes the original's elections start each other faster than they end (its limit is 10). */
const ORIGINAL_NODES_MAX = 20;
/** An idle node's share of the network, kB a second, at this size. */
const IDLE_GOAL = { nodes: 10, kilobytes: 20 };

/** Goals in milliseconds; the original has no goals. */
type Goals = Readonly<Partial<Record<SystemName, readonly Goal[]>>>;

const FAILED_GOALS: Goals = {
  default: [
    { of: "median", atMost: 2_500 },
    { of: "p99", atMost: 4_000 },
  ],
  fast: [{ of: "p99", atMost: 1_000 }],
};
const AGREED_GOALS: Goals = {
  default: [{ of: "p99", atMost: 4_000 }],
  fast: [
    { of: "median", atMost: 600 },
    { of: "p99", atMost: 1_000 },
  ],
};
const HEALED_GOALS: Goals = { default: [{ of: "p99", atMost: 3_000 }], fast: [{ of: "p99", atMost: 3_000 }] };

export interface SimulatedOptions {
  /** Trials of each figure. */
  readonly trials: number;
  /** How many clusters of 5, 10, 20 and 100 nodes have their traffic counted; every node is a sample. */
  readonly trafficTrials: readonly [number, number, number, number];
}

export function benchSimulatedDetection(report: Report, options: SimulatedOptions): void {
  report.heading(`simulated: five nodes, ${options.trials} trials; the original is a model (test/bench/original)`);
  const seeds = Array.from({ length: options.trials }, (_, index) => index + 1);
  benchCrashes(report, seeds);
  benchHeals(report, seeds);
  for (const system of SYSTEMS)
    row(
      report,
      system,
      "start of a newcomer to its first trade",
      seeds.map((seed) => joinToTrade(system, seed)),
    );
  benchFalseSuspicions(report, seeds);
  benchTrades(report, seeds);
  report.heading("simulated: datagrams and kilobytes that a node sends in a second (a multicast counts once)");
  for (const [index, nodes] of SIZES.entries()) benchTraffic(report, nodes, options.trafficTrials[index] ?? 1);
}

function benchCrashes(report: Report, seeds: readonly number[]): void {
  for (const who of ["coordinator", "follower"] as const) {
    const figures = SYSTEMS.map((system) => ({ system, trials: seeds.map((seed) => crash(system, seed, who)) }));
    for (const { system, trials } of figures)
      row(
        report,
        system,
        `crash of a ${who} to SUSPECTED by one`,
        trials.map(({ suspectedMs }) => suspectedMs),
      );
    for (const { system, trials } of figures)
      row(
        report,
        system,
        `crash of a ${who} to FAILED by all`,
        trials.map(({ failedMs }) => failedMs),
        FAILED_GOALS,
      );
    if (who === "follower") continue;
    for (const { system, trials } of figures)
      row(
        report,
        system,
        "crash to new coordinator agreed",
        trials.map(({ agreedMs }) => agreedMs),
        AGREED_GOALS,
      );
  }
}

function benchHeals(report: Report, seeds: readonly number[]): void {
  for (const loss of [0, 0.2]) {
    const under = loss === 0 ? "" : `, ${100 * loss} % loss`;
    const figures = SYSTEMS.map((system) => ({ system, trials: seeds.map((seed) => heal(system, seed, loss)) }));
    for (const { system, trials } of figures)
      row(
        report,
        system,
        `heal to one leader${under}`,
        trials.map(({ oneLeaderMs }) => oneLeaderMs),
        HEALED_GOALS,
      );
    for (const { system, trials } of figures)
      if (system !== "original")
        row(
          report,
          system,
          `heal to equal ledgers${under}`,
          trials.map((it) => it.equalLedgersMs),
          HEALED_GOALS,
        );
    for (const { system, trials } of figures)
      if (system !== "original")
        row(
          report,
          system,
          `heal to the highest leading${under}`,
          trials.map((it) => it.highestLeadsMs),
        );
  }
}

function benchFalseSuspicions(report: Report, seeds: readonly number[]): void {
  const links = [
    { name: "no loss", link: {} },
    { name: "5 % loss", link: { loss: 0.05 } },
    { name: "10 % loss", link: { loss: 0.1 } },
    { name: "20 % loss", link: { loss: 0.2 } },
    { name: "50 ms jitter", link: { jitterMs: 50 } },
  ];
  for (const { name, link } of links) {
    for (const system of SYSTEMS) {
      const trials = seeds.map((seed) => falseSuspicions(system, seed, link, 36_000));
      const hours = trials.reduce((sum, { nodeHours }) => sum + nodeHours, 0);
      for (const [what, of] of [
        ["SUSPECTED", "suspected"],
        ["FAILED", "failed"],
      ] as const) {
        const total = trials.reduce((sum, trial) => sum + trial[of], 0);
        const goal: readonly Goal[] =
          of === "failed" && system !== "original" && name !== "20 % loss" ? [{ of: "max", atMost: 0 }] : [];
        report.row({
          what: `${system}: falsely ${what}, ${name}, ${total} in ${hours.toFixed(1)} node-hours`,
          unit: "1/h",
          samples: trials.map((trial) => trial[of] / trial.nodeHours),
          goal,
        });
      }
    }
  }
}

function benchTrades(report: Report, seeds: readonly number[]): void {
  const systems = [
    ...SYSTEMS.map((system) => ({ system, name: system as string, copies: 1 })),
    { system: "original" as const, name: "original with 5 confirmations", copies: 5 },
  ];
  for (const loss of [0.05, 0.1, 0.3]) {
    for (const { system, name, copies } of systems) {
      const trials = seeds.map((seed) => tradesUnderLoss(system, seed, loss, copies));
      const isOurs = system !== "original";
      report.row({
        what: `${name}: of 90 trades done, ${100 * loss} % loss`,
        unit: "%",
        samples: trials.map(({ completed }) => completed),
        goal: isOurs ? [{ of: "min", atLeast: 100 }] : null,
      });
      report.row({
        what: `${name}: credits too many or too few, ${100 * loss} % loss`,
        unit: "credits",
        samples: trials.map(({ wrong }) => wrong),
        goal: isOurs ? [{ of: "max", atMost: 0 }] : null,
      });
    }
  }
}

function benchTraffic(report: Report, nodes: number, clusters: number): void {
  for (const system of SYSTEMS) {
    if (system === "original" && nodes > ORIGINAL_NODES_MAX) continue;
    const trials = Array.from({ length: clusters }, (_, index) => traffic(system, nodes, index + 1));
    const isAimedAt = system !== "original" && nodes === IDLE_GOAL.nodes;
    // With fast timing the coordinator answers a probe of everybody every 100 ms.
    const goal: Goal | null = isAimedAt
      ? { of: system === "fast" ? "median" : "max", atMost: IDLE_GOAL.kilobytes }
      : null;
    reportRates(
      report,
      `${system}: ${nodes} nodes, idle`,
      trials.flatMap(({ idle }) => idle),
      goal,
    );
    reportRates(
      report,
      `${system}: ${nodes} nodes, in an election`,
      trials.flatMap(({ election }) => election),
      null,
    );
  }
}

function reportRates(report: Report, what: string, rates: readonly Rate[], goal: Goal | null): void {
  report.row({ what: `${what}, datagrams`, unit: "1/s", samples: rates.map(({ datagrams }) => datagrams), goal: null });
  report.row({ what: `${what}, kB`, unit: "kB/s", samples: rates.map(({ bytes }) => bytes / 1_000), goal });
}

function row(report: Report, system: SystemName, what: string, samples: readonly number[], goals: Goals = {}): void {
  report.row({ what: `${system}: ${what}`, unit: "ms", samples, goal: goals[system] ?? null });
}
