/**
 * Puts a hostile member (world/liar.ts) into a cluster, and takes it out.
 */
import type { Message } from "../../../node/wire/message.ts";
import type { SimCluster } from "../cluster/sim-cluster.ts";
import { Draw } from "../world/draw.ts";
import { Liar } from "../world/liar.ts";
import { slotOf } from "../world/network.ts";

/** It hears everything. `mayTell` is asked before each lie. */
export function addLiar(sim: SimCluster, id: number, chance: number, mayTell: (message: Message) => boolean): Liar {
  const { network, invariants } = sim;
  const liar = new Liar(id, chance, new Draw(sim.seed, `liar ${id}`), {
    processes: () => sim.running().flatMap(({ state }) => state?.self ?? []),
    mayTell,
    send: (datagram, to, addressee) => {
      invariants.datagrams.onSend(addressee);
      invariants.onSealed(datagram, to);
      network.send(id, datagram, { multicast: false, addresses: [network.addressOf(to)] });
    },
  });
  network.attach(id, (datagram, from) => liar.receive(datagram, slotOf(from) ?? 0));
  network.stranger.onHeard = ({ datagram, from }) => {
    if (from !== id) liar.hear(datagram);
  };
  return liar;
}

/** Returns how many lies it has told. */
export function removeLiar(sim: SimCluster, liar: Liar): number {
  liar.isSilent = true;
  sim.network.detach(liar.id);
  return liar.told;
}
