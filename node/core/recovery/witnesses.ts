/**
 * Witnesses of an account: the other voters that have it on their disks.
 *
 * A node that finds an empty disk can't tell whether it is new or has lost everything, so its own ignorance proves nothing. It asks the
 * other voters: a strict majority of them has to say that it knows no account, and then to have the new one on disk, before the node may
 * pay or vote. Two such majorities share a voter. So an account that was ever used is known to somebody whom the next empty disk has to ask,
 * unless that voter has lost its disk too. Voters that all start for the first time need nobody else: none of them can have been used.
 */
import type { NodeId } from "../../wire/ids.ts";
import { isVoter, majorityOfOthers } from "../election/roles.ts";
import { accountOf } from "../ledger/ledger.ts";
import type { NodeState } from "../state.ts";
import type { Awaited } from "./awaited.ts";

/** True when enough other voters have answered that they know no account of this node, and nobody that it knows one. */
export function isUnknownToWitnesses(state: NodeState): boolean {
  const { answers, lossAccepted } = state.join;
  let unknown = 0;
  for (const [id, { accountKnown }] of answers) {
    if (accountKnown) return false;
    if (isVoter(state, id)) unknown += 1;
  }
  return lossAccepted || unknown >= majorityOfOthers(state);
}

/** A node has this node's account on its disk. True when that makes the account usable. */
export function noteWitness(state: NodeState, from: NodeId): boolean {
  const { config, join } = state;
  if (config.voters.length === 0) return true;
  if (isVoter(state, from)) join.witnesses.add(from);
  return join.witnesses.size >= majorityOfOthers(state);
}

/** Whom a node without a usable account waits for; empty: it has one, or there are no voters to wait for. */
export function awaitedWitnesses(state: NodeState): Awaited[] {
  const { config, join, self, members } = state;
  if (join.confirmed || join.lostDisk || config.voters.length === 0) return [];
  const isMinted = accountOf(state, self.id) !== undefined;
  const open = config.voters.filter((id) => id !== self.id && !(isMinted ? join.witnesses : join.answers).has(id));
  const stillNeeded =
    majorityOfOthers(state) - (config.voters.length - open.length - (isVoter(state, self.id) ? 1 : 0));
  if (stillNeeded <= 0) return [];
  const awaited = open.map((id) => {
    const isHeard = (members.get(id)?.lastHeardAtMs ?? null) !== null;
    return { id, why: isHeard ? "a voter that has not answered yet" : "a voter that has not been heard; start it" };
  });
  return open.length === stillNeeded ? awaited : [{ id: null, why: `${stillNeeded} of these voters` }, ...awaited];
}
