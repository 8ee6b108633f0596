// Where most of the simulator's stories begin, and how they look into a node.
import { SimCluster } from "../../lab/sim/cluster/sim-cluster.ts";
import type { SimOptions } from "../../lab/sim/cluster/sim-options.ts";
import type { NodeState } from "../../node/core/state.ts";

/** A cluster whose nodes agree and have equal ledgers. @param ids those that are started; default: all */
export function settled(options: SimOptions, ids?: readonly number[]): SimCluster {
  const sim = new SimCluster(options);
  if (ids === undefined) sim.startAll();
  else for (const id of ids) sim.start(id);
  sim.runUntil(() => sim.converged(), 30_000, "the first agreement");
  return sim;
}

/** @throws when the node is down */
export function stateOf(sim: SimCluster, id: number): NodeState {
  const { state } = sim.node(id);
  if (state === null) throw new Error(`node ${id} is down`);
  return state;
}
