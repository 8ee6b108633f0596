/**
 * Messages of the core on their way out: stamped with the wall clock, encoded, bundled, numbered, sealed, handed to the socket.
 *
 * All messages of one turn of the event loop for the same receiver (or for the group) leave in one datagram, as far as they fit: a busy node
 * pays for system calls, tags and wake-ups of its peers by the datagram. An idle node loses nothing, because its turn ends at once.
 * Idea: memberlist's compound messages. A multicast that is also fanned out by unicast is sealed once: receivers recognise the second
 * copy by its packet number and drop it.
 *
 * Pure: simulated nodes bundle alike.
 */
import type { Self } from "../core/kernel/types.ts";
import { encodeMessage, joinBodies, joinedBytes } from "../wire/codec.ts";
import type { ControlSeal } from "../wire/control-frame.ts";
import { type Authenticator, OVERHEAD_BYTES, type Recipient, sealDatagram } from "../wire/envelope.ts";
import type { Message } from "../wire/message.ts";
import type { Clock, Schedule, SendPort } from "./ports.ts";
import type { Sent } from "./wire-lines.ts";

/** The keys between peers, as far as sealing and opening goes. */
export interface PeerKeys extends Authenticator {
  /** The id of the key that seals new datagrams. */
  readonly primaryKeyId: number;
}

export interface OutgoingOptions {
  readonly keyring: PeerKeys;
  /** The current identity: a node that joins may have to take a higher incarnation. */
  readonly self: () => Self;
  readonly datagramBytesMax: number;
  readonly socket: SendPort;
  readonly clock: Pick<Clock, "wallMs">;
  readonly schedule: Pick<Schedule, "atTurnEnd">;
  /** Called for each message of a datagram, just before the datagram is sent. */
  readonly onSent: (message: Message, sent: Sent) => void;
  readonly onOversize: (message: Message, bytes: number) => void;
}

export interface Outgoing {
  multicast(message: Message, fanOut: readonly string[]): void;
  unicast(message: Message, to: Recipient, address: string): void;
  /** Hands over what waits for the end of this turn, now. */
  flush(): void;
  /** Header of the next control reply: packet numbers are one sequence for all that this boot sends. */
  nextSeal(): ControlSeal;
}

/** Where a bundle goes. */
interface Route {
  /** Null: the group. */
  readonly to: Recipient | null;
  readonly send: (datagram: Uint8Array) => void;
}

/** Messages for one receiver that leave together. */
interface Bundle extends Route {
  readonly messages: Message[];
  readonly bodies: Uint8Array[];
  /** Length of the bodies as a list. */
  bytes: number;
}

export function createOutgoing(options: OutgoingOptions): Outgoing {
  const { keyring, socket, clock } = options;
  const bodyBytesMax = options.datagramBytesMax - OVERHEAD_BYTES;
  let packetSeq = 0;

  const nextSeal = (): ControlSeal => {
    const self = options.self();
    packetSeq += 1;
    return { sender: self.id, incarnation: self.incarnation, bootId: self.bootId, packetSeq };
  };
  const sendOff = ({ to, send, messages, bodies }: Bundle): void => {
    const header = { ...nextSeal(), control: false, keyId: keyring.primaryKeyId };
    const datagram = sealDatagram(header, joinBodies(bodies), keyring, to);
    for (const [index, message] of messages.entries())
      options.onSent(message, { packetSeq, index, bytes: datagram.length, to: to?.id ?? null });
    send(datagram);
  };
  const bundles = createBundles(bodyBytesMax, options.schedule, sendOff);
  const add = (message: Message, key: string, route: Route): void => {
    const stamped: Message = { ...message, timestamp: clock.wallMs() };
    const body = encodeMessage(stamped);
    if (body.length <= bodyBytesMax) bundles.add(stamped, body, key, route);
    else options.onOversize(stamped, body.length + OVERHEAD_BYTES);
  };

  return {
    nextSeal,
    flush: bundles.flush,
    multicast(message, fanOut) {
      const send = (datagram: Uint8Array): void => {
        socket.sendGroup(datagram);
        for (const address of fanOut) socket.sendTo(datagram, address);
      };
      add(message, `group ${fanOut.join(" ")}`, { to: null, send });
    },
    unicast(message, to, address) {
      add(message, `${address} ${to.id} ${to.bootId}`, { to, send: (datagram) => socket.sendTo(datagram, address) });
    },
  };
}

/** Hands over each bundle when it is full, and all of them at the end of the turn. */
function createBundles(
  bodyBytesMax: number,
  schedule: Pick<Schedule, "atTurnEnd">,
  sendOff: (bundle: Bundle) => void,
): {
  add(message: Message, body: Uint8Array, key: string, route: Route): void;
  flush(): void;
} {
  /** By receiver, in the order in which they began. */
  const bundles = new Map<string, Bundle>();
  let isTurnEndAwaited = false;

  const flush = (): void => {
    const due = [...bundles.values()];
    bundles.clear();
    for (const bundle of due) sendOff(bundle);
  };
  const awaitTurnEnd = (): void => {
    if (isTurnEndAwaited) return;
    isTurnEndAwaited = true;
    schedule.atTurnEnd(() => {
      isTurnEndAwaited = false;
      flush();
    });
  };
  return {
    flush,
    add(message, body, key, route) {
      const open = bundles.get(key);
      if (open !== undefined && open.bytes + body.length + 1 <= bodyBytesMax) {
        open.messages.push(message);
        open.bodies.push(body);
        open.bytes += body.length + 1;
        return;
      }
      if (open !== undefined) {
        bundles.delete(key);
        sendOff(open);
      }
      bundles.set(key, { ...route, messages: [message], bodies: [body], bytes: joinedBytes([body]) });
      awaitTurnEnd();
    },
  };
}
