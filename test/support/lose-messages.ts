/** A network that loses datagrams by what is in them, for tests in which one kind of message must not arrive. */
import type { SimCluster } from "../../lab/sim/cluster/sim-cluster.ts";
import { decodeBody } from "../../node/wire/codec.ts";
import { peekBody } from "../../node/wire/envelope.ts";
import type { Message } from "../../node/wire/message.ts";

/** Datagrams with such a message are lost from now on, until the returned function is called. */
export function loseMessages(sim: SimCluster, isLost: (message: Message, from: number) => boolean): () => void {
  const { network } = sim;
  const send = network.send.bind(network);
  network.send = (from, datagram, to) => {
    if (!messagesOf(datagram).some((message) => isLost(message, from))) send(from, datagram, to);
  };
  return () => {
    network.send = send;
  };
}

function messagesOf(datagram: Uint8Array): Message[] {
  return decodeBody(peekBody(datagram)).flatMap((decoded) => (decoded.ok ? [decoded.message] : []));
}
