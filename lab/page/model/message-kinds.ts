/**
 * Messages in families that a person tells apart at a glance: what a picture colours, shapes and switches on or off together.
 */

/** In the order of the legend. */
export const FAMILIES = ["trade", "election", "membership", "repair", "heartbeat", "probe"] as const;
export type Family = (typeof FAMILIES)[number];

const FAMILY_OF: Readonly<Record<string, Family>> = {
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
  STATE_REQUEST: "repair",
  STATE_CHUNK: "repair",
  HEARTBEAT: "heartbeat",
  PING: "probe",
  PONG: "probe",
  PING_REQ: "probe",
};

/** A type that this version doesn't know is of the repair family: rare, and never background noise. */
export function familyOf(type: string | undefined): Family {
  return FAMILY_OF[type ?? ""] ?? "repair";
}

export const FAMILY_WORDS: Readonly<Record<Family, { readonly name: string; readonly says: string }>> = {
  trade: { name: "Trade", says: "request, response, confirm, acknowledgement" },
  election: { name: "Election", says: "election, OK, coordinator" },
  membership: { name: "Join, leave", says: "join and its answer, leave, fences of lost disks" },
  repair: { name: "Repair", says: "missing records asked for and sent again" },
  heartbeat: { name: "Heartbeat", says: "to everybody, with balance and digest" },
  probe: { name: "Probe", says: "ping, pong, and asking others to ping" },
};
