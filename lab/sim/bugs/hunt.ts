/**
 * The hunt for a known bug: the swarm's random schedules, with its own checks blind so that a run goes on after the breach, and judged by
 * nothing but its journal. It is what shows that the checkers of journals see what they are for.
 */
import { runChecks } from "../../check/checkers.ts";
import type { CheckResult } from "../../check/verdict.ts";
import type { Journal } from "../../journal/journal.ts";
import { PROPERTIES } from "../checks/judge.ts";
import { SimFailure } from "../checks/sim-failure.ts";
import { SimCluster } from "../cluster/sim-cluster.ts";
import { journalOf } from "../cluster/sim-run.ts";
import { drawWorld } from "../cluster/sim-world.ts";
import { endFaults, runSafetyPhase } from "../swarm/play-schedule.ts";
import { loseOneDisk } from "../swarm/swarm-faults.ts";
import { Draw } from "../world/draw.ts";
import { type Bug, INGREDIENTS } from "./bug-cases.ts";

/** Virtual milliseconds from the last fault on: longer than any bound of a checker. */
const CALM_MS = 14_000;
const FIRST_TRADES_MS = 3_000;

/** Schedule `seed` with the bug in all nodes (null: with none), and its journal. */
export function playHunt(seed: number, bug: Bug | null): Journal {
  const draw = new Draw(seed, "hunt");
  const world = drawWorld(seed, draw);
  const sim = new SimCluster({
    ...world,
    nodes: draw.integer(3, 6),
    profile: "fast",
    blind: PROPERTIES,
    // Broken nodes die of their bugs, and their disks take what they are given.
    disk: { ...world.disk, isStrict: false },
    process: { diesOfExceptions: true, timersFirst: true },
    ...(bug === null ? {} : { rules: Object.fromEntries(bug.without.map((rule) => [rule, false])) }),
    ...(bug?.shell === undefined ? {} : { shell: { [bug.shell]: true } }),
  });
  sim.noteUp();
  try {
    play(sim, draw, bug);
  } catch (error) {
    // A node that fell over its own bug, as a real one would: what was written until then is judged.
    if (!(error instanceof SimFailure)) throw error;
    sim.note(`the run ends: ${error.details.reason}`);
  }
  return journalOf(sim);
}

function play(sim: SimCluster, draw: Draw, bug: Bug | null): void {
  sim.startAll();
  const spice = bug?.spice === undefined ? undefined : INGREDIENTS[bug.spice](sim, new Draw(sim.seed, "spice"));
  runSafetyPhase(sim, draw, { onAction: spice, loseDisk: (id) => loseOneDisk(sim, id) });
  endFaults(sim);
  sim.startAll();
  sim.runFor(FIRST_TRADES_MS);
  sim.startAll();
  for (const id of sim.ids) sim.sell(id, sim.ids.find((other) => other !== id) ?? id, 1);
  // Half of the runs end with somebody dead: it must be noticed, and replaced.
  if (draw.chance(0.5)) sim.kill(draw.pick(sim.ids));
  sim.runFor(CALM_MS);
  sim.act({ action: "check" }, "check");
}

export interface Found {
  readonly bug: string;
  /** Schedules that were played until the right checker named it; null: it didn't. */
  readonly runs: number | null;
  readonly seed: number | null;
  /** The checker that named it, and all that saw something in that run. */
  readonly by: string | null;
  readonly also: readonly string[];
  readonly what: string | null;
}

/** Plays the seeds in order until a checker that should name the bug does. */
export function huntBug(bug: Bug, seeds: Iterable<number>): Found {
  let runs = 0;
  for (const seed of seeds) {
    runs += 1;
    const alarms = findAlarms(playHunt(seed, bug));
    const hit = alarms.find(({ check }) => check === bug.check);
    if (hit === undefined) continue;
    const also = alarms.filter((alarm) => alarm !== hit).map(({ check }) => check);
    return { bug: bug.name, runs, seed, by: hit.check, also, what: hit.violations[0]?.what ?? null };
  }
  return { bug: bug.name, runs: null, seed: null, by: null, also: [], what: null };
}

export function findAlarms(journal: Journal): readonly CheckResult[] {
  return runChecks(journal).filter(({ verdict }) => verdict === "invalid");
}
