/** What each type of message is for, in six kinds: colours and shapes of pictures, and what may be left out of them. */

import type { MessageType } from "../../node/wire/message.ts";

/** In the order of legends. */
export const MESSAGE_KINDS = ["trade", "election", "membership", "repair", "heartbeat", "probe"] as const;
export type MessageKind = (typeof MESSAGE_KINDS)[number];

const KINDS: Readonly<Record<MessageType, MessageKind>> = {
  TRADE_REQUEST: "trade",
  TRADE_RESPONSE: "trade",
  TRADE_CONFIRM: "trade",
  ACK: "trade",
  ELECTION: "election",
  OK: "election",
  COORDINATOR: "election",
  JOIN: "membership",
  JOIN_RESPONSE: "membership",
  LEAVE: "membership",
  FENCE_REQUEST: "membership",
  FENCE_RESPONSE: "membership",
  NAK: "repair",
  HASHES: "repair",
  STATE_REQUEST: "repair",
  STATE_CHUNK: "repair",
  HEARTBEAT: "heartbeat",
  PING: "probe",
  PONG: "probe",
  PING_REQ: "probe",
};

/** A type that this version doesn't know is taken for repair: rare, and never background noise. */
export function kindOfMessage(type: string | undefined): MessageKind {
  return KINDS[type as MessageType] ?? "repair";
}

/** What healthy nodes send all the time. */
export function isBackground(type: string | undefined): boolean {
  const kind = kindOfMessage(type);
  return kind === "heartbeat" || kind === "probe";
}
