import { SimCluster } from "../../../lab/sim/cluster/sim-cluster.ts";
import type { SimOptions } from "../../../lab/sim/cluster/sim-options.ts";

/** A cluster that runs, agrees and has equal ledgers: where most stories begin. A broken rule may keep it from getting there. */
export function settled(options: SimOptions): SimCluster {
  const sim = new SimCluster(options);
  sim.startAll();
  sim.runUntil(() => sim.converged(), 5_000, "the first agreement", "L3");
  sim.runFor(500);
  return sim;
}
