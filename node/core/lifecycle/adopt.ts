/** A process becomes the one that a peer's entry stands for. Where it is, is another question (addresses.ts). */
import { persist } from "../kernel/outbox.ts";
import { cancelTimer } from "../kernel/timers.ts";
import type { Origin } from "../kernel/types.ts";
import { type Member, rumourOf } from "../membership/members.ts";
import { becomeAlive, becomeReborn } from "../membership/peer-states.ts";
import { noteLife } from "../membership/probe.ts";
import { spread } from "../membership/rumours.ts";
import type { NodeState } from "../state.ts";

export function adopt(state: NodeState, member: Member, from: Origin): void {
  const wasGone = member.state === "FAILED" || member.state === "LEFT";
  if (from.incarnation > member.incarnation) becomeReborn(state, member, from.incarnation, from.bootId);
  member.bootId = from.bootId;
  forgetDeparture(state, from);
  // The silence there was its predecessor's.
  cancelTimer(state.timers, "challenged", member.id);
  hear(state, member);
  if (wasGone) becomeAlive(state, member);
  if (wasGone) spread(state, rumourOf(state, member));
}

export function hear(state: NodeState, member: Member): void {
  if (member.state === "UNKNOWN") becomeAlive(state, member);
  noteLife(state, member);
}

/** A later process than the one that left: what that one had is no longer all that the node has. */
function forgetDeparture(state: NodeState, { sender, incarnation }: Origin): void {
  const { departures } = state.recovery;
  if (incarnation <= (departures.get(sender)?.incarnation ?? incarnation)) return;
  departures.delete(sender);
  persist(state, [{ table: "departure", node: sender, departure: null }]);
}
