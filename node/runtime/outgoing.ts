/**
 * Messages of the core on their way out: stamped with the wall clock, encoded, bundled, numbered, sealed, handed to the transport.
 *
 * What one turn of the event loop has for the same receiver (or for the group) leaves in one datagram, as far as it fits: a busy node
 * pays for system calls, tags and wake-ups of its peers by the datagram. An idle one loses nothing: the turn ends at once. Idea: memberlist's
 * compound messages. A multicast that is also fanned out by unicast is sealed once: with the same packet number, receivers drop the doubles.
 */
import type { Self } from "../core/kernel/types.ts";
import { encodeMessage, joinBodies, joinedBytes } from "../wire/codec.ts";
import type { ControlSeal } from "../wire/control-frame.ts";
import { OVERHEAD_BYTES, sealDatagram } from "../wire/envelope.ts";
import type { NodeId } from "../wire/ids.ts";
import type { Message } from "../wire/message.ts";
import type { Keyring } from "./keyring.ts";
import type { Sent } from "./wire-lines.ts";

export interface OutgoingOptions {
  readonly keyring: Keyring;
  /** Current identity: the incarnation may be replaced while joining. */
  readonly self: () => Self;
  readonly datagramBytesMax: number;
  readonly sendGroup: (datagram: Uint8Array, alsoTo: readonly string[]) => void;
  readonly sendTo: (datagram: Uint8Array, address: string) => void;
  readonly onSent: (message: Message, sent: Sent) => void;
  readonly onOversize: (message: Message, bytes: number) => void;
}

export interface Outgoing {
  multicast(message: Message, fanOut: readonly string[]): void;
  unicast(message: Message, to: NodeId, address: string): void;
  /** Hands over what waits for the end of this turn, now. */
  flush(): void;
  /** Header of the next control reply: packet numbers are one sequence for all that this boot sends. */
  nextSeal(): ControlSeal;
}

/** Messages for one receiver that leave together. */
interface Bundle {
  readonly to: NodeId | null;
  readonly send: (datagram: Uint8Array) => void;
  readonly messages: Message[];
  readonly bodies: Uint8Array[];
}

export function createOutgoing(options: OutgoingOptions): Outgoing {
  const bodyBytesMax = options.datagramBytesMax - OVERHEAD_BYTES;
  /** By receiver, in the order in which they began. */
  const bundles = new Map<string, Bundle>();
  let packetSeq = 0;
  let isTurnEndAwaited = false;

  const nextSeal = (): ControlSeal => {
    const self = options.self();
    packetSeq += 1;
    return { sender: self.id, incarnation: self.incarnation, bootId: self.bootId, packetSeq };
  };

  const sendOff = ({ to, send, messages, bodies }: Bundle): void => {
    const header = { ...nextSeal(), control: false, keyId: options.keyring.primaryKeyId };
    const datagram = sealDatagram(header, joinBodies(bodies), options.keyring);
    for (const [index, message] of messages.entries())
      options.onSent(message, { packetSeq, index, bytes: datagram.length, to });
    send(datagram);
  };

  const flush = (): void => {
    const due = [...bundles.values()];
    bundles.clear();
    for (const bundle of due) sendOff(bundle);
  };

  const awaitTurnEnd = (): void => {
    if (isTurnEndAwaited) return;
    isTurnEndAwaited = true;
    setImmediate(() => {
      isTurnEndAwaited = false;
      flush();
    });
  };

  const add = (message: Message, key: string, route: Pick<Bundle, "to" | "send">): void => {
    const stamped: Message = { ...message, timestamp: Date.now() };
    const body = encodeMessage(stamped);
    if (body.length > bodyBytesMax) {
      options.onOversize(stamped, body.length + OVERHEAD_BYTES);
      return;
    }
    const open = bundles.get(key);
    if (open !== undefined && joinedBytes([...open.bodies, body]) <= bodyBytesMax) {
      open.messages.push(stamped);
      open.bodies.push(body);
      return;
    }
    if (open !== undefined) {
      bundles.delete(key);
      sendOff(open);
    }
    bundles.set(key, { ...route, messages: [stamped], bodies: [body] });
    awaitTurnEnd();
  };

  return {
    nextSeal,
    flush,
    multicast(message, fanOut) {
      add(message, `group ${fanOut.join(" ")}`, { to: null, send: (datagram) => options.sendGroup(datagram, fanOut) });
    },
    unicast(message, to, address) {
      add(message, address, { to, send: (datagram) => options.sendTo(datagram, address) });
    },
  };
}
