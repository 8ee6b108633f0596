/**
 * Many schedules on all cores: hands seeds to threads, and sums up what they say.
 *
 * Each thread holds one copy of the simulator and gets the next seed when it is done with the last, in ascending order. A failure
 * ends the run (unless it is to go on) as soon as all smaller seeds are through: the first failure is the smallest failing seed,
 * whichever thread was faster.
 */
import { on } from "node:events";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { LabError } from "../../base/lab-error.ts";
import type { Recovery } from "../cluster/liveness.ts";
import { replayCommand, type SeedRange, type WorldChoice } from "../swarm/choice.ts";
import { MOVE_NAMES, MOVES, type MoveName } from "../swarm/moves.ts";
import { percentile } from "../swarm/percentile.ts";
import type { SwarmResult } from "../swarm/play-schedule.ts";
import { RARE_EVENT_NAMES, type RareEvent } from "../swarm/rare-events.ts";
import {
  COVERAGE_QUESTION,
  type CoverageAnswer,
  type CoverageReport,
  coverageWorkerFile,
  sumUpCoverage,
  type Unreached,
} from "./coverage.ts";
import type { Played } from "./swarm-worker.ts";

export interface SwarmRequest {
  readonly range: SeedRange;
  readonly choice: WorldChoice;
  /** Threads; default: one a core. */
  readonly workers?: number;
  /** Play on after a failure. */
  readonly keepGoing: boolean;
  /** Count which lines of the core are reached. In a checkout of the sources only. */
  readonly coverage?: boolean;
  /** Ends the run; the report then says what ran until then. */
  readonly signal: AbortSignal;
  readonly onPlayed: (progress: SwarmProgress) => void;
}

export interface SwarmProgress {
  readonly played: number;
  readonly total: number;
  readonly failed: number;
  readonly perSecond: number;
}

export interface SwarmFailure {
  readonly seed: number;
  readonly property: string;
  readonly atMs: number;
  readonly reason: string;
  readonly replay: string;
}

/** Milliseconds of virtual time. */
export interface Spread {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface SwarmReport {
  readonly range: SeedRange;
  readonly passed: number;
  /** By seed. */
  readonly failures: readonly SwarmFailure[];
  readonly seconds: number;
  readonly perSecond: number;
  readonly workers: number;
  readonly virtualSeconds: number;
  readonly faults: number;
  /** Of the adversary's moves: the share of schedules that draw each, how many made it, and how often in all. */
  readonly moves: Readonly<Record<MoveName, MoveTotal>>;
  /** Of what the protocol provides for and seldom happens: how many schedules reached it, and how often in all. */
  readonly rare: Readonly<Record<RareEvent, { readonly schedules: number; readonly times: number }>>;
  /** Null: nobody asked. */
  readonly coverage: CoverageReport | null;
  /** Schedules in which a promise broke that had lost its premise. */
  readonly outside: number;
  /** Schedules whose group couldn't get well without what it had lost, and said so. */
  readonly stopped: number;
  readonly tradesExecuted: number;
  readonly deliveries: number;
  /** From the end of the last fault; null when nothing passed. */
  readonly recovery: { readonly leader: Spread; readonly ledger: Spread; readonly highest: Spread } | null;
}

export interface MoveTotal {
  readonly rate: number;
  readonly schedules: number;
  readonly times: number;
}

export async function runSeeds(request: SwarmRequest): Promise<SwarmReport> {
  const { range, choice, signal } = request;
  const total = range.to - range.from + 1;
  const count = Math.min(request.workers ?? availableParallelism(), total);
  const startedAtMs = performance.now();
  const seconds = () => (performance.now() - startedAtMs) / 1_000;
  const results: SwarmResult[] = [];
  const failures: SwarmFailure[] = [];
  let nextSeed = range.from;
  let lastSeed = range.to;

  const note = (played: Played): void => {
    if (played.failure === null) results.push(played.result);
    else {
      failures.push({ seed: played.seed, ...played.failure, replay: replayCommand(played.seed, choice) });
      if (!request.keepGoing) lastSeed = Math.min(lastSeed, played.seed);
    }
    const done = results.length + failures.length;
    request.onPlayed({ played: done, total, failed: failures.length, perSecond: done / seconds() });
  };

  const reached: Unreached[] = [];
  const cover =
    request.coverage === true
      ? { file: requireCoverageWorker(), note: (one: Unreached) => void reached.push(one) }
      : null;
  await Promise.all(
    Array.from({ length: count }, () =>
      runWorker(choice, signal, note, () => (nextSeed <= lastSeed ? nextSeed++ : null), cover),
    ),
  );
  const coverage = cover === null ? null : sumUpCoverage(reached);
  return sumUp({ range, results, failures, seconds: seconds(), workers: count, coverage });
}

/** One thread, until `next` has nothing for it or the signal ends it. */
export async function runWorker<Task, Answer>(
  choice: WorldChoice,
  signal: AbortSignal,
  note: (answer: Answer) => void,
  next: () => Task | null,
  cover: Cover | null = null,
): Promise<void> {
  const worker = new Worker(cover?.file ?? workerFile(), { workerData: choice });
  try {
    await new Promise<void>((resolve, reject) => {
      const goOn = () => {
        const task = signal.aborted ? null : next();
        if (task === null) resolve();
        else worker.postMessage(task);
      };
      signal.addEventListener("abort", () => resolve(), { once: true });
      worker.on("message", (answer: Answer) => {
        note(answer);
        goOn();
      });
      worker.once("error", (cause) =>
        reject(
          new LabError("failed", `a thread of the swarm ended: ${String(cause)}`, "repeat it, or report it", { cause }),
        ),
      );
      goOn();
    });
    if (cover === null) return;
    worker.removeAllListeners("message");
    worker.postMessage(COVERAGE_QUESTION);
    // An interrupted thread tells the result of its last schedule first.
    for await (const [answer] of on(worker, "message"))
      if ("unreached" in (answer as object)) {
        cover.note((answer as CoverageAnswer).unreached);
        return;
      }
  } finally {
    await worker.terminate();
  }
}

/** A thread that counts what it reaches, and what gets its count. */
interface Cover {
  readonly file: URL;
  readonly note: (unreached: Unreached) => void;
}

function requireCoverageWorker(): URL {
  const file = coverageWorkerFile();
  if (file !== null) return file;
  throw new LabError(
    "usage",
    "--coverage counts lines of the sources, which aren't here",
    "run it in a checkout of the project",
  );
}

/** Beside this file: as a source, or as the bundle of the same name. */
function workerFile(): URL {
  return new URL(import.meta.url.endsWith(".ts") ? "./swarm-worker.ts" : "./swarm-worker.js", import.meta.url);
}

function sumUp(run: {
  range: SeedRange;
  results: readonly SwarmResult[];
  failures: readonly SwarmFailure[];
  seconds: number;
  workers: number;
  coverage: CoverageReport | null;
}): SwarmReport {
  const { range, results, seconds, workers } = run;
  const total = (pick: (result: SwarmResult) => number) => results.reduce((all, result) => all + pick(result), 0);
  const recoveries = results.flatMap(({ recovery }) => recovery ?? []);
  const spread = (pick: (recovery: Recovery) => number): Spread => {
    const samples = recoveries.map(pick);
    return { p50: percentile(samples, 0.5), p99: percentile(samples, 0.99), max: percentile(samples, 1) };
  };
  return {
    range,
    passed: results.length,
    failures: run.failures.toSorted((a, b) => a.seed - b.seed),
    seconds,
    perSecond: (results.length + run.failures.length) / seconds,
    workers,
    virtualSeconds: total((result) => result.virtualMs) / 1_000,
    faults: total((result) => result.faults),
    moves: sumMoves(results),
    coverage: run.coverage,
    rare: sumRare(results),
    outside: results.filter(({ outside }) => outside !== null).length,
    stopped: results.filter(({ recovery }) => recovery === null).length,
    tradesExecuted: total((result) => result.executed),
    deliveries: total((result) => result.deliveries),
    recovery:
      recoveries.length === 0
        ? null
        : {
            leader: spread((recovery) => recovery.leaderMs),
            ledger: spread((recovery) => recovery.ledgerMs),
            highest: spread((recovery) => recovery.highestMs),
          },
  };
}

function sumMoves(results: readonly SwarmResult[]): Record<MoveName, MoveTotal> {
  const totals = MOVE_NAMES.map((name) => [
    name,
    { rate: MOVES[name], ...sum(results.map(({ moves }) => moves[name])) },
  ]);
  return Object.fromEntries(totals) as Record<MoveName, MoveTotal>;
}

function sumRare(results: readonly SwarmResult[]): SwarmReport["rare"] {
  const totals = RARE_EVENT_NAMES.map((name) => [name, sum(results.map(({ rare }) => rare[name]))]);
  return Object.fromEntries(totals) as SwarmReport["rare"];
}

function sum(times: readonly (number | undefined)[]): { schedules: number; times: number } {
  const made = times.filter((count) => count !== undefined && count > 0) as number[];
  return { schedules: made.length, times: made.reduce((all, count) => all + count, 0) };
}
