/**
 * The lines of a simulated cluster as the journal of a run: checkers read it like that of real nodes.
 */
import type { Entry } from "../../journal/entry.ts";
import { assembleJournal, type Journal, type RunFacts } from "../../journal/journal.ts";
import type { SimCluster } from "./sim-cluster.ts";

/** Everything until now. */
export function journalOf(sim: SimCluster): Journal {
  return assembleJournal(factsOf(sim), sim.journal.lines as unknown as readonly Entry[]);
}

export function factsOf({ config, nodes, seed }: Pick<SimCluster, "config" | "nodes" | "seed">): RunFacts {
  const { voters, isDetailed, timing } = config;
  return {
    lab: "sim",
    run: null,
    runtime: "sim",
    profile: timing.probeIntervalMs > 1_000 ? "original" : timing.heartbeatMs > 500 ? "default" : "fast",
    nodes: [...nodes.keys()].sort((a, b) => a - b),
    voters,
    seed,
    isDetailed,
    hasWire: false,
  };
}
