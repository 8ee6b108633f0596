/**
 * Decides which rumours to believe. Hearsay about death yields to direct evidence of life; news of life is always believed.
 *
 * Idea (SWIM section 4.2): newer (incarnation, rinc) wins. Beyond SWIM: a FAILED rumour about a peer that we have just heard becomes
 * an accusation (we probe it ourselves), so that one node behind a bad link can't make everybody drop a healthy peer.
 */
import type { NodeId } from "../../wire/ids.ts";
import type { MemberRow, Rumour } from "../../wire/message.ts";
import type { NodeState } from "../state.ts";
import { guessAddress } from "./address-proof.ts";
import { isLive, type Member, rumourOf } from "./members.ts";
import { becomeAlive, becomeFailed, becomeLeft, becomeReborn, ensureMember, refuteIfAccused } from "./peer-states.ts";
import { isBelievableStanding } from "./plausible.ts";
import { beatIntervalMs, compareStanding, OVERDUE_BEATS, spread } from "./rumours.ts";
import { isConvicted, onAccusation } from "./suspicion.ts";

export function onRumours(state: NodeState, rumours: readonly Rumour[]): void {
  for (const rumour of rumours) onRumour(state, rumour);
}

function onRumour(state: NodeState, rumour: Rumour): void {
  if (rumour.of === state.self.id) {
    refuteIfAccused(state, rumour);
    return;
  }
  // Unknown witnesses could be made up without end.
  if (rumour.by === state.self.id || !state.members.has(rumour.by)) return;
  const member = ensureMember(state, rumour.of);
  if (member === null || !isBelievableStanding(state, member, rumour)) return;
  if (rumour.inc < member.incarnation || (rumour.inc === member.incarnation && rumour.rinc < member.rinc)) return;
  switch (rumour.state) {
    case "ALIVE":
      believeAlive(state, member, rumour);
      return;
    case "SUSPECTED":
      believeAccusation(state, member, rumour);
      return;
    case "FAILED":
      believeFailed(state, member, rumour);
      return;
    case "LEFT":
      if (member.state === "UNKNOWN") return;
      // A peer that has just spoken hasn't left. If it has after all, its silence shows it.
      if (isLive(member) && isFresh(state, member)) {
        onAccusation(state, member, rumour.by);
        return;
      }
      if (rumour.inc > member.incarnation) becomeReborn(state, member, rumour.inc, null);
      becomeLeft(state, member);
      return;
    case "UNKNOWN":
      return;
  }
}

/**
 * Takes over one row of another node's table (state transfer). About a live peer it is a rumour like any other. About any other peer it may be
 * all that this node ever hears.
 */
export function mergeMemberRow(state: NodeState, row: MemberRow, from: NodeId): void {
  // Another node's suspicion is no evidence of ours: probes will tell.
  const told: Rumour = { of: row.id, state: row.state, inc: row.inc, rinc: row.rinc, by: from };
  const news: Rumour = row.state === "SUSPECTED" && row.id !== state.self.id ? { ...told, state: "ALIVE" } : told;
  if (row.id === state.self.id) {
    refuteIfAccused(state, news);
    return;
  }
  const member = ensureMember(state, row.id);
  if (member === null || !isBelievableStanding(state, member, row)) return;
  if (member.address === null && row.addr !== null) guessAddress(state, member, row.addr);
  const isReplaced = row.inc > member.incarnation;
  if (isLive(member)) onRumour(state, news);
  else believeRow(state, member, news);
  // Only a later process that is believed in has moved.
  if (isReplaced && member.incarnation === row.inc && row.addr !== null) guessAddress(state, member, row.addr);
}

function believeRow(state: NodeState, member: Member, news: Rumour): void {
  const standing = { state: member.state, inc: member.incarnation, rinc: member.rinc };
  if (news.state === "UNKNOWN" || compareStanding(news, standing) <= 0) return;
  if (news.inc > member.incarnation) becomeReborn(state, member, news.inc, null);
  member.rinc = news.rinc;
  if (news.state === "LEFT") becomeLeft(state, member);
  else if (news.state === "FAILED" && member.state !== "FAILED") becomeFailed(state, member, true);
  else if (news.state === "ALIVE" && member.address !== null) becomeAlive(state, member);
}

function believeAlive(state: NodeState, member: Member, rumour: Rumour): void {
  const isNews = rumour.inc > member.incarnation || rumour.rinc > member.rinc;
  // A later process of a peer that has just spoken would speak for itself.
  const isReplaced = rumour.inc > member.incarnation && isLive(member);
  if (!isNews || (isReplaced && isFresh(state, member))) return;
  if (rumour.inc > member.incarnation) becomeReborn(state, member, rumour.inc, null);
  member.rinc = rumour.rinc;
  if (member.address !== null) becomeAlive(state, member);
  spread(state, rumour);
}

function believeAccusation(state: NodeState, member: Member, rumour: Rumour): void {
  if (rumour.inc !== member.incarnation) return;
  // This node's rumour is old, and a peer that was cut off then would wait in vain for a second witness.
  if (member.state === "FAILED" && rumour.rinc === member.rinc) spread(state, rumourOf(state, member));
  if (!isLive(member)) return;
  member.rinc = rumour.rinc;
  if (state.detector.accusations.get(member.id)?.by.includes(rumour.by) === true) return;
  onAccusation(state, member, rumour.by);
  spread(state, rumour);
}

function believeFailed(state: NodeState, member: Member, rumour: Rumour): void {
  if (!isLive(member)) return;
  const standing = { state: member.state, inc: member.incarnation, rinc: member.rinc };
  if (compareStanding(rumour, standing) <= 0) return;
  if (!isOverdue(state, member) && !isConvicted(state, member, rumour.by) && state.rules.evidenceOfLife) {
    onAccusation(state, member, rumour.by);
    return;
  }
  if (rumour.inc > member.incarnation) becomeReborn(state, member, rumour.inc, null);
  member.rinc = rumour.rinc;
  becomeFailed(state, member, true);
}

/** This node heard the peer so lately that hearsay about its end counts less: by the next heartbeat it would have heard more. */
function isFresh(state: NodeState, member: Member): boolean {
  return silenceMs(state, member) < (5 * beatIntervalMs(state)) / 4 || state.nowMs < state.detector.graceUntilMs;
}

/** One heartbeat may be lost, and the first message of a peer that was cut off carries old news. */
function isOverdue(state: NodeState, member: Member): boolean {
  return (
    silenceMs(state, member) >= OVERDUE_BEATS * beatIntervalMs(state) && state.nowMs >= state.detector.graceUntilMs
  );
}

function silenceMs(state: NodeState, member: Member): number {
  return state.nowMs - (member.lastHeardAtMs ?? member.stateSinceMs);
}
