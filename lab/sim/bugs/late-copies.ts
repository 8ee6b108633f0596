/**
 * Copies of datagrams that the network kept back: what a schedule needs to deliver one long after its time.
 */
import type { Origin } from "../../../node/core/kernel/types.ts";
import type { Message } from "../../../node/wire/message.ts";
import type { SimCluster } from "../cluster/sim-cluster.ts";

export interface KeptCopy {
  readonly from: Origin;
  readonly to: number | null;
  readonly message: Message;
}

/** Keeps a copy of every datagram of these types from now on, in the order in which they leave. */
export function keepCopies(sim: SimCluster, ...types: readonly Message["message_type"][]): KeptCopy[] {
  const copies: KeptCopy[] = [];
  sim.onSend = (node, message, to) => {
    if (!types.includes(message.message_type) || node.state === null) return;
    const { id, incarnation, bootId, address } = node.state.self;
    copies.push({ from: { sender: id, incarnation, bootId, address: address ?? "" }, to, message });
  };
  return copies;
}

/** The copy arrives now. */
export function deliver(sim: SimCluster, slot: number, copy: KeptCopy | undefined): void {
  if (copy === undefined) throw new Error("the schedule kept no such copy");
  sim.inject(slot, copy.message, copy.from);
}
