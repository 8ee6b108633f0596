/**
 * The faults of a swarm's schedule: one at a time, drawn from this list. Repairs are in it too, and
 * stands in it more often where it takes two to get anywhere.
 */

import type { SimOrder } from "../cluster/observer.ts";
import type { SimCluster } from "../cluster/sim-cluster.ts";
import type { Draw } from "../world/draw.ts";

/** What an action of a schedule does to its world, as far as it isn't an order. */
type SwarmWorld = Pick<
  SimCluster,
  | "kill"
  | "killAfterEffects"
  | "start"
  | "restart"
  | "stop"
  | "freeze"
  | "resume"
  | "partition"
  | "isolate"
  | "cutOneWay"
  | "heal"
  | "shape"
  | "shapeLink"
  | "failDisk"
  | "repairDisk"
> & { readonly queue: { after(delayMs: number, run: () => void): unknown } };

const doNothing = () => {};

/** Where actions are drawn as ever and nothing comes of them: a schedule without them draws everything else alike. */
export const MUTED_WORLD: SwarmWorld = {
  kill: doNothing,
  killAfterEffects: doNothing,
  start: doNothing,
  restart: doNothing,
  stop: doNothing,
  freeze: doNothing,
  resume: doNothing,
  partition: doNothing,
  isolate: doNothing,
  cutOneWay: doNothing,
  heal: doNothing,
  shape: doNothing,
  shapeLink: doNothing,
  failDisk: doNothing,
  repairDisk: doNothing,
  queue: { after: doNothing },
};

/** @param give what an order to a node is given to */
export function injectFault(
  sim: SwarmWorld,
  ids: readonly number[],
  draw: Draw,
  give: (node: number, order: SimOrder) => void,
): void {
  const slot = draw.pick(ids);
  const other = draw.pick(ids.filter((id) => id !== slot));
  const faults: readonly (() => void)[] = [
    // Processes
    () => sim.kill(slot),
    () => sim.killAfterEffects(slot, draw.integer(0, 30)),
    () => sim.start(slot),
    () => sim.start(slot),
    () => sim.restart(slot),
    () => sim.stop(slot),
    () => sim.freeze(slot),
    () => freezeFor(sim, slot, draw.pick([50, 300, 1_500])),
    () => sim.resume(slot),
    () => sim.resume(slot),
    // Network
    () => splitAtRandom(sim, ids, draw),
    () => sim.isolate(slot),
    () => sim.cutOneWay(slot, other),
    () => sim.heal(),
    () => sim.heal(),
    () => sim.shape({ loss: draw.pick([0, 0.05, 0.2, 0.5]), jitterMs: draw.pick([0.3, 5, 50]) }),
    () => sim.shape(draw.pick([{ burstEnter: 0.02 }, { burstEnter: 0 }, { rateKbps: 256 }, { rateKbps: 0 }])),
    () => sim.shapeLink(slot, other, { delayMs: draw.pick([50, 300]), loss: draw.pick([0, 0.5]) }),
    () =>
      sim.shapeLink(
        slot,
        other,
        draw.pick([{ rateKbps: 64 }, { burstEnter: 0.1 }, { jitterMs: 30, distribution: "pareto" }]),
      ),
    // Disks
    () => sim.failDisk(slot, draw.pick(["full", "broken"])),
    () => sim.repairDisk(slot),
    // Orders
    () => give(slot, { op: "election" }),
  ];
  draw.pick(faults)();
}

/**
 * One disk a schedule at most: two nodes that lost theirs wait for each other until a person decides. And one whose account is
 * known to enough witnesses: one that was never used may be issued again under another nonce. Returns how many were lost.
 */
export function loseOneDisk(sim: SimCluster, slot: number): number {
  const others = sim.config.voters.filter((id) => id !== slot);
  const knowing = others.filter((id) => sim.node(id).store.genesisOf(slot) !== undefined);
  if (knowing.length <= others.length / 2) return 0;
  sim.loseDisk(slot);
  sim.start(slot);
  return 1;
}

function freezeFor(sim: SwarmWorld, slot: number, spanMs: number): void {
  sim.freeze(slot);
  sim.queue.after(spanMs, () => sim.resume(slot));
}

function splitAtRandom(sim: SwarmWorld, ids: readonly number[], draw: Draw): void {
  const left = ids.filter(() => draw.chance(0.5));
  const right = ids.filter((id) => !left.includes(id));
  if (left.length > 0 && right.length > 0) sim.partition(left, right);
}
