/**
 * The members that a RECOVERING node waits for: each has to say what it knows of the log, and to promise to deliver nothing behind that.
 */

import type { RecoveryData } from "../../wire/control.ts";
import type { NodeId } from "../../wire/ids.ts";
import { abstentionText, awaitedTerms } from "../election/abstention.ts";
import { majority } from "../election/roles.ts";
import { entry } from "../kernel/vector-clock.ts";
import { balanceOf, durableClock } from "../ledger/ledger.ts";
import { aliveIds, isHere, isLive } from "../membership/members.ts";
import type { NodeState } from "../state.ts";
import { isCovered, isHeld } from "./fence.ts";
import type { FenceAnswer } from "./recovery-state.ts";
import { awaitedWitnesses } from "./witnesses.ts";

/** A member that a RECOVERING node waits for, and why; `id` null: it waits for enough voters. */
export interface Awaited {
  readonly id: NodeId | null;
  readonly why: string;
}

/** Number of the last own debit that is on this disk. */
export function lastKnown(state: NodeState): number {
  return entry(durableClock(state), state.self.id);
}

/** The answer of a member that still runs as the process that gave it. */
export function answerOf(state: NodeState, id: NodeId): FenceAnswer | undefined {
  const answer = state.recovery.answers.get(id);
  return answer !== undefined && answer.incarnation === state.members.get(id)?.incarnation ? answer : undefined;
}

export function isAnswered(state: NodeState, id: NodeId, stage: "ask" | "promise"): boolean {
  return whyOpen(state, id, stage) === null;
}

/** The members that have not answered at that stage. */
export function awaited(state: NodeState, stage: "ask" | "promise"): Awaited[] {
  const open: Awaited[] = [];
  for (const id of requiredIds(state)) {
    const why = whyOpen(state, id, stage);
    if (why !== null) open.push({ id, why });
  }
  const { config, self, recovery } = state;
  const { voters } = config;
  const next = lastKnown(state) + 1;
  if (recovery.acceptLoss === null && isHeld(state, self.id, next))
    open.push({ id: null, why: `its own debit ${next}, whose causes are missing` });
  if (voters.length === 0) return open;
  const heard = voters.filter((id) => id === self.id || answersAsVoter(state, id, stage)).length;
  if (heard < majority(state)) open.push({ id: null, why: `${heard} of the ${majority(state)} voters needed answer` });
  return open;
}

function answersAsVoter(state: NodeState, id: NodeId, stage: "ask" | "promise"): boolean {
  const answer = answerOf(state, id);
  return answer !== undefined && (stage === "ask" || answer.promisedAt === lastKnown(state));
}

/** With the loss accepted: the live members. Otherwise: all members ever, except those that left and whose records are here. */
function requiredIds(state: NodeState): NodeId[] {
  const { members, recovery, ledger, self } = state;
  if (recovery.acceptLoss !== null) return aliveIds(state);
  const ids = new Set([...ledger.accounts.keys(), ...recovery.answers.keys()]);
  for (const member of members.values()) if (member.state !== "UNKNOWN") ids.add(member.id);
  const covered = new Set<NodeId>();
  for (const answer of recovery.answers.values())
    for (const [id, isLeftCovered] of answer.absent) {
      ids.add(id);
      if (isLeftCovered === 1) covered.add(id);
    }
  ids.delete(self.id);
  return [...ids].filter((id) => isHere(state, id) || !(covered.has(id) || isCovered(state, id))).sort((a, b) => a - b);
}

/** Why that member is waited for; null: it isn't. */
function whyOpen(state: NodeState, id: NodeId, stage: "ask" | "promise"): string | null {
  const member = state.members.get(id);
  if (member === undefined || member.state === "UNKNOWN") return "has not been heard; start it";
  if (!isLive(member))
    return member.state === "LEFT"
      ? "left with debits that nobody else is known to have; start it"
      : "FAILED; start it";
  const answer = answerOf(state, id);
  if (answer === undefined)
    return `has not answered yet${member.phase === "READY" ? "" : ` (${member.phase ?? "starting"})`}`;
  const last = lastKnown(state);
  const isOutOfReach = answer.endsAt === last && state.rules.unreachableGivenUp;
  if (answer.have > last && !isOutOfReach) return `has debit ${answer.have} of this node, which is being fetched`;
  if (answer.phase === "RECOVERING" && state.recovery.acceptLoss === null) return "lost its disk too";
  if (stage === "promise" && answer.promisedAt !== last) return "has not promised yet";
  return null;
}

/** `waits for Node 4 (FAILED; start it)`, for status, nodes, journal and refusals; empty: for nothing. An abstaining voter says so. */
export function waitingText(state: NodeState): string {
  // It has stopped for good.
  if (state.phase === "CONFLICT" || state.phase === "HALTED") return "";
  const witnesses = awaitedText(awaitedWitnesses(state));
  if (witnesses !== "") return witnesses;
  if (!isRecovering(state)) return abstentionText(state) || debitsText(state);
  if (state.phase !== "RECOVERING") return "waits for somebody who knows its account";
  return awaitedText(awaited(state, "ask")) || "waits for the last promises";
}

const NAMED_MAX = 8;

/** A node without a disk whose account isn't new goes on when it has all that others have named. */
function debitsText({ phase, join, ledger, causal }: NodeState): string {
  if (phase !== "SYNCING" || !join.lostDisk || !join.isOverdue) return "";
  const missing = [...(causal.sync?.target ?? [])].filter(([id, seq]) => seq > entry(ledger.durable, id));
  const names = missing.slice(0, NAMED_MAX).map(([id, seq]) => `Node ${id} up to ${seq}`);
  return names.length === 0 ? "" : `waits for debits that others have named, in the logs of ${names.join(", ")}`;
}

/** Empty: nobody is waited for. */
export function awaitedText(open: readonly Awaited[]): string {
  const parts = open.map(({ id, why }) => (id === null ? why : `Node ${id} (${why})`));
  return parts.length === 0 ? "" : `waits for ${parts.join(", ")}`;
}

/** The disk was lost, and the node has not recovered yet. */
export function isRecovering(state: NodeState): boolean {
  return state.join.lostDisk && state.config.durable;
}

function awaitedVoters(state: NodeState): Awaited[] {
  return awaitedTerms(state).map((id) => ({ id, why: "a voter that has not told its last term" }));
}

export function describeRecovery(state: NodeState): RecoveryData {
  const open = isRecovering(state) ? awaited(state, "ask") : [...awaitedWitnesses(state), ...awaitedVoters(state)];
  return {
    state: state.phase,
    at: lastKnown(state),
    balance: balanceOf(state, state.self.id),
    waiting_for: open,
    at_risk: open.flatMap(({ id }) => (id === null || isHere(state, id) ? [] : [id])),
  };
}
