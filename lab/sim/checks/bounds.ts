/**
 * S9: the hold-back queue and every other table of a node stay within their bounds, whichever nodes are dead, and for however long.
 */
import { HELD_MAX, HELD_PER_ORIGIN_MAX } from "../../../node/core/causal/holdback.ts";
import type { NodeState } from "../../../node/core/state.ts";
import { MEMBERS_MAX } from "../../../node/wire/ids.ts";
import type { SimNode } from "../world/sim-node.ts";
import type { Judge } from "./judge.ts";

/** Tables are measured in every so many steps of a node: they grow by a few entries a step. */
const EVERY_STEPS = 64;

/** What a node may keep in memory beside its ledger, in entries. Trades that wait for a payee's return are bounded by its money. */
const LIMITS: Readonly<Record<string, readonly [max: number, size: (state: NodeState) => number]>> = {
  members: [MEMBERS_MAX, (state) => state.members.size],
  accounts: [MEMBERS_MAX, (state) => state.ledger.accounts.size],
  gaps: [MEMBERS_MAX, (state) => state.causal.gaps.size],
  "recent repairs": [4_096, (state) => state.causal.repairs.size],
  rumours: [4 * MEMBERS_MAX, (state) => state.rumours.items.length],
  probes: [4_096, (state) => state.detector.probes.size],
  accusations: [MEMBERS_MAX, (state) => state.detector.accusations.size],
  ballots: [64, (state) => state.election.ballots.size],
  "unfinished writes": [4_096, (state) => state.ledger.writes.size],
  "final answers": [4_096, (state) => state.trading.answers.size],
  outcomes: [4_096, (state) => state.trading.closed.size],
  timers: [16_384, (state) => state.timers.heap.length],
  counters: [256, (state) => state.counters.size],
};

export class Bounds {
  private readonly steps = new Map<SimNode, number>();
  private readonly judge: Judge;

  constructor(judge: Judge) {
    this.judge = judge;
  }

  onStep(node: SimNode, state: NodeState): void {
    const { held, holdback } = state.causal;
    if (held > 0) {
      this.judge.require(held <= HELD_MAX, "S9", () => `node ${node.id} holds ${held} records back`);
      for (const [origin, queue] of holdback)
        this.judge.require(
          queue.size <= HELD_PER_ORIGIN_MAX,
          "S9",
          () => `node ${node.id} holds ${queue.size} records of node ${origin} back`,
        );
    }
    const steps = (this.steps.get(node) ?? 0) + 1;
    this.steps.set(node, steps);
    if (steps % EVERY_STEPS !== 0) return;
    for (const [what, [max, size]] of Object.entries(LIMITS))
      this.judge.require(
        size(state) <= max,
        "S9",
        () => `node ${node.id} keeps ${size(state)} ${what}, more than ${max}`,
      );
  }
}
