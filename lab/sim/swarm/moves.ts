/**
 * The adversary's moves: what happens to disks, members and the network in some schedules beside the faults that all of them draw
 * (swarm-faults.ts). Each is drawn at its own rate, whether or not a schedule can keep its promises afterwards: premises.ts says what it
 * may still expect.
 */
import { TIMING_PROFILES } from "../../../node/core/kernel/timing.ts";
import type { CoreConfig } from "../../../node/core/kernel/types.ts";
import type { SimCluster } from "../cluster/sim-cluster.ts";
import { type SimOptions, votersOf } from "../cluster/sim-options.ts";
import { Draw } from "../world/draw.ts";
import type { DiskImage } from "../world/sim-disk.ts";
import type { Premises } from "./premises.ts";

/** Share of the schedules in which each move is made. */
export const MOVES = {
  /** Several disks are lost at once, in half of the cases those of voters. */
  "lost-disks": 0.06,
  /** A disk is saved, and the copy is put back later. */
  "old-disk": 0.08,
  /** Somebody accepts losses wherever a node waits for lost debits. */
  "accept-loss": 0.12,
  "even-voters": 0.06,
  /** A voter that doesn't exist. */
  "absent-voter": 0.06,
  /** A voter that starts late for the first time. */
  "late-voter": 0.08,
  /** A node without a disk. */
  "memory-only": 0.06,
  /** The same, until it gets one. */
  "disk-later": 0.06,
  /** Some nodes have the other timing profile. */
  "mixed-profiles": 0.06,
  /** A node gets another address, while it runs or between two processes. */
  "new-address": 0.08,
  /** The clock of a machine is set between two processes. */
  "clock-step": 0.08,
  /** Copies of datagrams, whole and damaged, to anybody from anywhere (world/stranger.ts). */
  stranger: 0.15,
} as const satisfies Record<string, number>;

export type MoveName = keyof typeof MOVES;
export const MOVE_NAMES = Object.keys(MOVES) as readonly MoveName[];

/** How often each move was made in a schedule. */
export type MoveCounts = Partial<Record<MoveName, number>>;

/** The draws for a schedule's moves, apart from all others: with or without a move, the rest is drawn alike. */
export interface Plan {
  readonly world: Partial<SimOptions>;
  /** Settings of single nodes. */
  readonly configs: ReadonlyMap<number, Partial<CoreConfig>>;
  /** They start when an action of the schedule does it, or at its end. */
  readonly late: ReadonlySet<number>;
  readonly counts: MoveCounts;
  /** Events that come before an action, by its number. */
  readonly timed: readonly Timed[];
}

interface Timed {
  /** 0 to 1: in which part of the schedule. */
  readonly at: number;
  readonly run: (sim: SimCluster, premises: Premises) => number;
  readonly name: MoveName;
}

/** A plan while it is drawn. */
interface Draft {
  readonly draw: Draw;
  readonly ids: readonly number[];
  readonly options: SimOptions;
  readonly world: { -readonly [K in keyof SimOptions]?: SimOptions[K] };
  readonly configs: Map<number, Partial<CoreConfig>>;
  readonly late: Set<number>;
  readonly counts: MoveCounts;
  readonly timed: Timed[];
}

/** @param only these moves alone are made */
export function drawPlan(options: SimOptions, only: readonly MoveName[] = MOVE_NAMES): Plan {
  const { nodes, seed } = options;
  const ids = typeof nodes === "number" ? Array.from({ length: nodes }, (_, i) => i + 1) : nodes;
  const draft = { options, ids, world: {}, configs: new Map(), late: new Set<number>(), counts: {}, timed: [] };
  for (const name of MOVE_NAMES) {
    const draw = new Draw(seed, `move ${name}`);
    if (draw.chance(MOVES[name]) && only.includes(name)) DRAWN[name]({ ...draft, draw });
  }
  return draft;
}

/** A number for the year 2026 plus some minutes or centuries, in milliseconds. */
const CLOCK_STEPS_MS = [-72_000_000, -60_000, 60_000, 72_000_000, 7_200_000_000];

const DRAWN: Readonly<Record<MoveName, (draft: Draft) => void>> = {
  "lost-disks": (draft) => {
    const { draw, ids } = draft;
    const voters = draft.options.voters ?? votersOf(ids);
    const among = draw.chance(0.5) && voters.length > 1 ? voters : ids;
    const lost = shuffle(draw, among).slice(0, draw.integer(2, among.length));
    const startsAtOnce = draw.chance(0.7);
    happen(draft, "lost-disks", (sim, premises) => {
      premises.onDisksLost(lost);
      for (const id of lost) sim.loseDisk(id);
      if (startsAtOnce) for (const id of lost) sim.start(id);
      return lost.length;
    });
  },
  "old-disk": (draft) => {
    const id = draft.draw.pick(draft.ids);
    const first = draft.draw.fraction();
    const last = draft.draw.between(first, 1);
    let image: DiskImage | null = null;
    const save = (sim: SimCluster): number => {
      image = sim.saveDisk(id);
      return 0;
    };
    draft.timed.push({ at: first, name: "old-disk", run: save });
    draft.timed.push({
      at: last,
      name: "old-disk",
      run: (sim, premises) => {
        if (image === null) return 0;
        premises.onOldDisk(id, image);
        sim.restoreDisk(id, image);
        sim.start(id);
        return 1;
      },
    });
  },
  "accept-loss": (draft) => {
    for (let n = draft.draw.integer(4, 12); n > 0; n--)
      happen(draft, "accept-loss", (sim) => {
        const waiting = sim.running().filter(({ state }) => state?.phase === "RECOVERING");
        for (const { id } of waiting) sim.command(id, { op: "recover", acceptLoss: true });
        return waiting.length;
      });
  },
  "even-voters": ({ draw, ids, world, counts }) => {
    const even = draw.integer(1, Math.floor(ids.length / 2)) * 2;
    world.voters = shuffle(draw, ids).slice(0, even).sort(ascending);
    counts["even-voters"] = 1;
  },
  "absent-voter": ({ draw, ids, world, options, counts }) => {
    const voters = world.voters ?? options.voters ?? votersOf(ids);
    const absent = Math.max(...ids) + 7;
    world.voters = [...(draw.chance(0.5) ? voters.slice(1) : voters), absent].sort(ascending);
    counts["absent-voter"] = 1;
  },
  "late-voter": (draft) => {
    const { draw, ids, world, options, late, counts } = draft;
    const voters = (world.voters ?? options.voters ?? votersOf(ids)).filter((id) => ids.includes(id));
    if (voters.length === 0) return;
    late.add(draw.pick(voters));
    counts["late-voter"] = 1;
  },
  "memory-only": ({ draw, ids, configs, counts }) => {
    const some = shuffle(draw, ids).slice(0, draw.chance(0.3) ? ids.length : draw.integer(1, 2));
    for (const id of some) set(configs, id, { durable: false });
    counts["memory-only"] = some.length;
  },
  "disk-later": (draft) => {
    const { draw, ids, configs } = draft;
    const id = draw.pick(ids);
    set(configs, id, { durable: false });
    happen(draft, "disk-later", (sim) => {
      sim.kill(id);
      sim.node(id).config = { ...sim.node(id).config, durable: true };
      sim.start(id);
      return 1;
    });
  },
  "mixed-profiles": ({ draw, ids, options, configs, counts }) => {
    const other = (options.profile ?? "fast") === "fast" ? "default" : "fast";
    const some = shuffle(draw, ids).slice(0, draw.integer(1, ids.length - 1));
    for (const id of some) set(configs, id, { timing: { ...TIMING_PROFILES[other], ...options.timing } });
    counts["mixed-profiles"] = some.length;
  },
  "new-address": (draft) => {
    const id = draft.draw.pick(draft.ids);
    for (let n = draft.draw.integer(1, 3); n > 0; n--) {
      const stopsFirst = draft.draw.chance(0.5);
      happen(draft, "new-address", (sim) => {
        if (stopsFirst) sim.kill(id);
        sim.move(id);
        if (stopsFirst) sim.start(id);
        return 1;
      });
    }
  },
  "clock-step": (draft) => {
    for (let n = draft.draw.integer(1, 3); n > 0; n--) {
      const id = draft.draw.pick(draft.ids);
      const byMs = draft.draw.pick(CLOCK_STEPS_MS);
      happen(draft, "clock-step", (sim) => {
        sim.setClock(id, byMs);
        sim.start(id);
        return 1;
      });
    }
  },
  stranger: ({ draw, world }) => {
    world.hostile = draw.pick([0.01, 0.1, 0.4]);
  },
};

function happen(draft: Draft, name: MoveName, run: Timed["run"]): void {
  draft.timed.push({ at: draft.draw.fraction(), name, run });
}

function set(configs: Map<number, Partial<CoreConfig>>, id: number, config: Partial<CoreConfig>): void {
  configs.set(id, { ...configs.get(id), ...config });
}

function shuffle(draw: Draw, ids: readonly number[]): number[] {
  const rest = [...ids];
  return ids.map(() => rest.splice(draw.integer(0, rest.length - 1), 1)[0] as number);
}

function ascending(a: number, b: number): number {
  return a - b;
}
