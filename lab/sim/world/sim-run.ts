/**
 * What a simulated cluster wrote, as the journal of a run: checkers read it like that of real nodes.
 */
import type { Entry } from "../../journal/entry.ts";
import { assembleJournal, type Journal } from "../../journal/journal.ts";
import type { SimCluster } from "./sim-cluster.ts";

/** Everything until now. */
export function journalOf(sim: SimCluster): Journal {
  const { voters, isDetailed, timing } = sim.config;
  const facts = {
    lab: "sim",
    run: null,
    runtime: "sim" as const,
    profile: timing.heartbeatMs > 500 ? "default" : "fast",
    nodes: [...sim.nodes.keys()].sort((a, b) => a - b),
    voters,
    seed: sim.seed,
    isDetailed,
    hasWire: false,
  };
  return assembleJournal(facts, sim.journal.lines as unknown as readonly Entry[]);
}
