/**
 * S8: a process takes in what a node of the cluster sealed, each datagram once; forged, damaged and recorded ones change nothing.
 *
 * The simulated network hands on the very object that was sealed, so whatever else gets in was made by somebody else.
 */
import type { SimNode } from "../world/sim-node.ts";
import type { Judge } from "./judge.ts";

export class Datagrams {
  /** By datagram: the processes (boot ids) that took it in. */
  private readonly takenBy = new WeakMap<Uint8Array, Set<string>>();
  private readonly judge: Judge;

  constructor(judge: Judge) {
    this.judge = judge;
  }

  onSealed(datagram: Uint8Array): void {
    // A multicast that is also sent by unicast leaves several times.
    if (!this.takenBy.has(datagram)) this.takenBy.set(datagram, new Set());
  }

  onAccepted(node: SimNode, datagram: Uint8Array): void {
    const takers = this.takenBy.get(datagram);
    const boot = node.state?.self.bootId ?? "";
    this.judge.require(takers !== undefined, "S8", () => `node ${node.id} takes in a datagram that no node sealed`);
    this.judge.require(takers?.has(boot) !== true, "S8", () => `node ${node.id} takes in a datagram twice`);
    takers?.add(boot);
  }
}
