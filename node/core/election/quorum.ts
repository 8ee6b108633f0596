/**
 * Check quorum: an elected coordinator that has lost sight of most voters says so and goes on as provisional.
 *
 * This is honesty, not a lock (node/protocol/election.md): another node may be elected in a later term at any time, and the promise is
 * only that nobody else ever is in this one. Idea: CheckQuorum of etcd's raft, without its leases.
 */

import { setTimer } from "../kernel/timers.ts";
import { hurryHeartbeat } from "../membership/rumours.ts";
import { shortestSuspicionMs } from "../membership/suspicion.ts";
import type { NodeState } from "../state.ts";
import { becomeProvisional, isVoter, majority, tell } from "./roles.ts";

/** Silence of a majority of voters that ends "elected", in milliseconds: the voters probe the coordinator in every round. */
function detectionMs(state: NodeState): number {
  const { probeIntervalMs, probeTimeoutMinMs } = state.config.timing;
  return shortestSuspicionMs(state) + probeIntervalMs + 2 * probeTimeoutMinMs;
}

export function checkQuorum(state: NodeState): void {
  const { election, config } = state;
  if (election.coordinator !== state.self.id || config.voters.length === 0) return;
  setTimer(state.timers, "quorum", "", state.nowMs + config.timing.probeIntervalMs);
  const own = isVoter(state, state.self.id) ? 1 : 0;
  if (election.elected) {
    let heard = own;
    for (const id of config.voters) {
      const at = state.members.get(id)?.lastHeardAtMs ?? null;
      if (at !== null && state.nowMs - at <= detectionMs(state)) heard += 1;
    }
    if (heard < majority(state) && state.rules.checkQuorum)
      becomeProvisional(state, "Lost sight of a majority of the voters");
  } else if (election.wonTerm > 0 && election.wonTerm === election.claimTerm && election.term === election.claimTerm) {
    if (own + election.support.length < majority(state)) return;
    election.elected = true;
    tell(state, "info", "I am now the COORDINATOR");
    hurryHeartbeat(state);
  }
}

/** After a freeze this node doesn't know who leads: the next messages decide whether it still does. */
export function doubtLeadership(state: NodeState): void {
  const { election, config } = state;
  if (election.coordinator !== state.self.id) return;
  if (election.elected) becomeProvisional(state, "Still the coordinator, as far as this node knows");
  setTimer(state.timers, "quorum", "", state.nowMs + config.timing.probeTimeoutMinMs);
}
