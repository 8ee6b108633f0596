/**
 * Messages of the core on their way out: stamped with the wall clock, encoded, numbered, sealed, handed to the transport.
 *
 * A multicast that is also fanned out by unicast is sealed once: with the same packet number, receivers drop the doubles.
 */
import type { Self } from "../core/types.ts";
import { encodeMessage } from "../wire/codec.ts";
import type { ControlSeal } from "../wire/control-frame.ts";
import { sealDatagram } from "../wire/envelope.ts";
import type { NodeId } from "../wire/ids.ts";
import type { Message } from "../wire/message.ts";
import type { Keyring } from "./keyring.ts";

export interface OutgoingOptions {
  readonly keyring: Keyring;
  /** Current identity: the incarnation may be replaced while joining. */
  readonly self: () => Self;
  readonly datagramBytesMax: number;
  readonly sendGroup: (datagram: Uint8Array, alsoTo: readonly string[]) => void;
  readonly sendTo: (datagram: Uint8Array, address: string) => void;
  /** `to` null: the group. */
  readonly onSent: (message: Message, sent: { packetSeq: number; bytes: number; to: NodeId | null }) => void;
  readonly onOversize: (message: Message, bytes: number) => void;
}

export interface Outgoing {
  multicast(message: Message, fanOut: readonly string[]): void;
  unicast(message: Message, to: NodeId, address: string): void;
  /** Header of the next control reply: packet numbers are one sequence for all that this boot sends. */
  nextSeal(): ControlSeal;
}

export function createOutgoing(options: OutgoingOptions): Outgoing {
  let packetSeq = 0;

  const nextSeal = (): ControlSeal => {
    const self = options.self();
    packetSeq += 1;
    return { sender: self.id, incarnation: self.incarnation, bootId: self.bootId, packetSeq };
  };
  const seal = (message: Message, to: NodeId | null): Uint8Array | null => {
    const stamped: Message = { ...message, timestamp: Date.now() };
    const header = { ...nextSeal(), control: false, keyId: options.keyring.primaryKeyId };
    const datagram = sealDatagram(header, encodeMessage(stamped), options.keyring);
    if (datagram.length > options.datagramBytesMax) {
      options.onOversize(stamped, datagram.length);
      return null;
    }
    options.onSent(stamped, { packetSeq, bytes: datagram.length, to });
    return datagram;
  };

  return {
    nextSeal,
    multicast(message, fanOut) {
      const datagram = seal(message, null);
      if (datagram !== null) options.sendGroup(datagram, fanOut);
    },
    unicast(message, to, address) {
      const datagram = seal(message, to);
      if (datagram !== null) options.sendTo(datagram, address);
    },
  };
}
