/** What each type of message is for, in six kinds: colours of pictures, and what may be left out of them. */
export type MessageKind = "heartbeat" | "probe" | "membership" | "election" | "trade" | "repair";

const KINDS: Readonly<Record<string, MessageKind>> = {
  HEARTBEAT: "heartbeat",
  PING: "probe",
  PING_REQ: "probe",
  PONG: "probe",
  JOIN: "membership",
  JOIN_RESPONSE: "membership",
  LEAVE: "membership",
  ELECTION: "election",
  OK: "election",
  COORDINATOR: "election",
  TRADE_REQUEST: "trade",
  TRADE_RESPONSE: "trade",
  TRADE_CONFIRM: "trade",
  ACK: "trade",
};

/** Types that are new to this version are taken for repair, as what is left is. */
export function kindOfMessage(type: string): MessageKind {
  return KINDS[type] ?? "repair";
}

/** What healthy nodes send all the time. */
export function isBackground(type: string | undefined): boolean {
  return type !== undefined && (KINDS[type] === "heartbeat" || KINDS[type] === "probe");
}
