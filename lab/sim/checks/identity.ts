/**
 * S10: which process is which node. Boots use growing incarnations, nobody goes back to an earlier incarnation of a peer, and of two
 * processes with one id that can hear each other one stops. (That no number is used twice after a lost disk is in books.ts.)
 */
import type { Input } from "../../../node/core/kernel/types.ts";
import type { NodeState } from "../../../node/core/state.ts";
import type { SimNode } from "../world/sim-node.ts";
import type { Judge } from "./judge.ts";

export class Identity {
  private readonly boots = new Map<SimNode, number>();
  /** By observer: the highest incarnation that it has believed of each peer. */
  private readonly believed = new Map<SimNode, Map<number, number>>();
  private readonly judge: Judge;

  constructor(judge: Judge) {
    this.judge = judge;
  }

  onBoot(node: SimNode): void {
    // 1 after a longer life: the disk is an older copy or a new one, and the group's answer to JOIN has to put it right.
    const before = node.incarnation === 1 ? 0 : (this.boots.get(node) ?? 0);
    this.judge.require(
      node.incarnation > before,
      "S10",
      () => `node ${node.id} boots with incarnation ${node.incarnation} after ${before}`,
    );
    this.boots.set(node, node.incarnation);
    this.believed.set(node, new Map());
  }

  onStep(node: SimNode, input: Input, state: NodeState): void {
    if (input.type !== "message") return;
    const believed = this.believed.get(node);
    if (believed === undefined) return;
    for (const { id, incarnation } of state.members.values()) {
      const before = believed.get(id) ?? 0;
      if (incarnation === before) continue;
      this.judge.require(
        incarnation > before,
        "S10",
        () => `node ${node.id} goes back from incarnation ${before} of node ${id} to ${incarnation}`,
      );
      believed.set(id, incarnation);
    }
  }

  /** At the end, when everybody hears everybody: one process an id takes part. */
  atEnd(nodes: readonly SimNode[]): void {
    const taking = new Map<number, SimNode>();
    for (const node of nodes) {
      if (node.state === null || node.state.phase === "CONFLICT") continue;
      const other = taking.get(node.id);
      this.judge.require(
        other === undefined,
        "S10",
        () => `two processes take part as node ${node.id}: slots ${other?.slot} and ${node.slot}`,
      );
      taking.set(node.id, node);
    }
  }
}
