/**
 * S6: at most one elected coordinator in a term, and the highest term that a process has seen never goes back. L3, as far as one instant
 * shows it: nobody accepts a coordinator that it holds for gone.
 */
import type { NodeState } from "../../../node/core/state.ts";
import type { JournalEvent } from "../../../node/wire/journal.ts";
import type { SimNode } from "../world/sim-node.ts";
import type { Judge } from "./judge.ts";

export class Terms {
  private readonly seen = new Map<SimNode, number>();
  private readonly electedIn = new Map<number, number>();
  private readonly judge: Judge;

  constructor(judge: Judge) {
    this.judge = judge;
  }

  onBoot(node: SimNode): void {
    this.seen.set(node, node.store.term);
  }

  onStep(node: SimNode, state: NodeState): void {
    const { term, claimTerm, coordinator, elected } = state.election;
    const before = this.seen.get(node) ?? 0;
    this.judge.require(term >= before, "S6", () => `node ${node.id} goes back from term ${before} to ${term}`);
    if (term !== before) this.seen.set(node, term);
    if (coordinator === null || !elected) return;
    const other = this.electedIn.get(claimTerm);
    if (other === undefined) this.electedIn.set(claimTerm, coordinator);
    else
      this.judge.require(
        other === coordinator,
        "S6",
        () => `node ${node.id} sees ${coordinator} elected in term ${claimTerm}, in which ${other} was elected`,
      );
  }

  onJournal(node: SimNode, { kind, msg, coordinator }: JournalEvent): void {
    if (kind !== "election" || typeof coordinator !== "number" || !msg.startsWith("Accepted Node")) return;
    const standing = node.state?.members.get(coordinator)?.state;
    this.judge.require(
      standing !== "FAILED" && standing !== "LEFT",
      "L3",
      () => `node ${node.id} accepts node ${coordinator} as coordinator, which it holds for ${standing}`,
    );
  }
}
