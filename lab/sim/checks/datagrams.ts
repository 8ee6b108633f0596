/**
 * S8: a process takes in what a node of the cluster sealed for it (not for its predecessor) or for the group, each datagram once;
 * forged, damaged and recorded ones change nothing.
 *
 * The simulated network hands on the very object that was sealed, so whatever else gets in was made by somebody else.
 */
import { audienceOf } from "../../../node/wire/envelope.ts";
import type { SimNode } from "../world/sim-node.ts";
import type { Judge } from "./judge.ts";

interface Sealed {
  /** Slot of its receiver; null: the group. */
  readonly to: number | null;
  /** Id of the node that it is for; null: the group, by unicast too. */
  readonly addressee: number | null;
  /** The process that ran there when it left. */
  readonly toBoot: string | undefined;
  /** The processes (boot ids) that took it in. */
  readonly takenBy: Set<string>;
}

export class Datagrams {
  private readonly sealed = new WeakMap<Uint8Array, Sealed>();
  /** By slot: the boot id of its last process. */
  private readonly boots = new Map<number, string>();
  /** Of the datagram that is sealed next. */
  private addressee: number | null = null;
  private readonly judge: Judge;

  constructor(judge: Judge) {
    this.judge = judge;
  }

  onBoot(node: SimNode): void {
    this.boots.set(node.slot, node.state?.self.bootId ?? "");
  }

  /** Called for each message of a datagram, before it is sealed. */
  onSend(addressee: number | null): void {
    this.addressee = addressee;
  }

  onSealed(datagram: Uint8Array, to: number | null): void {
    // A multicast that is also sent by unicast leaves several times.
    if (!this.sealed.has(datagram))
      this.sealed.set(datagram, {
        to,
        addressee: this.addressee,
        takenBy: new Set(),
        toBoot: this.boots.get(to ?? 0),
      });
  }

  onAccepted(node: SimNode, datagram: Uint8Array): void {
    const { to = null, addressee = null, toBoot, takenBy } = this.sealed.get(datagram) ?? {};
    const boot = node.state?.self.bootId ?? "";
    this.judge.require(takenBy !== undefined, "S8", () => `node ${node.id} takes in a datagram that no node sealed`);
    this.judge.require(takenBy?.has(boot) !== true, "S8", () => `node ${node.id} takes in a datagram twice`);
    // A question whether a peer is at some address is for that peer, on whatever way it gets there.
    const isMeant = to === null || to === node.slot || addressee === null || addressee === node.id;
    this.judge.require(isMeant, "S8", () => `node ${node.id} takes in a datagram that was sent to ${to}`);
    const isLate = to === node.slot && toBoot !== boot && audienceOf(datagram) === "process";
    this.judge.require(!isLate, "S8", () => `node ${node.id} takes in what its last process was sent`);
    takenBy?.add(boot);
  }
}
