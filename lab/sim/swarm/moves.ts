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
import { askEverything, orderOddly } from "./questions.ts";
import { askInName, fillGroup, fillTable, loseTail, payEarly, spendTwice, startTwin } from "./staged-moves.ts";

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
  /** A process is too slow: each thing takes it time, and its sockets overflow. */
  "slow-process": 0.08,
  /** The sockets of all processes are read in turns: what came by multicast, or to one process, overtakes the other. */
  "two-sockets": 0.08,
  /** Writes take seconds. */
  "slow-disk": 0.08,
  /** Disks confirm what they haven't written, and the power fails. */
  "lying-disk": 0.06,
  /** A member with the key says well-formed things that aren't so (world/liar.ts). */
  liar: 0.06,
  /** A second process with a node's id, on an empty disk or a copy of the node's. */
  twin: 0.05,
  /** A node was started with another list of voters. */
  "other-voters": 0.05,
  /** A debit that one node alone has seen is given up with its payer's disk, and that node comes back. */
  "lost-tail": 0.05,
  /** An older disk is put back while those who know more are away; in half of the cases the node pays once more. */
  "double-spend": 0.05,
  /** A member asks in another node's name for promises about its log. */
  "false-fence": 0.05,
  /** More debits than a node holds back come before the first one. */
  "early-debits": 0.03,
  /** A member tells of so many accounts that there is no room for a newcomer. */
  "full-group": 0.01,
  /** People ask every question, and give orders that make no sense. */
  questions: 0.15,
  /** A node was told another initial amount for new accounts. */
  "other-credits": 0.04,
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
  readonly liars: readonly LiarPlan[];
  /** Events that come before an action, by its number. */
  readonly timed: readonly Timed[];
}

interface LiarPlan {
  readonly id: number;
  /** For each datagram that any node sends. */
  readonly chance: number;
  /** It tells of accounts and payments too, which nothing signs. */
  readonly forges: boolean;
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
  readonly liars: LiarPlan[];
  readonly timed: Timed[];
}

/** @param only these moves alone are made */
export function drawPlan(options: SimOptions, only: readonly MoveName[] = MOVE_NAMES): Plan {
  const { nodes, seed } = options;
  const ids = typeof nodes === "number" ? Array.from({ length: nodes }, (_, i) => i + 1) : nodes;
  const draft = {
    options,
    ids,
    world: {},
    configs: new Map(),
    late: new Set<number>(),
    counts: {},
    liars: [],
    timed: [],
  };
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
      happen(draft, "accept-loss", (sim, premises) => {
        const waiting = sim.running().filter(({ state }) => state?.phase === "RECOVERING");
        if (waiting.length > 0) premises.onLossAccepted(waiting.map(({ id }) => id));
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
  "slow-process": (draft) => {
    for (let n = draft.draw.integer(1, 3); n > 0; n--) {
      const id = draft.draw.pick(draft.ids);
      const load = { stepMs: draft.draw.pick([3, 15, 60]), pollMs: 0, bufferedMax: draft.draw.pick([4, 32, 256]) };
      happen(draft, "slow-process", (sim) => {
        sim.burden(id, load);
        return 1;
      });
    }
  },
  "two-sockets": ({ draw, ids, options, timed }) => {
    const load = { stepMs: 0, pollMs: draw.pick([1, 10, 50]), bufferedMax: 8_192 };
    const some = draw.chance(0.5) ? ids : shuffle(draw, ids).slice(0, draw.integer(1, ids.length));
    if ((options.multicast ?? true) === false) return;
    const run = (sim: SimCluster): number => {
      for (const id of some) sim.burden(id, load);
      return some.length;
    };
    timed.push({ at: 0, name: "two-sockets", run });
  },
  "slow-disk": (draft) => {
    const id = draft.draw.pick(draft.ids);
    const model = draft.draw.pick([
      { syncMinMs: 200, syncMaxMs: 1_500 },
      { stall: 0.3, stallMs: 6_000 },
    ]);
    happen(draft, "slow-disk", (sim) => {
      sim.slowDisk(id, model);
      return 1;
    });
  },
  "lying-disk": (draft) => {
    for (let n = draft.draw.integer(1, 3); n > 0; n--) {
      const some = shuffle(draft.draw, draft.ids).slice(0, draft.draw.chance(0.7) ? 1 : draft.ids.length);
      const unwrittenMs = draft.draw.pick([5, 50, 500]);
      happen(draft, "lying-disk", (sim, premises) => {
        const images = some.map((id): [number, DiskImage] => [id, sim.saveDisk(id)]);
        sim.runFor(unwrittenMs);
        for (const [id, image] of images) premises.onOldDisk(id, image);
        for (const [id, image] of images) sim.restoreDisk(id, image);
        for (const id of some) sim.start(id);
        return some.length;
      });
    }
  },
  liar: ({ draw, ids, liars, counts }) => {
    liars.push({ id: Math.max(...ids) + 9, chance: draw.pick([0.01, 0.1]), forges: draw.chance(0.3) });
    counts.liar = 0;
  },
  twin: (draft) => {
    const id = draft.draw.pick(draft.ids);
    const isCopy = draft.draw.chance(0.5);
    happen(draft, "twin", (sim, premises) => startTwin(sim, premises, id, isCopy));
  },
  "other-voters": (draft) => {
    const id = draft.draw.pick(draft.ids);
    const voters = shuffle(draft.draw, draft.ids).slice(0, 1);
    happen(draft, "other-voters", (sim, premises) => {
      premises.onOtherVoters(id);
      sim.node(id).config = { ...sim.node(id).config, voters };
      sim.restart(id);
      return 1;
    });
  },
  "lost-tail": (draft) => {
    const [payer = 1, payee = 2] = shuffle(draft.draw, draft.ids);
    happen(draft, "lost-tail", (sim, premises) => loseTail(sim, premises, payer, payee));
  },
  "double-spend": (draft) => {
    const [payer = 1, witness = 2] = shuffle(draft.draw, draft.ids);
    const paysAgain = draft.draw.chance(0.5);
    happen(draft, "double-spend", (sim, premises) => spendTwice(sim, premises, { payer, witness, paysAgain }));
  },
  "false-fence": (draft) => {
    const id = draft.draw.pick(draft.ids);
    happen(draft, "false-fence", (sim) => askInName(sim, id));
  },
  "early-debits": (draft) => {
    const [payer = 1, payee = 2, victim] = shuffle(draft.draw, draft.ids);
    if (victim === undefined) return;
    draft.world.initialCredits = 1_000;
    happen(draft, "early-debits", (sim) => payEarly(sim, payer, payee, victim));
  },
  "full-group": (draft) => {
    const ofAccounts = draft.draw.chance(0.5);
    happen(draft, "full-group", ofAccounts ? fillGroup : fillTable);
  },
  questions: (draft) => {
    const { draw } = draft;
    for (let n = draw.integer(5, 15); n > 0; n--) {
      const id = draw.pick(draft.ids);
      happen(draft, "questions", (sim) => askEverything(sim, id) + orderOddly(sim, id, draw));
    }
  },
  "other-credits": ({ draw, ids, options, configs, counts }) => {
    set(configs, draw.pick(ids), { initialCredits: (options.initialCredits ?? 100) + draw.pick([-40, 50]) });
    counts["other-credits"] = 1;
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
