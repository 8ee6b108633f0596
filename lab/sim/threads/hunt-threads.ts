/**
 * All known bugs on all cores: each is hunted until its checker names it, and the schedules that it took are played without it too, where
 * no checker may see anything.
 */
import { availableParallelism } from "node:os";
import { BUGS } from "../bugs/bug-cases.ts";
import type { Found } from "../bugs/hunt.ts";
import { runWorker } from "./swarm-threads.ts";
import type { Hunted, HuntTask } from "./swarm-worker.ts";

export interface BugHunt {
  /** Names; all of them are known. */
  readonly bugs: readonly string[];
  /** The first schedule. */
  readonly from: number;
  /** Schedules that a bug gets; null: as many as its case allows. */
  readonly within: number | null;
  /** Threads; default: one a core. */
  readonly workers?: number;
  readonly signal: AbortSignal;
  readonly onHunted: (done: number, total: number) => void;
}

export interface BugReport {
  /** In the order of the table. */
  readonly found: readonly Found[];
  /** Schedules that were played without any bug. */
  readonly controls: number;
  readonly alarms: Hunted["alarms"];
  readonly seconds: number;
}

/** Schedules a task without a bug. */
const CONTROLS_PER_TASK = 5;

export async function huntBugs(hunt: BugHunt): Promise<BugReport> {
  const startedAtMs = performance.now();
  const tasks = planHunts(hunt);
  const waiting = [...tasks];
  const found = new Map<string, Found>();
  const alarms: Hunted["alarms"][number][] = [];
  let controls = 0;
  let done = 0;
  const note = (hunted: Hunted): void => {
    if (hunted.found !== null) found.set(hunted.found.bug, hunted.found);
    else controls += hunted.task.to - hunted.task.from + 1;
    alarms.push(...hunted.alarms);
    done += 1;
    hunt.onHunted(done, tasks.length);
  };
  const threads = Math.min(hunt.workers ?? availableParallelism(), tasks.length);
  await Promise.all(
    Array.from({ length: threads }, () =>
      runWorker<HuntTask, Hunted>({}, hunt.signal, note, () => waiting.shift() ?? null),
    ),
  );
  return {
    found: hunt.bugs.flatMap((name) => found.get(name) ?? []),
    controls,
    alarms: alarms.toSorted((a, b) => a.seed - b.seed),
    seconds: (performance.now() - startedAtMs) / 1_000,
  };
}

function planHunts({ bugs, from, within }: BugHunt): readonly HuntTask[] {
  const wanted = BUGS.filter(({ name }) => bugs.includes(name));
  const tasks: HuntTask[] = wanted.map((bug) => ({ bug: bug.name, from, to: from + (within ?? bug.within) - 1 }));
  // Most bugs show in fewer; those schedules are played without a bug by the swarm too.
  const controls = Math.min(within ?? 40, 40);
  for (let at = 0; at < controls; at += CONTROLS_PER_TASK)
    tasks.push({ bug: null, from: from + at, to: from + Math.min(at + CONTROLS_PER_TASK, controls) - 1 });
  return tasks;
}
