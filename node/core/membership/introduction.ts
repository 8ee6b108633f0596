/** JOIN: how a node introduces itself, and asks what others know of its account. */

import type { NodeId } from "../../wire/ids.ts";
import type { Payload } from "../../wire/message.ts";
import { multicast, nextMsgId, type Place, unicastTo } from "../kernel/outbox.ts";
import { accountOf, durableClock, ledgerHash } from "../ledger/ledger.ts";
import type { NodeState } from "../state.ts";

/** Versions of the protocol that this build speaks. */
export const PROTO = { min: 2, max: 2 } as const;

export function multicastJoin(state: NodeState): void {
  multicast(state, "JOIN", joinPayload(state));
}

/** To where the peer is believed to be; nowhere if nobody has said. */
export function sendJoin(state: NodeState, id: NodeId): void {
  const { bootId = null, address = null } = state.members.get(id) ?? {};
  if (address !== null) sendJoinTo(state, { id, bootId, address });
}

export function sendJoinTo(state: NodeState, to: Place): void {
  unicastTo(state, to, "JOIN", joinPayload(state));
}

function joinPayload(state: NodeState): Payload<"JOIN"> {
  const own = accountOf(state, state.self.id);
  // This node may forget an account that is not on disk yet, so it tells nobody.
  const isDurable = own !== undefined && durableClock(state).has(state.self.id);
  return {
    msg_id: nextMsgId(state),
    boot_id: state.self.bootId,
    nonce: state.join.nonce,
    proto: PROTO,
    account: isDurable ? own.genesis : null,
    have_hash: ledgerHash(state),
  };
}
