/**
 * Swarm: one number decides everything (size, timing, network, load, faults). First a safety phase, in which anything may happen and
 * only the promises are checked; then everything is healed and the cluster must agree and converge within stated bounds
 * (TigerBeetle's VOPR; PROTOCOL.md, properties L1 to L3).
 */
import { SimCluster } from "./cluster.ts";
import { Draw } from "./draw.ts";
import { hasEqualLedgers } from "./inspect.ts";
import type { SimOptions } from "./sim-options.ts";
import { describeWorld, drawWorld } from "./world.ts";

/** How long healing may take with `fast` timing, in virtual milliseconds, from the instant at which the last fault ended. */
export interface LivenessBounds {
  /** A graceful leave, from the heal on. */
  readonly leaveMs: number;
  /** One coordinator, the same for all. */
  readonly leaderMs: number;
  /** Equal ledgers, nothing held back or pending: an unanswered offer takes its whole timeout. */
  readonly ledgerMs: number;
  /** The highest READY id leads: a node that lost leaderships waits for a calm of up to 60 s before it stands again. */
  readonly highestMs: number;
}

export const SWARM_BOUNDS: LivenessBounds = { leaveMs: 3_000, leaderMs: 5_000, ledgerMs: 14_000, highestMs: 75_000 };

export interface SwarmResult {
  /** Of journal and datagrams: equal for equal seeds. */
  readonly fingerprint: string;
  readonly nodes: number;
  readonly faults: number;
  readonly trades: number;
  readonly executed: number;
  readonly deliveries: number;
  /** Times after the heal as if the timing had been `fast`. */
  readonly leaderMs: number;
  readonly ledgerMs: number;
  readonly highestMs: number;
  readonly virtualMs: number;
  readonly events: number;
}

/**
 * Plays schedule `seed`.
 * @param options what is given here isn't drawn
 * @throws SimFailure at the first broken promise or missed bound
 */
export function runSwarm(seed: number, bounds = SWARM_BOUNDS, options: Partial<SimOptions> = {}): SwarmResult {
  const draw = new Draw(seed, "swarm");
  const world = { ...drawWorld(seed, draw), ...options };
  const sim = new SimCluster(world);
  sim.note(describeWorld(world), "local");
  sim.startAll(draw.chance(0.5) ? 0 : draw.integer(1, 400));
  const faults = runSafetyPhase(sim, draw);
  return { ...runLivenessPhase(sim, draw, bounds), faults };
}

/** Between 20 and 80 things happen, one after the other, a few milliseconds to half a second apart. Returns the number of faults. */
function runSafetyPhase(sim: SimCluster, draw: Draw): number {
  const actions = draw.integer(20, 80);
  const faultChance = draw.pick([0.05, 0.2, 0.4]);
  let faults = 0;
  if (draw.chance(0.7)) sim.runFor(draw.between(0, 2_000));
  for (let i = 0; i < actions; i++) {
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

function injectFault(sim: SimCluster, draw: Draw): void {
  const slot = draw.pick(sim.ids);
  const faults: readonly (() => void)[] = [
    () => sim.kill(slot),
    () => sim.killAfterEffects(slot, draw.integer(0, 30)),
    () => sim.start(slot),
    () => sim.start(slot),
    () => sim.restart(slot),
    () => sim.stop(slot),
    () => sim.freeze(slot),
    () => sim.resume(slot),
    () => sim.resume(slot),
    () => splitAtRandom(sim, draw),
    () => sim.isolate(slot),
    () => sim.cutOneWay(slot, draw.pick(sim.ids)),
    () => sim.heal(),
    () => sim.heal(),
    () => sim.shape({ loss: draw.pick([0, 0.05, 0.2, 0.5]), jitterMs: draw.pick([0.3, 5, 50]) }),
    () => sim.command(slot, { op: "election" }),
    () => sim.network.shapeLink(slot, draw.pick(sim.ids), { delayMs: draw.pick([50, 300]), loss: draw.pick([0, 0.5]) }),
    () => sim.failDisk(slot, "disk full"),
    () => sim.repairDisk(slot),
  ];
  draw.pick(faults)();
}

function splitAtRandom(sim: SimCluster, draw: Draw): void {
  const left = sim.ids.filter(() => draw.chance(0.5));
  sim.partition(
    left,
    sim.ids.filter((id) => !left.includes(id)),
  );
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

function runLivenessPhase(sim: SimCluster, draw: Draw, bounds: LivenessBounds): Omit<SwarmResult, "faults"> {
  sim.heal();
  sim.shape({ loss: 0, burst: 0, delayMs: 0.1, jitterMs: 0.3 });
  for (const id of sim.ids) {
    sim.node(id).fuse = null;
    sim.repairDisk(id);
    sim.resume(id);
    // What a person would do: a node whose disk failed has stopped trading until it is started again.
    if (sim.node(id).state?.phase === "HALTED") sim.restart(id);
  }
  if (draw.chance(0.5)) sim.runFor(draw.between(0, 3_000));
  sim.startAll();
  const isLeaving = () => sim.running().some((node) => node.state?.leaving !== null);
  // The original's timing is four to five times slower.
  const slowness = sim.config.timing.heartbeatMs / 500;
  sim.runUntil(() => !isLeaving(), bounds.leaveMs * slowness, "the end of those who leave");
  sim.startAll();
  const healedAtMs = sim.nowMs;
  const elapsed = (condition: () => boolean, boundMs: number, what: string) => {
    sim.runUntil(condition, Math.max(0, healedAtMs + boundMs * slowness - sim.nowMs), what);
    return sim.nowMs - healedAtMs;
  };
  const leaderMs = elapsed(() => followOne(sim), bounds.leaderMs, "one coordinator after the heal");
  elapsed(() => knowEachOther(sim), bounds.leaderMs, "everybody seeing everybody after the heal");
  const ledgerMs = elapsed(() => hasEqualLedgers(sim.running()), bounds.ledgerMs, "equal ledgers after the heal");
  const highestMs = elapsed(() => sim.converged(), bounds.highestMs, "the highest node's leadership");
  tradeOnce(sim);
  sim.invariants.checkOutcomes(sim.running());
  return {
    fingerprint: sim.journal.fingerprint(),
    nodes: sim.ids.length,
    trades: sim.commands.length,
    executed: sim.invariants.executed,
    deliveries: sim.invariants.deliveries,
    leaderMs: leaderMs / slowness,
    ledgerMs: ledgerMs / slowness,
    highestMs: highestMs / slowness,
    virtualMs: sim.nowMs,
    events: sim.queue.executed,
  };
}

/** A cluster that converged is a cluster that works: everybody who has a credit can pay it, at once. */
function tradeOnce(sim: SimCluster): void {
  const trades = sim.ids
    .filter((id) => (sim.node(id).state?.ledger.accounts.get(id)?.balance ?? 0) > 0)
    .map((id) => sim.sell(id, sim.ids.find((other) => other !== id) ?? id, 1));
  sim.runUntil(() => trades.every((trade) => trade.final !== null), 1_000, "trades of the healed cluster");
  const failed = trades.find((trade) => trade.final?.ok !== true);
  if (failed !== undefined) sim.fail(`a trade of the healed cluster was refused: ${JSON.stringify(failed.final)}`);
  sim.runUntil(() => hasEqualLedgers(sim.running()), 2_000, "equal ledgers after the last trades");
}

/** Nobody is suspected, and everybody may trade. */
function knowEachOther(sim: SimCluster): boolean {
  const states = sim.running().map((node) => node.state);
  return states.every(
    (state) =>
      state?.phase === "READY" &&
      state.join.confirmed &&
      sim.ids.every((id) => id === state.self.id || state.members.get(id)?.state === "ALIVE"),
  );
}

function followOne(sim: SimCluster): boolean {
  const [first, ...others] = sim.running().map((node) => node.state?.election);
  if (first === undefined || first.coordinator === null) return false;
  return others.every((other) => other?.coordinator === first.coordinator && other.claimTerm === first.claimTerm);
}
