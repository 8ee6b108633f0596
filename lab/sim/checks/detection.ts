/**
 * L4: nobody who runs and can be reached is declared FAILED. Which failures are false depends on what a schedule does to whom, so
 * the schedule says when to watch, and whom.
 */
import type { JournalEvent } from "../../../node/wire/journal.ts";
import type { SimNode } from "../world/sim-node.ts";
import type { Judge } from "./judge.ts";

export class Detection {
  private readonly judge: Judge;
  private isHealthy: ((observer: number, peer: number) => boolean) | null = null;

  constructor(judge: Judge) {
    this.judge = judge;
  }

  /** From now on `observer` must not declare `peer` FAILED where this says true; null: nothing is watched. */
  watch(isHealthy: ((observer: number, peer: number) => boolean) | null): void {
    this.isHealthy = isHealthy;
  }

  onJournal(node: SimNode, event: JournalEvent): void {
    if (event.kind !== "member" || event.state !== "FAILED" || typeof event.peer !== "number") return;
    const { peer } = event;
    this.judge.require(
      !(this.isHealthy?.(node.id, peer) ?? false),
      "L4",
      () => `node ${node.id} declares node ${peer} FAILED, which runs and can be reached`,
    );
  }
}
