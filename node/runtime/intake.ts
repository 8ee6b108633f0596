/**
 * From a peer's datagram to typed messages, or to counted drops. Nothing a stranger sends gets further than this file.
 *
 * The order of checks (node/protocol/wire.md#order-of-checks): length, magic, version, source, key, tag, replay window, incarnation, JSON, schema,
 * sender: the cheapest first. State moves only behind the tag, but for the budget of sources whose tags fail. A JOIN passes the
 * incarnation gate: a node that lost its disk must be able to ask, and gets told which incarnation to use.
 *
 * Pure: the simulator's nodes have the same.
 */
import type { Origin } from "../core/kernel/types.ts";
import { decodeBody } from "../wire/codec.ts";
import { type Authenticator, type DropReason, type Header, openDatagram, peekHeader } from "../wire/envelope.ts";
import type { NodeId } from "../wire/ids.ts";
import type { Message } from "../wire/message.ts";
import { createReplayWindows } from "./replay-window.ts";
import { createSourceGate } from "./source-gate.ts";

export interface IntakeOptions {
  readonly keyring: Authenticator;
  readonly self: { readonly id: NodeId; readonly bootId: string };
  readonly datagramBytesMax: number;
  /** Highest incarnation of a peer that the core has accepted; 0 when it knows none. */
  readonly knownIncarnation: (sender: NodeId) => number;
  readonly onDrop: (drop: Drop) => void;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
}

export interface Drop {
  readonly reason: DropReason;
  readonly detail: string;
  readonly address: string;
  /** As the header says; unproven unless the drop came after the tag check. */
  readonly sender: NodeId | 0 | null;
  /** What is known of it once its tag was found right; null before. */
  readonly proven: { readonly header: Header; readonly index: number } | null;
}

export interface Accepted {
  readonly message: Message;
  readonly from: Origin;
  readonly packetSeq: number;
  /** Which of the datagram's messages it is, from 0. */
  readonly index: number;
  /** Of the whole datagram. */
  readonly bytes: number;
}

export interface Intake {
  /** In their order; what was dropped (and reported) isn't among them. `address` is `host:port` of the sender. */
  accept(datagram: Uint8Array, address: string): readonly Accepted[];
}

export function createIntake(options: IntakeOptions): Intake {
  const { keyring, self, onDrop } = options;
  const windows = createReplayWindows();
  const gate = createSourceGate(options.nowMs);
  /** Source of the datagram that is being opened. */
  let source = "";
  const authenticator: Authenticator = {
    tag: keyring.tag,
    verify(header, bytes, tag) {
      if (!gate.admits(source, header.bootId)) return "flood";
      const verdict = keyring.verify(header, bytes, tag);
      if (verdict === "bad_tag") gate.failed(source);
      return verdict;
    },
  };

  return {
    accept(datagram, address) {
      const peeked = peekHeader(datagram);
      const drop = (reason: DropReason, detail = "", proven: Drop["proven"] = null): [] => {
        onDrop({ reason, detail, address, sender: peeked?.sender ?? null, proven });
        return [];
      };
      // Multicast loops back to its sender: known by the boot id before any cryptography.
      if (peeked?.sender === self.id && peeked.bootId === self.bootId) return drop("own");
      source = address;
      const opened = openDatagram(datagram, authenticator, options.datagramBytesMax);
      if (!opened.ok) return drop(opened.reason, opened.detail);
      const { header } = opened;
      if (!windows.isFresh(header.sender, header.bootId, header.packetSeq)) {
        gate.repeated(address, header.bootId);
        return drop("replay", `packet ${header.packetSeq}`, { header, index: 0 });
      }
      gate.proven(address, header.bootId);
      windows.mark(header.sender, header.bootId, header.packetSeq);

      const known = options.knownIncarnation(header.sender);
      const isStale = header.incarnation < known;
      const from = { sender: header.sender, incarnation: header.incarnation, bootId: header.bootId, address };
      return decodeBody(opened.body).flatMap((decoded, index) => {
        const proven = { header, index };
        if (isStale && !(decoded.ok && decoded.message.message_type === "JOIN"))
          return drop("stale_incarnation", `${header.incarnation}, known ${known}`, proven);
        if (!decoded.ok) return drop(decoded.reason, decoded.detail, proven);
        const { message } = decoded;
        if (message.sender_id !== header.sender)
          return drop("sender_mismatch", `${message.sender_id} under ${header.sender}`, proven);
        return [{ message, from, packetSeq: header.packetSeq, index, bytes: datagram.length }];
      });
    },
  };
}
