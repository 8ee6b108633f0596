/**
 * The world of a swarm's schedule, drawn from its seed: how many nodes, on what network, with what disks and clocks.
 */
import type { Draw } from "./draw.ts";
import { LINK_LAN } from "./network.ts";
import type { SimOptions } from "./sim-options.ts";
import { DISK_SSD } from "./store.ts";

export function drawWorld(seed: number, draw: Draw): SimOptions {
  const nodes = draw.chance(0.9) ? draw.integer(2, 7) : draw.integer(8, 12);
  const isRough = draw.chance(0.7);
  return {
    nodes,
    seed,
    profile: draw.chance(0.85) ? "fast" : "default",
    delayMs: draw.pick([0.1, 0.1, 1, 5, 20, 60]),
    jitterMs: draw.pick([0.3, 0.3, 2, 10, 40, 120]),
    loss: isRough ? draw.pick([0, 0.02, 0.1, 0.3]) : 0,
    duplicate: isRough ? draw.pick([0, 0.05, 0.2]) : 0,
    reorder: isRough ? draw.pick([0, 0.1, 0.3]) : 0,
    burst: isRough ? draw.pick([0, 0, 0.005]) : 0,
    disk: draw.pick([{}, {}, { syncMinMs: 1, syncMaxMs: 30 }]),
    tickLagMs: draw.pick([0.5, 0.5, 0.5, 20, 150]),
    preempt: draw.chance(0.75),
    multicast: draw.chance(0.85),
    ...(draw.chance(0.2) ? { voters: [] } : {}),
    ...(draw.chance(0.5) ? { expected: [] } : {}),
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
    `delay ${link.delayMs} ms + ${link.jitterMs} ms`,
    link.loss > 0 && `loss ${percent(link.loss)}`,
    link.burst > 0 && `bursts of loss ${percent(link.burst)}`,
    link.duplicate > 0 && `duplicates ${percent(link.duplicate)}`,
    link.reorder > 0 && `reordering ${percent(link.reorder)}`,
    `disk ${disk.syncMinMs} to ${disk.syncMaxMs} ms`,
    (world.tickLagMs ?? 0) > 1 && `timers up to ${world.tickLagMs} ms late`,
  ];
  return parts.filter((part) => part !== false).join(", ");
}
