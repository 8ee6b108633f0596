/**
 * The world of a swarm's schedule, drawn from its seed: how many nodes, on what network, with what disks and clocks.
 */
import { KEEP_RECORDS } from "../../../node/core/replication/compaction.ts";
import { Draw } from "../world/draw.ts";
import { LINK_LAN, type LinkModel } from "../world/network.ts";
import { DISK_SSD } from "../world/sim-disk.ts";
import type { SimOptions } from "./sim-options.ts";

export function drawWorld(seed: number, draw: Draw): SimOptions {
  const nodes = draw.chance(0.9) ? draw.integer(2, 7) : draw.integer(8, 12);
  // Above sixteen accounts debits name their direct causes only (node/core/causal/causes.ts).
  const crowd = new Draw(seed, "crowd");
  return {
    nodes: crowd.chance(0.01) ? crowd.integer(17, 22) : nodes,
    seed,
    profile: draw.chance(0.85) ? "fast" : "default",
    delayMs: draw.pick([0.1, 0.1, 1, 5, 20, 60]),
    jitterMs: draw.pick([0.3, 0.3, 2, 10, 40, 120]),
    distribution: draw.pick(["uniform", "uniform", "normal", "pareto"]),
    ...(draw.chance(0.7) ? drawTrouble(draw) : {}),
    disk: draw.pick([{}, {}, { syncMinMs: 1, syncMaxMs: 30 }, { stall: 0.02, stallMs: 400 }]),
    tickLagMs: draw.pick([0.5, 0.5, 0.5, 20, 150]),
    turnMs: new Draw(seed, "turns").pick([0, 0, 1, 10]),
    clockDriftPpm: draw.pick([100, 100, 10_000]),
    preempt: draw.chance(0.75),
    multicast: draw.chance(0.85),
    ...(draw.chance(0.2) ? { voters: [] } : {}),
    ...(draw.chance(0.5) ? { expected: [] } : {}),
    keepRecords: new Draw(seed, "compaction").pick([1, 4, 16, KEEP_RECORDS]),
  };
}

/** Impairments of all links at once. */
function drawTrouble(draw: Draw): Partial<LinkModel> {
  return {
    loss: draw.pick([0, 0.02, 0.1, 0.3]),
    duplicate: draw.pick([0, 0.05, 0.2]),
    reorder: draw.pick([0, 0.1, 0.3]),
    ...draw.pick<Partial<LinkModel>>([
      {},
      {},
      { burstEnter: 0.01, burstLeave: 0.1 },
      { burstEnter: 0.05, burstLeave: 0.3 },
    ]),
    ...draw.pick<Partial<LinkModel>>([{}, {}, {}, { rateKbps: 512 }]),
  };
}

/** What is remarkable about a world, in one line: `5 nodes, fast; delay 20 ms + 10 ms, loss 10 %; slow disks`. */
export function describeWorld(world: SimOptions): string {
  const link = { ...LINK_LAN, ...world };
  const disk = { ...DISK_SSD, ...world.disk };
  const count = typeof world.nodes === "number" ? world.nodes : world.nodes.length;
  const percent = (fraction: number) => `${Number((fraction * 100).toFixed(1))} %`;
  const parts: readonly (string | false)[] = [
    `${count} nodes, ${world.profile ?? "fast"} timing`,
    world.voters?.length === 0 && "no voters",
    world.preempt === false && "no preemption",
    world.multicast === false && "no multicast",
    `delay ${link.delayMs} ms + ${link.jitterMs} ms ${link.distribution}`,
    link.loss > 0 && `loss ${percent(link.loss)}`,
    link.burstEnter > 0 && `bursts of loss ${percent(link.burstEnter)}`,
    link.rateKbps > 0 && `${link.rateKbps} kbit/s`,
    link.duplicate > 0 && `duplicates ${percent(link.duplicate)}`,
    link.reorder > 0 && `reordering ${percent(link.reorder)}`,
    `disk ${disk.syncMinMs} to ${disk.syncMaxMs} ms`,
    disk.stall > 0 && `stalls of ${disk.stallMs} ms`,
    (world.clockDriftPpm ?? 0) > 1_000 && `clocks ${(world.clockDriftPpm ?? 0) / 10_000} % off`,
    (world.keepRecords ?? KEEP_RECORDS) < KEEP_RECORDS && `${world.keepRecords} records kept`,
    (world.tickLagMs ?? 0) > 1 && `timers up to ${world.tickLagMs} ms late`,
    (world.turnMs ?? 0) > 0 && `turns up to ${world.turnMs} ms long`,
  ];
  return parts.filter((part) => part !== false).join(", ");
}
