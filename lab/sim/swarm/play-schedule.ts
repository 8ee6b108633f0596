/**
 * Swarm: one number decides everything (size, timing, network, load, faults). First a safety phase, in which anything may happen and
 * only the promises are checked; then everything is healed and the cluster must get well within stated bounds (liveness.ts). Idea:
 * TigerBeetle's VOPR.
 */
import { haveEqualVectors } from "../cluster/inspect.ts";
import { expectRecovery, type Recovery, slownessOf } from "../cluster/liveness.ts";
import type { SimOrder } from "../cluster/observer.ts";
import { SimCluster } from "../cluster/sim-cluster.ts";
import type { SimOptions } from "../cluster/sim-options.ts";
import { describeWorld, drawWorld } from "../cluster/sim-world.ts";
import { Draw } from "../world/draw.ts";
import { LINK_LAN, type LinkModel } from "../world/network.ts";
import { decideAsPerson, expectNamed } from "./aftermath.ts";
import { addLiar, removeLiar } from "./liars.ts";
import { drawPlan, type MoveCounts, type MoveName, type Plan } from "./moves.ts";
import { Premises } from "./premises.ts";
import { countEvents, type EventCounts } from "./rare-events.ts";
import { injectFault, MUTED_WORLD } from "./swarm-faults.ts";

/** A healed network still doubles and reorders: that is no fault. */
const HEALTHY: Partial<LinkModel> = {
  loss: 0,
  hostile: 0,
  burstEnter: 0,
  rateKbps: 0,
  delayMs: LINK_LAN.delayMs,
  jitterMs: LINK_LAN.jitterMs,
  distribution: "uniform",
};

export interface SwarmResult {
  /** Null: what it lost can't be had back, and the nodes said so. */
  readonly recovery: Recovery | null;
  /** Of journal and datagrams: equal for equal seeds. Null: it wasn't asked for (SimOptions). */
  readonly fingerprint: string | null;
  readonly nodes: number;
  readonly faults: number;
  readonly moves: MoveCounts;
  readonly rare: EventCounts;
  /** The first breach of a promise that had lost its premise; null: there was none. In the end all was well, or the nodes said what wasn't. */
  readonly outside: string | null;
  /** Decisions of a person in the end. */
  readonly decisions: number;
  readonly trades: number;
  readonly executed: number;
  readonly deliveries: number;
  readonly virtualMs: number;
  readonly events: number;
}

export interface PlayOptions {
  /** The actions of the safety phase that happen, by their numbers from 0; all others are drawn, and left out. */
  readonly only?: readonly number[] | undefined;
  /** These moves of the adversary alone are made (moves.ts); default: all that are drawn. */
  readonly moves?: readonly MoveName[] | undefined;
  /** Gets the cluster before its first node starts. */
  readonly onCluster?: (sim: SimCluster) => void;
}

/**
 * Plays schedule `seed`.
 * @param options what is given here isn't drawn
 * @throws SimFailure at the first broken promise or missed bound
 */
export function runSwarm(seed: number, options: Partial<SimOptions> = {}, play: PlayOptions = {}): SwarmResult {
  const draw = new Draw(seed, "swarm");
  const drawn = { ...drawWorld(seed, draw), ...options };
  const plan = drawPlan(drawn, play.moves);
  const world = { ...drawn, ...plan.world, ...options };
  const sim = new SimCluster(world);
  for (const [id, config] of plan.configs) sim.node(id).config = { ...sim.node(id).config, ...config };
  const premises = new Premises(sim);
  sim.note(describeWorld(world), "local");
  sim.noteUp();
  play.onCluster?.(sim);
  const liars = plan.liars.map(({ id, chance, forges }) =>
    addLiar(sim, id, chance, (message) => premises.onLie(message, forges)),
  );
  sim.startAll(draw.chance(0.5) ? 0 : draw.integer(1, 400), plan.late);
  const moves: MoveCounts = { ...plan.counts };
  const faults = runSafetyPhase(sim, draw, {
    only: play.only,
    onAction: (action, actions) => makeMoves(sim, premises, plan, moves, action / actions, (action + 1) / actions),
    loseDisk: (id) => {
      premises.onDisksLost([id]);
      sim.loseDisk(id);
      sim.start(id);
      return 1;
    },
  });
  if (world.hostile !== undefined) moves.stranger = sim.network.stranger.sent;
  for (const liar of liars) moves.liar = removeLiar(sim, liar);
  return { ...runLivenessPhase(sim, draw, premises), faults, moves };
}

/** Those of this part of the schedule. */
function makeMoves(sim: SimCluster, premises: Premises, plan: Plan, moves: MoveCounts, from: number, to: number): void {
  const due = plan.timed.filter(({ at }) => at >= from && at < to).sort((a, b) => a.at - b.at);
  for (const { name, run } of due) moves[name] = (moves[name] ?? 0) + run(sim, premises);
}

/** At least this many things happen in a schedule, and at most that many. */
const ACTIONS_MIN = 20;
export const ACTIONS_MAX = 80;

export interface SafetyPhase {
  /** These actions alone happen; all others are drawn, and left out. */
  readonly only?: readonly number[] | undefined;
  /** Called before each action that happens, with its number and how many there are. */
  readonly onAction?: ((action: number, actions: number) => void) | undefined;
  /** Loses the disk of a node, and starts it. Returns how many were lost. */
  readonly loseDisk: (id: number) => number;
}

/** Actions, one after the other, a few milliseconds to half a second apart. Returns the number of faults. */
export function runSafetyPhase(sim: SimCluster, draw: Draw, { only, onAction, loseDisk }: SafetyPhase): number {
  const actions = draw.integer(ACTIONS_MIN, ACTIONS_MAX);
  const faultChance = draw.pick([0.05, 0.2, 0.4]);
  // A stream of its own: with or without it, everything else in the schedule is drawn alike.
  const losses = new Draw(sim.seed, "lost disk");
  const lossAt = losses.chance(0.3) ? losses.integer(0, actions - 1) : -1;
  const orders: Ordered[] = [];
  let faults = 0;
  if (draw.chance(0.7)) sim.runFor(draw.between(0, 2_000));
  for (let i = 0; i < actions; i++) {
    const isPlayed = only?.includes(i) ?? true;
    const give = (node: number, order: SimOrder) =>
      void orders.push({ node, order, requestId: isPlayed ? sim.command(node, order).requestId : null });
    if (isPlayed) onAction?.(i, actions);
    if (i === lossAt && isPlayed) faults += loseDisk(losses.pick(sim.ids));
    if (draw.chance(faultChance)) {
      injectFault(isPlayed ? sim : MUTED_WORLD, sim.ids, draw, give);
      faults += isPlayed ? 1 : 0;
    } else {
      for (let burst = draw.chance(0.05) ? draw.integer(5, 40) : 1; burst > 0; burst--)
        orderTrade(sim.ids, draw, orders, give);
    }
    sim.runFor(draw.chance(0.03) ? 3_000 : draw.pick([0, 3, 30, 150, 500]) * draw.fraction());
  }
  return faults;
}

/** An order that was drawn; `requestId` null: its action was left out. */
interface Ordered {
  readonly node: number;
  readonly order: SimOrder;
  readonly requestId: string | null;
}

function orderTrade(
  ids: readonly number[],
  draw: Draw,
  orders: readonly Ordered[],
  give: (node: number, order: SimOrder) => void,
): void {
  const earlier = orders.length > 0 ? draw.pick(orders) : null;
  if (earlier !== null && earlier.order.op !== "election" && draw.chance(0.1)) {
    // An impatient client repeats its request; whatever happened meanwhile, it must be executed once at most.
    const { node, order, requestId } = earlier;
    give(node, requestId === null ? order : { ...order, requestId });
    return;
  }
  const from = draw.pick(ids);
  const peer = draw.pick(ids);
  const amount = draw.chance(0.1) ? draw.integer(1, 150) : draw.integer(1, 20);
  give(from, { op: draw.chance(0.5) ? "sell" : "buy", peer, amount });
}

/** No fault is left, but who is down stays down. */
export function endFaults(sim: SimCluster): void {
  sim.heal();
  sim.shape(HEALTHY);
  for (const { slot, id } of [...sim.nodes.values()]) {
    if (slot === id) continue;
    // A person keeps one of two processes with an id, and starts it again: it takes an incarnation above the other one's.
    sim.remove(slot);
    sim.restart(id);
  }
  for (const id of sim.ids) {
    sim.node(id).fuse = null;
    sim.repairDisk(id);
    sim.burden(id, null);
    sim.resume(id);
    const { voters } = sim.config;
    const node = sim.node(id);
    if (node.config.voters !== voters) {
      node.config = { ...node.config, voters };
      sim.restart(id);
    }
    // What a person would do: a node whose disk failed has stopped trading until it is started again.
    // A slow process may not have got to the failure yet.
    const { state, store } = sim.node(id);
    if (state?.phase === "HALTED" || (state !== null && store.hasFailed)) sim.restart(id);
  }
}

function runLivenessPhase(sim: SimCluster, draw: Draw, premises: Premises): Omit<SwarmResult, "faults" | "moves"> {
  endFaults(sim);
  if (draw.chance(0.5)) sim.runFor(draw.between(0, 3_000));
  sim.startAll();
  const decisions = premises.needsPerson ? decideAsPerson(sim, slownessOf(sim)) : 0;
  // A group that gets well in spite of what it has lost is like any other.
  const isLost = sim.excuses.reasons.size > 0 && !haveEqualVectors(sim.running());
  if (isLost) expectNamed(sim);
  const recovery = isLost ? null : expectRecovery(sim);
  sim.judgeJournal();
  const [outside = null] = sim.excuses.broken;
  return {
    outside,
    rare: countEvents(sim.counters()),
    decisions,
    fingerprint: sim.journal.fingerprint(),
    nodes: sim.ids.length,
    trades: sim.commands.length,
    executed: sim.invariants.executed,
    deliveries: sim.invariants.deliveries,
    recovery,
    virtualMs: sim.nowMs,
    events: sim.queue.executed,
  };
}
