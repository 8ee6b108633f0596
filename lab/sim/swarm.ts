/**
 * Swarm: one number decides everything (size, timing, network, load, faults). First a safety phase, in which anything may happen and
 * only the promises are checked; then everything is healed and the cluster must get well within stated bounds (liveness.ts). Idea:
 * TigerBeetle's VOPR.
 */
import { SimCluster } from "./cluster.ts";
import { Draw } from "./draw.ts";
import { expectRecovery, type Recovery } from "./liveness.ts";
import { LINK_LAN, type LinkModel } from "./network.ts";
import type { SimOptions } from "./sim-options.ts";
import { injectFault, loseOneDisk } from "./swarm-faults.ts";
import { describeWorld, drawWorld } from "./world.ts";

/** A healed network still doubles and reorders: that is no fault. */
const HEALTHY: Partial<LinkModel> = {
  loss: 0,
  burstEnter: 0,
  rateKbps: 0,
  delayMs: LINK_LAN.delayMs,
  jitterMs: LINK_LAN.jitterMs,
  distribution: "uniform",
};

export interface SwarmResult extends Recovery {
  /** Of journal and datagrams: equal for equal seeds. */
  readonly fingerprint: string;
  readonly nodes: number;
  readonly faults: number;
  readonly trades: number;
  readonly executed: number;
  readonly deliveries: number;
  readonly virtualMs: number;
  readonly events: number;
}

/**
 * Plays schedule `seed`.
 * @param options what is given here isn't drawn
 * @param onCluster gets the cluster before its first node starts
 * @throws SimFailure at the first broken promise or missed bound
 */
export function runSwarm(
  seed: number,
  options: Partial<SimOptions> = {},
  onCluster?: (sim: SimCluster) => void,
): SwarmResult {
  const draw = new Draw(seed, "swarm");
  const world = { ...drawWorld(seed, draw), ...options };
  const sim = new SimCluster(world);
  sim.note(describeWorld(world), "local");
  sim.noteUp();
  onCluster?.(sim);
  sim.startAll(draw.chance(0.5) ? 0 : draw.integer(1, 400));
  const faults = runSafetyPhase(sim, draw);
  return { ...runLivenessPhase(sim, draw), faults };
}

/** Between 20 and 80 things happen, one after the other, a few milliseconds to half a second apart. Returns the number of faults. */
function runSafetyPhase(sim: SimCluster, draw: Draw): number {
  const actions = draw.integer(20, 80);
  const faultChance = draw.pick([0.05, 0.2, 0.4]);
  // A stream of its own: with or without it, everything else in the schedule is drawn alike.
  const losses = new Draw(sim.seed, "lost disk");
  const lossAt = losses.chance(0.3) ? losses.integer(0, actions - 1) : -1;
  let faults = 0;
  if (draw.chance(0.7)) sim.runFor(draw.between(0, 2_000));
  for (let i = 0; i < actions; i++) {
    if (i === lossAt) faults += loseOneDisk(sim, losses.pick(sim.ids));
    if (draw.chance(faultChance)) {
      injectFault(sim, draw);
      faults += 1;
    } else {
      for (let burst = draw.chance(0.05) ? draw.integer(5, 40) : 1; burst > 0; burst--) orderTrade(sim, draw);
    }
    sim.runFor(draw.chance(0.03) ? 3_000 : draw.pick([0, 3, 30, 150, 500]) * draw.fraction());
  }
  return faults;
}

function orderTrade(sim: SimCluster, draw: Draw): void {
  const earlier = sim.commands.length > 0 ? draw.pick(sim.commands) : null;
  if (earlier !== null && earlier.order.op !== "election" && draw.chance(0.1)) {
    // An impatient client repeats its request; whatever happened meanwhile, it must be executed once at most.
    sim.command(earlier.node, { ...earlier.order, requestId: earlier.requestId });
    return;
  }
  const from = draw.pick(sim.ids);
  const peer = draw.pick(sim.ids);
  const amount = draw.chance(0.1) ? draw.integer(1, 150) : draw.integer(1, 20);
  sim.command(from, { op: draw.chance(0.5) ? "sell" : "buy", peer, amount });
}

function runLivenessPhase(sim: SimCluster, draw: Draw): Omit<SwarmResult, "faults"> {
  sim.heal();
  sim.shape(HEALTHY);
  for (const id of sim.ids) {
    sim.node(id).fuse = null;
    sim.repairDisk(id);
    sim.resume(id);
    // What a person would do: a node whose disk failed has stopped trading until it is started again.
    if (sim.node(id).state?.phase === "HALTED") sim.restart(id);
  }
  if (draw.chance(0.5)) sim.runFor(draw.between(0, 3_000));
  sim.startAll();
  const recovery = expectRecovery(sim);
  return {
    fingerprint: sim.journal.fingerprint(),
    nodes: sim.ids.length,
    trades: sim.commands.length,
    executed: sim.invariants.executed,
    deliveries: sim.invariants.deliveries,
    ...recovery,
    virtualMs: sim.nowMs,
    events: sim.queue.executed,
  };
}
