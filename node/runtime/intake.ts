/**
 * From a peer's datagram to typed messages, or to counted drops. Nothing a stranger sends gets further than this file.
 *
 * The order of checks (node/protocol/wire.md#order-of-checks): length, magic, version, receiver, source, key, tag, replay window, incarnation,
 * JSON, schema, audience, sender: the cheapest first. Nothing changes before the tag is verified, except the budget of sources whose
 * tags fail. The window moves later still: when the core has admitted the sender (`settle`). A JOIN passes the incarnation gate: a node
 * that lost its disk must be able to ask, and learns which incarnation to use.
 *
 * Pure: the simulator's nodes have the same.
 */
import type { Origin } from "../core/kernel/types.ts";
import { type Decoded, decodeBody } from "../wire/codec.ts";
import {
  type Audience,
  type Authenticator,
  audienceOf,
  type DropReason,
  type Header,
  openDatagram,
  peekHeader,
} from "../wire/envelope.ts";
import type { NodeId } from "../wire/ids.ts";
import { GROUP_TYPES, INTRODUCTION_TYPES, type Message, type MessageType } from "../wire/message.ts";
import { createReplayWindows } from "./replay-window.ts";
import { createSourceGate } from "./source-gate.ts";

/** The core's knowledge of the sender that a header names. */
export interface KnownPeer {
  readonly incarnation: number;
  /** Of the process that was admitted last. */
  readonly bootId: string | null;
  readonly address: string | null;
  readonly alias: string | null;
  readonly isProven: boolean;
}

export interface IntakeOptions {
  readonly keyring: Authenticator;
  readonly self: { readonly id: NodeId; readonly bootId: string };
  readonly datagramBytesMax: number;
  readonly peerOf: (sender: NodeId) => KnownPeer | undefined;
  /** Whether a PONG with this nonce answers a question that this node has asked that process. */
  readonly isAwaited: (from: Origin, nonce: string) => boolean;
  /** For the core (kernel/types.ts): an authentic datagram comes from elsewhere for the second time, or its number can't be judged. */
  readonly onDropped: (from: Origin, reason: "seen" | "far") => void;
  readonly onDrop: (drop: Drop) => void;
  /** As `decodeBody`; a caller with one datagram for many receivers may decode it once. */
  readonly decode?: Decode | undefined;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
}

export type Decode = (body: Uint8Array, datagram: Uint8Array) => readonly Decoded[];

export interface Drop {
  readonly reason: DropReason;
  readonly detail: string;
  readonly address: string;
  /** As the header says, like `audience`; unproven unless the drop came after the tag check. */
  readonly sender: NodeId | 0 | null;
  readonly audience: Audience;
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
  /** The core has seen the datagram's messages. True: it has admitted their sender, and won't see them again. */
  settle(accepted: Accepted): boolean;
}

export function createIntake(options: IntakeOptions): Intake {
  const { keyring, self, onDrop, peerOf, decode = decodeBody } = options;
  const windows = createReplayWindows();
  const gate = createSourceGate(options.nowMs);
  /** Source of the datagram that is being opened. */
  let source = "";
  const isAtHome = ({ sender, bootId }: Header): boolean => {
    const peer = peerOf(sender);
    return peer?.bootId === bootId && (peer.address === source || peer.alias === source);
  };
  const authenticator: Authenticator = {
    tag: keyring.tag,
    verify(header, bytes, pseudo, tag) {
      const isTrusted = isAtHome(header) && peerOf(header.sender)?.isProven === true;
      if (!isTrusted && !gate.admits(source)) return "flood";
      const verdict = keyring.verify(header, bytes, pseudo, tag);
      if (verdict === "bad_tag") gate.failed(source);
      return verdict;
    },
  };

  return {
    accept(datagram, address) {
      const peeked = peekHeader(datagram);
      const drop = (reason: DropReason, detail = "", proven: Drop["proven"] = null): [] => {
        onDrop({ reason, detail, address, sender: peeked?.sender ?? null, audience: audienceOf(datagram), proven });
        return [];
      };
      // Multicast loops back to its sender: known by the boot id before any cryptography.
      if (peeked?.sender === self.id && peeked.bootId === self.bootId) return drop("own");
      source = address;
      const opened = openDatagram(datagram, authenticator, self, options.datagramBytesMax, peeked);
      if (!opened.ok) return drop(opened.reason, opened.detail);
      const { header } = opened;
      const { sender, incarnation, bootId, packetSeq } = header;
      const from = { sender, incarnation, bootId, address };
      const freshness = windows.judge(sender, bootId, packetSeq);
      const isOld = freshness === "seen";
      const decoded = isOld ? [] : decode(opened.body, datagram);
      const isAnswer = freshness === "far" && decoded.some((one) => isAwaitedPong(one, from));
      if (isAnswer) windows.restart(sender, bootId, packetSeq);
      else if (freshness !== "fresh") {
        // A peer's doubles are normal, a stranger's are recordings.
        const isStray = !isAtHome(header);
        if (isStray) gate.failed(address);
        if (isStray || freshness === "far") options.onDropped(from, freshness);
        return drop(isOld ? "replay" : "out_of_window", `packet ${packetSeq}`, { header, index: 0 });
      }
      const known = peerOf(sender)?.incarnation ?? 0;
      const accepted: Accepted[] = [];
      for (const [index, one] of decoded.entries()) {
        const fault = faultOf(one, header, opened.audience, known);
        if (fault !== null) drop(fault.reason, fault.detail, { header, index });
        else if (one.ok) accepted.push({ message: one.message, from, packetSeq, index, bytes: datagram.length });
      }
      return accepted;
    },
    settle({ from, packetSeq }) {
      if (peerOf(from.sender)?.bootId !== from.bootId) return false;
      windows.mark(from.sender, from.bootId, packetSeq);
      return true;
    },
  };

  function isAwaitedPong(one: Decoded, from: Origin): boolean {
    return one.ok && one.message.message_type === "PONG" && options.isAwaited(from, one.message.payload.nonce);
  }
}

/** Why a message of an authentic datagram is dropped; null: it isn't. */
function faultOf(
  decoded: Decoded,
  header: Header,
  audience: Audience,
  known: number,
): { reason: DropReason; detail: string } | null {
  const { sender, incarnation } = header;
  const type = decoded.ok ? decoded.message.message_type : null;
  // JOIN is answered with what to exceed; PONG may be the answer of a rival that the core has asked.
  if (incarnation < known && type !== "JOIN" && type !== "PONG")
    return { reason: "stale_incarnation", detail: `${incarnation}, known ${known}` };
  if (!decoded.ok) return decoded;
  const { sender_id, message_type } = decoded.message;
  if (!mayCome(message_type, audience)) return { reason: "audience", detail: `${message_type} to a ${audience}` };
  if (sender_id !== sender) return { reason: "sender_mismatch", detail: `${sender_id} under ${sender}` };
  return null;
}

function mayCome(type: MessageType, audience: Audience): boolean {
  if (audience === "process") return true;
  return (audience === "group" ? GROUP_TYPES : INTRODUCTION_TYPES).has(type);
}
