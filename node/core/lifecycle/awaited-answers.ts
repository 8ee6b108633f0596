/**
 * The answers for which a joiner waits before it is READY: others may know more of its own log than its disk does.
 *
 * A joiner that hears somebody waits for one answer. A joiner that was refused as an earlier process (STALE_INC) has an older copy of
 * its disk, or another one: it waits until every live member has answered, and until it has everything that they know, since its next
 * debit would otherwise use a number twice. Either wait ends with the hard failure bound: a peer that can't hear this node never answers.
 */
import { setTimer } from "../kernel/timers.ts";
import { entry } from "../kernel/vector-clock.ts";
import { durableClock } from "../ledger/ledger.ts";
import { durableAt, isLive, type Member } from "../membership/members.ts";
import type { NodeState } from "../state.ts";

export function beginWaiting(state: NodeState): void {
  state.join.isOverdue = false;
  setTimer(state.timers, "join-overdue", "", state.nowMs + state.config.timing.heartbeatTimeoutMs);
}

export function endWaiting(state: NodeState): void {
  state.join.isOverdue = true;
}

export function awaitsAnswers(state: NodeState): boolean {
  const { join } = state;
  if (join.isOverdue) return false;
  if (join.staleWrite !== null) return true;
  if (!join.isOutgrown && join.answers.size > 0) return false;
  const askable = [...state.members.values()].filter(willAnswer);
  if (!join.isOutgrown) return askable.length > 0;
  const own = entry(durableClock(state), state.self.id);
  return askable.some((member) => !hasTold(state, member) || durableAt(member, state.self.id) > own);
}

/** It was heard, and takes part. */
function willAnswer(member: Member): boolean {
  const { phase } = member;
  return (
    isLive(member) && member.lastHeardAtMs !== null && phase !== "HALTED" && phase !== "CONFLICT" && phase !== "LEAVING"
  );
}

/** By an answer to JOIN, or by the digest in a heartbeat. */
function hasTold({ join }: NodeState, member: Member): boolean {
  return join.answers.has(member.id) || member.ledgerHash !== null;
}
