/**
 * `DS_JOURNAL=wire`: the journal's lines for what travels. Exporters match them by `id`, the message's own name:
 * `<sender>-<incarnation>.<packet number>`, and for the second and later ones of a datagram `/1`, `/2`, … behind it.
 *
 * A datagram that is thrown away unread has the name of its first message: all its messages share its fate.
 * Pure: simulated nodes write the same.
 */
import { describeMessage } from "../wire/describe-message.ts";
import type { Header } from "../wire/envelope.ts";
import type { NodeId } from "../wire/ids.ts";
import type { JournalEvent } from "../wire/journal.ts";
import type { Message } from "../wire/message.ts";
import type { Accepted, Drop } from "./intake.ts";

/** A message on its way out. */
export interface Sent {
  readonly packetSeq: number;
  /** Which of the datagram's messages it is, from 0. */
  readonly index: number;
  /** Of the whole datagram. */
  readonly bytes: number;
  /** Null: the group. */
  readonly to: NodeId | null;
}

/** The sender; its incarnation may be replaced while it joins. */
export interface Sender {
  readonly id: NodeId;
  readonly incarnation: number;
}

/** A state transfer's chunk is told by its beginning. */
const TEXT_MAX = 1_000;

export function lineOfSent(message: Message, { packetSeq, index, bytes, to }: Sent, self: Sender): JournalEvent {
  const text = describeMessage(message);
  return {
    kind: "send",
    level: "info",
    msg: `-> ${to === null ? "all" : `node ${to}`}  ${text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text}`,
    type: message.message_type,
    id: nameMessage({ sender: self.id, incarnation: self.incarnation, packetSeq }, index),
    from: self.id,
    ...(to === null ? {} : { to }),
    ...clockOf(message),
    ...("amount" in message.payload ? { amount: message.payload.amount } : {}),
    bytes,
  };
}

export function lineOfReceived({ message, from, packetSeq, index, bytes }: Accepted, to: NodeId): JournalEvent {
  const id = nameMessage({ sender: from.sender, incarnation: from.incarnation, packetSeq }, index);
  return {
    kind: "recv",
    level: "info",
    msg: `<- node ${from.sender}  ${message.message_type} ${id}`,
    type: message.message_type,
    id,
    from: from.sender,
    to,
    ...clockOf(message),
    bytes,
  };
}

/** Null: nothing that a member sent, as far as one can know. */
export function lineOfDrop({ proven, reason }: Drop, to: NodeId): JournalEvent | null {
  return proven === null || proven.header.sender === 0 ? null : lineOfLost(proven.header, reason, to, proven.index);
}

/** @param reason a fault's (`impaired_lost`, `impaired_cut`, …) or one of those for which nodes drop what they open */
export function lineOfLost(header: Header, reason: string, to: NodeId, index = 0): JournalEvent {
  const isDouble = reason === "replay";
  const id = nameMessage(header, index);
  const fate = isDouble ? "came a second time" : `is lost: ${reason.replace("impaired_", "")}`;
  return {
    kind: isDouble ? "duplicate" : "drop",
    level: "info",
    msg: `x- node ${header.sender}  ${id} ${fate}`,
    id,
    from: header.sender,
    to,
    reason,
  };
}

export function nameMessage(datagram: Pick<Header, "sender" | "incarnation" | "packetSeq">, index: number): string {
  const name = `${datagram.sender}-${datagram.incarnation}.${datagram.packetSeq}`;
  return index === 0 ? name : `${name}/${index}`;
}

function clockOf(message: Message): { vc?: Record<string, number> } {
  return message.vector_clock === null ? {} : { vc: Object.fromEntries(message.vector_clock) };
}
