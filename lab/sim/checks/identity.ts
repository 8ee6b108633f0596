/**
 * S10: of two processes with one id that can hear each other one stops. Their lines look like one node's in a journal. (That incarnations grow
 * and that no node goes back to an earlier one is the journal's; that no number is used twice after a lost disk is in books.ts.)
 */
import type { SimNode } from "../world/sim-node.ts";
import type { Judge } from "./judge.ts";

/** At the end, when all hear each other: one process an id takes part. */
export function expectOneProcessAnId(nodes: readonly SimNode[], judge: Judge): void {
  const taking = new Map<number, SimNode>();
  for (const node of nodes) {
    if (node.state === null || node.state.phase === "CONFLICT") continue;
    const other = taking.get(node.id);
    judge.require(
      other === undefined,
      "S10",
      () => `two processes take part as node ${node.id}: slots ${other?.slot} and ${node.slot}`,
    );
    taking.set(node.id, node);
  }
}
