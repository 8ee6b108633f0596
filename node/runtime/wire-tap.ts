/**
 * `DS_JOURNAL=wire`: a journal line for every peer message sent and received. Exporters match them by `id`, the message's own name:
 * `<sender>-<incarnation>.<packet number>`, and for the second and later ones of a datagram `/1`, `/2`, … behind it.
 */
import type { Self } from "../core/types.ts";
import type { NodeId } from "../wire/ids.ts";
import type { Message } from "../wire/message.ts";
import type { Accepted } from "./intake.ts";
import type { Journal } from "./journal-writer.ts";
import type { Sent } from "./outgoing.ts";

export interface WireTap {
  sent(message: Message, sent: Sent): void;
  received(accepted: Accepted, to: NodeId): void;
}

export function createWireTap(journal: Journal, self: () => Self): WireTap {
  return {
    sent(message, { packetSeq, index, bytes, to }) {
      const { id, incarnation } = self();
      journal.write({
        kind: "send",
        level: "info",
        msg: `send ${message.message_type} to ${to === null ? "the group" : `Node ${to}`}`,
        type: message.message_type,
        id: `${id}-${incarnation}.${nameOf(packetSeq, index)}`,
        from: id,
        ...(to === null ? {} : { to }),
        ...clockOf(message),
        bytes,
      });
    },
    received({ message, from, packetSeq, index, bytes }, to) {
      journal.write({
        kind: "recv",
        level: "info",
        msg: `recv ${message.message_type} from Node ${from.sender}`,
        type: message.message_type,
        id: `${from.sender}-${from.incarnation}.${nameOf(packetSeq, index)}`,
        from: from.sender,
        to,
        ...clockOf(message),
        bytes,
      });
    },
  };
}

function nameOf(packetSeq: number, index: number): string {
  return index === 0 ? String(packetSeq) : `${packetSeq}/${index}`;
}

function clockOf(message: Message): { vc?: Record<string, number> } {
  return message.vector_clock === null ? {} : { vc: Object.fromEntries(message.vector_clock) };
}
