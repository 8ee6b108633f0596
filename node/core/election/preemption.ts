/**
 * Preemption: a higher id takes over from a lower coordinator once it is READY and the group has been calm (Bully's preference).
 *
 * Idea: leaderships lost within a minute double the calm that is required, from the second one on, so a node that comes and goes
 * does not take the group with it. Preemptions that found no majority count alike: a node that can't win must not burn terms.
 * `DS_PREEMPT=0` keeps the incumbent.
 */

import { hasTimer, setTimer } from "../kernel/timers.ts";
import { isLive } from "../membership/members.ts";
import { beatIntervalMs } from "../membership/rumours.ts";
import type { NodeState } from "../state.ts";

/** Within one interval this node has heard every live node. */
const CALM_BEATS = 1;
/** One loss is a partition that healed: waiting longer for that only makes the heal longer. More of them are a habit. */
const LOSSES_FORGIVEN = 1;
const MEMORY_MS = 60_000;
const CALM_MAX_MS = 60_000;

/** Arms the timer while we should lead and don't. */
export function reviewPreemption(state: NodeState): void {
  if (!isEntitled(state) || hasTimer(state.timers, "preempt", "")) return;
  setTimer(state.timers, "preempt", "", Math.max(dueAtMs(state), state.nowMs + 1));
}

/** The calm that this node owes the group before it takes over, in milliseconds. */
export function calmNeededMs(state: NodeState): number {
  const lost = state.election.defeatsAtMs.filter((atMs) => state.nowMs - atMs <= MEMORY_MS).length;
  let spanMs = CALM_BEATS * beatIntervalMs(state);
  if (lost > LOSSES_FORGIVEN) for (let n = 0; n < lost; n++) spanMs *= 2;
  return Math.min(spanMs, CALM_MAX_MS);
}

function isEntitled(state: NodeState): boolean {
  const { config, phase, election, self } = state;
  if (!config.preempt || phase !== "READY" || election.coordinator === null || election.candidacy !== null)
    return false;
  if (election.coordinator >= self.id) return false;
  for (const member of state.members.values())
    if (member.id > self.id && isLive(member) && member.phase === "READY") return false;
  return true;
}

function dueAtMs(state: NodeState): number {
  const { calmSinceMs, readyAtMs } = state.election;
  return Math.max(calmSinceMs, readyAtMs ?? state.nowMs) + calmNeededMs(state);
}

function isDue(state: NodeState): boolean {
  return isEntitled(state) && state.nowMs >= dueAtMs(state);
}

export function onPreemptionDue(state: NodeState): void {
  if (isDue(state)) state.election.wanted = "preempt";
}
